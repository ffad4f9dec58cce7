"""The twelve kinds of incident of the reference sweep, put into minute counts at their severities."""

from collections.abc import Callable
from typing import Final

import msgspec
import numpy as np

from guardian.simulation.counts import (
    APPROVED,
    BACKEND_REVERSED,
    DENIED,
    FAILED,
    REVERSED,
    Counts,
)
from guardian.simulation.incidents import KINDS
from guardian.simulation.profile import DAY_MINUTES, Floats

FIRST_START, LAST_START = 7 * 60, 22 * 60
BIN_CODES: Final = {"14": 0.47, "05": 0.31, "59": 0.22}
"""What the denials of one BIN under attack are: wrong number, do not honour, suspected fraud."""
SUSPECTED: Final = "59"
HELD_BACK, SKEW_MINUTES = 0.7, 7


class Injected(msgspec.Struct, frozen=True):
    """An incident in counts; both minutes belong to it."""

    kind: str
    severity: float
    start: int
    end: int

    @property
    def statuses(self) -> tuple[str, ...]:
        """The statuses and codes that it touches."""
        return KINDS[self.kind].statuses


class Place(msgspec.Struct, frozen=True):
    """Where an incident acts."""

    counts: Counts
    at: slice
    rng: np.random.Generator


Change = Callable[[Place, float], None]


def _keep(place: Place, share: float) -> None:
    """Of approvals and denials each survives with probability `share`."""
    rows, codes, at = place.counts.by_status, place.counts.by_code, place.at
    rows[at, APPROVED] = place.rng.binomial(rows[at, APPROVED], share)
    codes[at] = place.rng.binomial(codes[at], share)
    rows[at, DENIED] = codes[at].sum(axis=1)


def _deny(place: Place, extra: Floats, shares: tuple[float, ...]) -> None:
    """`extra` more denials a minute on average, of these codes."""
    more = place.rng.multinomial(place.rng.poisson(extra), shares)
    place.counts.by_code[place.at] += more
    place.counts.by_status[place.at, DENIED] += more.sum(axis=1)


def _add(place: Place, status: int, mean: Floats) -> None:
    place.counts.by_status[place.at, status] += place.rng.poisson(mean)


def _outage(place: Place, severity: float) -> None:
    _keep(place, 1.0 - severity)


def _missing(place: Place, severity: float) -> None:
    del severity
    place.counts.by_status[place.at] = 0
    place.counts.by_code[place.at] = 0


def _stall(place: Place, severity: float) -> None:
    """Most of everything is held back for `severity` minutes and then comes within one."""
    held = slice(place.at.start, place.at.start + round(severity))
    for table in (place.counts.by_status, place.counts.by_code):
        waiting = place.rng.binomial(table[held], HELD_BACK)
        table[held] -= waiting
        table[held.stop] += waiting.sum(axis=0)
    place.counts.by_status[held, DENIED] = place.counts.by_code[held].sum(axis=1)
    place.counts.by_status[held.stop, DENIED] = place.counts.by_code[held.stop].sum()


def _duplicates(place: Place, severity: float) -> None:
    rows, codes, at = place.counts.by_status, place.counts.by_code, place.at
    rows[at, APPROVED] += place.rng.binomial(rows[at, APPROVED], severity)
    codes[at] += place.rng.binomial(codes[at], severity)
    rows[at, DENIED] = codes[at].sum(axis=1)


def _of_one_bin(place: Place, severity: float) -> None:
    """The usual mix of codes where those of such an attack are not known."""
    known = BIN_CODES.keys() <= set(place.counts.codes)
    shares = tuple(BIN_CODES.get(code, 0.0) for code in place.counts.codes)
    shares = shares if known else place.counts.code_shares
    _deny(place, severity * place.counts.means[place.at, DENIED], shares)


def _suspected_fraud(place: Place, severity: float) -> None:
    shares = tuple(float(code == SUSPECTED) for code in place.counts.codes)
    if any(shares):
        usual = place.counts.code_shares[place.counts.codes.index(SUSPECTED)]
        _deny(place, severity * usual * place.counts.means[place.at, DENIED], shares)


def _drift(place: Place, severity: float) -> None:
    usual = place.counts.means[place.at, DENIED]
    _deny(place, severity * usual * np.linspace(0.0, 1.0, len(usual)), place.counts.code_shares)


def _failures(place: Place, severity: float) -> None:
    _add(place, FAILED, severity * place.counts.means[place.at].sum(axis=1))


