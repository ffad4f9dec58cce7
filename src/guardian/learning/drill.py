"""Fire drills on minute counts: a copy of the traffic is degraded, and the live detector judges it. Pure."""

from collections.abc import Collection, Iterable, Iterator
from statistics import median
from typing import Final

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from guardian.domain.calendar import Calendar
from guardian.domain.clock import MINUTE_MS
from guardian.domain.drill import CaseResult, Practised
from guardian.domain.transaction import LIVE
from guardian.learning.pages import GRACE_MINUTES, Labelled, felt
from guardian.simulation.counts import DENIED, Counts
from guardian.simulation.counts_incidents import FIRST_START, LAST_START, SKEW_MINUTES, SWEEP, Place, length
from guardian.simulation.incidents import KINDS
from guardian.simulation.profile import DAY_MINUTES
from guardian.watching.cases import Case
from guardian.watching.detector import StreamDetector
from guardian.watching.series import APPROVED_CODE
from guardian.watching.stretch import Stretch, unpacked

LEARNT_MINUTES: Final = 2 * DAY_MINUTES
"""Before the first drill, at least; else half of what there is."""
STARTS: Final = 24
APART: Final = 15
"""Minutes to begin in for each start: close ones would be one drill twice."""
AFTER_START: Final = 320
"""Minutes that the longest injection takes, and its echo."""
BEFORE_START: Final = 60
SMOOTHED: Final = 61
UNCODED: Final = ""
"""What denials without a code have in its place."""


class Outcome(msgspec.Struct, frozen=True, order=True):
    """One drill. Without a delay it was not found."""

    kind: str
    severity: float
    segment: str
    delay_minutes: int | None


