"""Sweeps of the stream's detector over generated minutes: the compiled minute itself, thousands of days."""

from typing import NamedTuple

import numpy as np
from numba import njit

from guardian.learning.pages import Felt, Labelled, felt
from guardian.simulation.counts import CODES, Counts, Wander, clean_counts
from guardian.simulation.counts_incidents import Injected, days_of, inject, schedule
from guardian.simulation.profile import DAY_MINUTES, STATUSES, Floats, Ints
from guardian.watching.ahead import look_ahead
from guardian.watching.detector import DENIED
from guardian.watching.minute import judge_minute
from guardian.watching.parameters import KEYS
from guardian.watching.series import SeriesTable
from guardian.watching.state import HAS_CURVE, NOTICE, OPEN, SENDS, new_state, state_of
from guardian.watching.state import Floats as State

AHEAD = (60, 179)
"""Minutes between the last one judged and the one forecast: an hour, and the farthest that is shown."""
FORECAST_EVERY = 20
CLEAN_BEFORE = 10
"""No alarm may have been open in so many minutes before an incident, or it does not count as found."""


class Result(NamedTuple):
    """Of one stream: minutes and names of alerts, and per minute whether any alarm was open."""

    alerts: list[tuple[int, str]]
    is_open: Ints


@njit(nogil=True)
def judge_all(S: State, totals: Floats, x: Floats, budget: float, sent: Ints, is_open: Ints) -> None:
    """Every minute from a midnight on."""
    for minute in range(len(totals)):
        judge_minute(S, minute % 1440, totals[minute], x[minute], budget)
        for key in range(len(S.key)):
            sent[minute, key] = 0 < S.score[key, SENDS] < NOTICE
            if S.key[key, OPEN] > 0:
                is_open[minute] = 1


@njit(nogil=True)
def judge_on(S: State, totals: Floats, x: Floats, since: int, until: int) -> None:
    """Minutes counted from a midnight on, without a look at what they raise."""
    for minute in range(since, until):
        judge_minute(S, minute % 1440, totals[minute], x[minute], 0.0)


def columns(counts: Counts, with_codes: bool) -> tuple[SeriesTable, State, State]:
    """The names of the slots, the total of every minute, and its counts, (minutes, SLOTS)."""
    table = SeriesTable()
    table.columns(dict.fromkeys(STATUSES, 1), dict.fromkeys(CODES, 1) if with_codes else {})
    x = np.zeros((len(counts.by_status), KEYS - 2))
    for column, status in enumerate(STATUSES[1:], start=1):
        x[:, table.statuses[status]] = counts.by_status[:, column]
    for column, code in enumerate(CODES if with_codes else ()):
        x[:, table.codes[code]] = counts.by_code[:, column]
    return table, counts.by_status.sum(axis=1).astype(float), x


def judge(counts: Counts, with_codes: bool, budget: float = 0.0) -> Result:
    """The alerts, as `StreamDetector` names them."""
    table, totals, x = columns(counts, with_codes)
    sent, is_open = np.zeros((len(totals), KEYS), np.int64), np.zeros(len(totals), np.int64)
    judge_all(new_state(), totals, x, budget, sent, is_open)
    alerts = [(minute, name) for minute, key in np.argwhere(sent).tolist() for name in names(table, key)]
    return Result(alerts, is_open)


def names(table: SeriesTable, key: int) -> tuple[str, ...]:
    """A code is said of the denials as well."""
    name = table.name(key)
    return (name, DENIED) if SeriesTable.is_code(key) else (name,)


class Case(NamedTuple):
    """One stream to judge: day curve, seed, whether with codes; days without incidents if `days` is set."""

    curve: Floats
    seed: int
    with_codes: bool
    days: int = 0
    wander: Wander = Wander()


class Outcome(NamedTuple):
    """An incident of the sweep: delay in minutes, -1 when it was not found."""

    incident: Injected
    delay: int


def incidents(case: Case) -> tuple[list[Outcome], Felt]:
    """One of each kind and severity."""
    plan = schedule(case.seed)
    counts = clean_counts(case.curve, days_of(plan), case.seed, case.wander)
    inject(counts, plan, case.seed)
    result = judge(counts, case.with_codes)
    labels = [Labelled(one.start, one.end, one.statuses) for one in plan]
    scored = felt(labels, result.alerts)
    outcomes = []
    for place, one in enumerate(plan):
        quiet = not result.is_open[one.start - CLEAN_BEFORE : one.start].any()
        outcomes.append(Outcome(one, scored.delays.get(place, -1) if quiet else -1))
    return outcomes, scored


def clean(case: Case) -> tuple[int, int, list[tuple[int, str]]]:
    """Pages on the first day, pages after it, and all alerts."""
    counts = clean_counts(case.curve, case.days, case.seed, case.wander)
    alerts = judge(counts, case.with_codes).alerts
    first = felt([], [one for one in alerts if one[0] < DAY_MINUTES]).pages
    return first, felt([], [one for one in alerts if one[0] >= DAY_MINUTES]).pages, alerts


def held(case: Case) -> dict[int, dict[str, tuple[int, int]]]:
    """By minutes ahead and series: minutes inside the range forecast for them, and all that were forecast."""
    counts = clean_counts(case.curve, case.days, case.seed, case.wander)
    table, totals, x = columns(counts, case.with_codes)
    seen = np.column_stack([totals, counts.by_status[:, 0], x])
    state, ahead = new_state(), np.empty((1, KEYS, 3))
    state.used[[*table.statuses.values(), *table.codes.values()]] = 1
    found: dict[int, dict[str, list[bool]]] = {minutes: {} for minutes in AHEAD}
    for until in range(FORECAST_EVERY, len(totals) - max(AHEAD), FORECAST_EVERY):
        judge_on(state, totals, x, until - FORECAST_EVERY, until)
        for minutes in AHEAD if state.clock[HAS_CURVE] else ():
            look_ahead(state_of(state.tobytes()), minutes, ahead)
            for row, name in table.rows():
                inside = ahead[0, row, 1] <= seen[until + minutes, row] <= ahead[0, row, 2]
                found[minutes].setdefault(name, []).append(bool(inside))
    return {
        minutes: {name: (sum(inside), len(inside)) for name, inside in of_series.items()}
        for minutes, of_series in found.items()
    }
