"""What kind of disturbance of all traffic it is: silence, backlog, duplicates, a wrong clock, late data."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import dropwhile, pairwise, takewhile
from math import sqrt

import msgspec

from guardian.domain.anomaly import WHOLE_SYSTEM, Anomaly, Nature
from guardian.domain.clock import MINUTE_MS
from guardian.domain.window import BY_CODE, BY_STATUS
from guardian.storage.base import MinuteStore, Sample, SampleStore

LOOK_BACK_MINUTES = 30
ROWS = 20_000
MOST_OF_IT = 0.5
"""The part of a change that must be explained for it to be called so."""
FAR_OFF_SD = 4.0
SWINGS = 3
"""Times that the minutes go from far below to far above or back; a stall that catches up does so once."""


class Lately(msgspec.Struct, frozen=True):
    """The last minutes up to the anomaly's: counted now, counted when they were judged, and expected."""

    counted: Sequence[float]
    judged: Sequence[float]
    expected: Sequence[float]


class NatureFinder:
    """Looks at the minutes and transactions just before an anomaly of all traffic."""

    def __init__(self, samples: SampleStore, minutes: MinuteStore) -> None:
        self._samples = samples
        self._minutes = minutes

    def nature_of(self, anomaly: Anomaly) -> tuple[Nature, float] | None:
        """The nature and the number that shows it, see `Nature`; None where it is none of these."""
        if anomaly.series != WHOLE_SYSTEM:
            return None
        end_ms = anomaly.minute_ms + MINUTE_MS
        since_ms = end_ms - anomaly.window_minutes * MINUTE_MS
        found = of_minutes(anomaly, self._lately(anomaly, end_ms))
        if found is None and anomaly.direction == "up":
            now = self._samples.sample(anomaly.source, since_ms, end_ms, ROWS)
            before = self._samples.sample(anomaly.source, 2 * since_ms - end_ms, since_ms, ROWS)
            found = of_rows(anomaly, now, before)
        return found

    def _lately(self, anomaly: Anomaly, end_ms: int) -> Lately:
        since_ms = end_ms - LOOK_BACK_MINUTES * MINUTE_MS
        source = anomaly.source
        counts = self._minutes.counts(source, BY_STATUS, since_ms, end_ms)
        counts = counts or self._minutes.counts(source, BY_CODE, since_ms, end_ms)
        points = self._minutes.points(source, [WHOLE_SYSTEM], since_ms, end_ms)
        known = {point.minute_ms: point for point in points}
        minutes = [at_ms for at_ms in range(since_ms, end_ms, MINUTE_MS) if at_ms in known]
        return Lately(
            counted=[float(sum(counts.get(at_ms, {}).values())) for at_ms in (*minutes, anomaly.minute_ms)],
            judged=[*(float(known[at_ms].observed) for at_ms in minutes), anomaly.observed],
            expected=[*(known[at_ms].expected for at_ms in minutes), anomaly.expected],
        )


def of_minutes(anomaly: Anomaly, lately: Lately) -> tuple[Nature, float] | None:
    """What the minutes alone show."""
    off = far_off(lately)
    swings = sum(one > 0 > other or one < 0 < other for one, other in pairwise(filter(None, off)))
    if swings >= SWINGS and abs(sum(off)) < MOST_OF_IT * sum(map(abs, off)):
        return Nature.CLOCK_SKEW, float(swings)
    change = abs(anomaly.observed - anomaly.expected) * anomaly.window_minutes
    if anomaly.direction == "up":
        missing = hole_before(off)
        return (Nature.CATCH_UP, missing) if missing >= MOST_OF_IT * change else None
    late = sum(max(0.0, now - then) for now, then in zip(lately.counted, lately.judged, strict=True))
    if late >= MOST_OF_IT * change:
        return Nature.LATE, late
    return (Nature.SILENCE, 0.0) if anomaly.observed == 0 else None


def far_off(lately: Lately) -> list[float]:
    """How far the minutes are from what was expected, 0 where that may be noise."""
    return [
        seen - mean if abs(seen - mean) > FAR_OFF_SD * sqrt(max(mean, 1.0)) else 0.0
        for seen, mean in zip(lately.judged, lately.expected, strict=True)
    ]


def hole_before(off: Sequence[float]) -> float:
    """How many were missing in the hole that the newest minutes, far above, follow."""
    before = dropwhile(lambda one: one > 0, reversed(off))
    return -sum(takewhile(lambda one: one < 0, before))


def of_rows(anomaly: Anomaly, now: Sample, before: Sample) -> tuple[Nature, float] | None:
    """Whether most of what is too much is the same merchant, BIN and amount once more; its part of all."""
    extra = 1 - anomaly.expected / max(anomaly.observed, 1e-9)
    again = repeated(now) - repeated(before)
    return (Nature.DUPLICATES, again) if again >= MOST_OF_IT * extra else None


def repeated(sample: Sample) -> float:
    """The part of the transactions that repeat an earlier one within the sample."""
    columns: Mapping[str, Sequence[str | None]] = sample.columns
    rows = zip(columns["merchant_id"], columns["card_bin"], sample.amounts_minor, strict=True)
    known = Counter(rows)
    total = sum(known.values())
    return (total - len(known)) / total if total else 0.0