def _reversals(place: Place, severity: float) -> None:
    _add(place, REVERSED, severity * place.counts.means[place.at, REVERSED])


def _backend_reversals(place: Place, severity: float) -> None:
    _add(place, BACKEND_REVERSED, severity * place.counts.means[place.at, BACKEND_REVERSED])


def _late_clock(place: Place, severity: float) -> None:
    """severity / (1 + severity) of all authorisations carry a clock that is seven minutes ahead."""
    share = severity / (1.0 + severity)
    codes = range(len(place.counts.codes))
    for table, columns in ((place.counts.by_status, [APPROVED]), (place.counts.by_code, codes)):
        for column in columns:
            wrong = place.rng.binomial(table[place.at, column], share)
            table[place.at, column] -= wrong
            table[place.at.start + SKEW_MINUTES : place.at.stop + SKEW_MINUTES, column] += wrong
    touched = slice(place.at.start, place.at.stop + SKEW_MINUTES)
    place.counts.by_status[touched, DENIED] = place.counts.by_code[touched].sum(axis=1)


class Sweep(msgspec.Struct, frozen=True):
    """A kind's severities, how many minutes it lasts (from, to), and what it does."""

    severities: tuple[float, ...]
    minutes: tuple[int, int]
    change: Change


SWEEP: Final = {
    "outage_total": Sweep((1.0,), (20, 60), _outage),
    "missing_minutes": Sweep((3.0, 6.0, 15.0, 30.0), (0, 0), _missing),
    "short_stall": Sweep((2.0, 3.0, 4.0), (2, 2), _stall),
    "partial_outage": Sweep((0.05, 0.1, 0.15, 0.2, 0.3, 0.5), (20, 60), _outage),
    "duplicate_storm": Sweep((0.1, 0.2, 0.3, 0.5, 1.0), (8, 25), _duplicates),
    "denial_spike_bin": Sweep((0.15, 0.25, 0.5, 1.0, 2.0), (12, 30), _of_one_bin),
    "auth59_burst": Sweep((0.5, 1.0, 2.0, 4.0, 8.0), (10, 30), _suspected_fraud),
    "failed_surge": Sweep((0.0003, 0.001, 0.003, 0.01, 0.03), (20, 60), _failures),
    "reversed_surge": Sweep((0.5, 1.0, 2.0, 4.0, 10.0), (12, 40), _reversals),
    "backend_reversed_surge": Sweep((1.0, 3.0, 10.0, 30.0), (12, 40), _backend_reversals),
    "slow_drift": Sweep((0.1, 0.2, 0.3, 0.5, 1.0), (180, 300), _drift),
    "clock_skew": Sweep((0.2, 0.5, 1.0), (30, 50), _late_clock),
}
PAIRS: Final = tuple((kind, severity) for kind, sweep in SWEEP.items() for severity in sweep.severities)
"""The 51 kinds and severities."""


def length(kind: str, severity: float, rng: np.random.Generator) -> int:
    """How many minutes; where the severity is a number of minutes, it decides."""
    shortest, longest = SWEEP[kind].minutes
    of_severity = round(severity) if kind in ("missing_minutes", "short_stall") else 0
    return of_severity + int(rng.integers(shortest, longest + 1))


def schedule(seed: int) -> list[Injected]:
    """Every pair once, in any order, two hours and more apart, from 07 to 22 h of days after the first."""
    rng = np.random.default_rng([seed, 12])
    plan: list[Injected] = []
    day, at = 1, FIRST_START + int(rng.integers(0, 30))
    for place in rng.permutation(len(PAIRS)).tolist():
        kind, severity = PAIRS[place]
        minutes = length(kind, severity, rng)
        if at > LAST_START or at + minutes > DAY_MINUTES:
            day, at = day + 1, FIRST_START + int(rng.integers(0, 30))
        start = day * DAY_MINUTES + at
        plan.append(Injected(kind, severity, start, start + minutes - 1))
        at += minutes + int(rng.integers(120, 200))
    return plan


def days_of(plan: list[Injected]) -> int:
    """How many days the incidents need."""
    return (plan[-1].end + SKEW_MINUTES) // DAY_MINUTES + 1


def inject(counts: Counts, plan: list[Injected], seed: int) -> None:
    """Put the incidents into the counts."""
    for number, one in enumerate(plan):
        rng = np.random.default_rng([seed, 13, number])
        place = Place(counts, slice(one.start, one.end + 1), rng)
        SWEEP[one.kind].change(place, one.severity)