def sizes(kind: str) -> tuple[float, ...]:
    """The smallest, the middle and the largest severity of a kind."""
    known = SWEEP[kind].severities
    return tuple(dict.fromkeys((known[0], known[len(known) // 2], known[-1])))


def tallied(outcomes: Iterable[Outcome]) -> list[Practised]:
    """How often and how soon each kind, severity and segment was found; all traffic first, then by kind."""
    rows: dict[tuple[str, float, str], list[int | None]] = {}
    for one in outcomes:
        rows.setdefault((one.kind, one.severity, one.segment), []).append(one.delay_minutes)
    found = {key: [delay for delay in delays if delay is not None] for key, delays in rows.items()}
    every = [
        Practised(*key, len(delays), len(found[key]), median(found[key]) if found[key] else None)
        for key, delays in rows.items()
    ]
    order = {kind: place for place, kind in enumerate(SWEEP)}
    return sorted(every, key=lambda one: (bool(one.segment), order.get(one.kind, 0), one.severity))


def starts(traffic: Stretch, busy: Iterable[tuple[int, int]], calendar: Calendar, seed: int) -> list[int]:
    """Minutes at which drills may begin, spread over the days after those that are only learnt.

    By day, where there is traffic, and away from the spans `busy` (times in which something was wrong).
    """
    first, last = max(LEARNT_MINUTES, len(traffic) // 2), len(traffic) - AFTER_START
    wrong = np.zeros(len(traffic) + 1, bool)
    for since_ms, until_ms in busy:
        since = (since_ms - traffic.first_ms) // MINUTE_MS - AFTER_START
        until = (until_ms - traffic.first_ms) // MINUTE_MS + BEFORE_START
        wrong[max(0, since) : max(0, until)] = True
    came = np.concatenate([[0], np.cumsum(traffic.by_status.sum(axis=1))])
    fit = [
        minute
        for minute in range(first, last)
        if not wrong[minute]
        and came[minute] > came[minute - BEFORE_START]
        and FIRST_START <= calendar.day(traffic.first_ms + minute * MINUTE_MS)[1] < LAST_START
    ]
    rng = np.random.default_rng([seed, 21])
    count = min(STARTS, -(-len(fit) // APART))
    return [int(rng.choice(some)) for some in np.array_split(np.array(fit, int), count)] if count else []


def practised(traffic: Stretch, at: Collection[int], budget_decades: float, seed: int) -> Iterator[Outcome]:
    """Every kind at every start; none where the detector has an alarm, or would have one undisturbed."""
    detector, standing = StreamDetector(LIVE, budget_decades), set[str]()
    means = _smoothed(traffic.by_status)
    for number, minute in enumerate(traffic.minutes()):
        if number in at and not standing:
            hours = traffic.part(number, number + AFTER_START)
            yield from _branches(
                detector.to_bytes(), hours, means[number : number + AFTER_START], seed + number
            )
        judged = detector.judge(*minute, with_points=False)
        standing |= {one.anomaly_id for one in judged.anomalies}
        standing -= {one.anomaly_id for one in judged.over}


def _branches(learnt: bytes, hours: Stretch, means: NDArray[np.float64], seed: int) -> Iterator[Outcome]:
    if _alerts(StreamDetector.from_bytes(learnt), hours):
        return
    for kind in SWEEP:
        for number, severity in enumerate(sizes(kind)):
            rng = np.random.default_rng([seed, number])
            minutes = length(kind, severity, rng)
            disturbed = degraded(hours, means, kind, severity, minutes, rng)
            if disturbed is None:
                continue
            watched = disturbed.part(0, minutes + SKEW_MINUTES + GRACE_MINUTES)
            alerts = _alerts(StreamDetector.from_bytes(learnt), watched)
            label = Labelled(0, minutes - 1, KINDS[kind].statuses)
            yield Outcome(kind, severity, "", felt([label], alerts).delays.get(0))


def degraded(
    hours: Stretch,
    means: NDArray[np.float64],
    kind: str,
    severity: float,
    minutes: int,
    rng: np.random.Generator,
) -> Stretch | None:
    """The hours with an incident of so many minutes at their beginning; None where it changes nothing."""
    denials = _denials(hours)
    weights = denials.sum(axis=0) / max(1, denials.sum())
    counts = Counts(
        hours.by_status.copy(), denials.copy(), means, (*hours.codes, UNCODED), tuple(weights.tolist())
    )
    SWEEP[kind].change(Place(counts, slice(0, minutes), rng), severity)
    by_code = hours.by_code + (counts.by_code - denials)[:, :-1]
    by_code[counts.by_status.sum(axis=1) == 0] = 0
    if np.array_equal(counts.by_status, hours.by_status) and np.array_equal(by_code, hours.by_code):
        return None
    return replace(hours, by_status=counts.by_status, by_code=by_code)


def caught(cases: Iterable[Case], budget_decades: float) -> Iterator[CaseResult]:
    """What the detector, having learnt the days before each case, makes of it."""
    for case in cases:
        stretch = unpacked(case.packed)
        alerts = _alerts(StreamDetector(case.source, budget_decades), stretch)
        start, end = ((ms - stretch.first_ms) // MINUTE_MS for ms in (case.start_ms, case.end_ms))
        delay = felt([Labelled(start, end, (case.status,))], alerts).delays.get(0)
        yield CaseResult(case.case_id, case.series, case.start_ms, delay)


def _alerts(detector: StreamDetector, minutes: Stretch) -> list[tuple[int, str]]:
    """Minute of the stretch and status of what would page."""
    return [
        (number, anomaly.status)
        for number, minute in enumerate(minutes.minutes())
        for anomaly in detector.judge(*minute, with_points=False).anomalies
    ]


def _denials(hours: Stretch) -> NDArray[np.int64]:
    """Denials by code, the last column those without: a code may be on other statuses as well."""
    denied = hours.by_status[:, DENIED]
    codes = hours.by_code * np.array([code != APPROVED_CODE for code in hours.codes], np.int64)
    part = np.minimum(1.0, denied / np.maximum(1, codes.sum(axis=1)))
    of_codes = np.floor(codes * part[:, None]).astype(np.int64)
    return np.column_stack([of_codes, denied - of_codes.sum(axis=1)])


def _smoothed(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """The mean of the hour around each minute: what was expected of it, near enough to size an injection."""
    half = SMOOTHED // 2
    padded = np.pad(counts.astype(float), ((half + 1, half), (0, 0)), mode="edge")
    sums = np.cumsum(padded, axis=0)
    means: NDArray[np.float64] = (sums[SMOOTHED:] - sums[:-SMOOTHED]) / SMOOTHED
    return means
