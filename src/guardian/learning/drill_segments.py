"""Fire drills on segments: one of them denies everything, or nothing of it comes any more. Pure."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

from guardian.domain.clock import MINUTE_MS
from guardian.domain.segment import series_of_segment
from guardian.domain.transaction import LIVE
from guardian.learning.drill import Outcome
from guardian.watching.asked import Asked
from guardian.watching.detector import DENIED
from guardian.watching.segments.detector import Columns, SegmentDetector

MINUTES: Final = 10
STARTS: Final = 8
DIMENSIONS: Final = ("acquirer", "merchant_id", "card_bin")
LARGEST: Final = 4
"""Of each dimension."""
WORK: Final = 40_000
"""Series and starts: where there are many series, there are fewer starts."""
Target = tuple[str, str]
"""A dimension and its value."""
Degrade = Callable[[Columns, Target], Columns]


class Traffic(msgspec.Struct, frozen=True):
    """The transactions of a minute, and how many there should have been."""

    columns: Columns
    expected: float


def denies(columns: Columns, of: Target) -> Columns:
    """All of the segment is denied."""
    name, value = of
    pairs = zip(columns[name], columns["status"], strict=True)
    return {**columns, "status": [DENIED if one == value else status for one, status in pairs]}


def stops(columns: Columns, of: Target) -> Columns:
    """Nothing of the segment comes."""
    name, value = of
    kept = [place for place, one in enumerate(columns[name]) if one != value]
    return {column: [values[place] for place in kept] for column, values in columns.items()}


KINDS: Final[Mapping[str, Degrade]] = {"segment_denies": denies, "segment_stops": stops}


def largest(columns: Columns, dimensions: Collection[str]) -> list[Target]:
    """The segments with most transactions, of each dimension that is watched."""
    return [
        (name, value)
        for name in DIMENSIONS
        if name in dimensions
        for value, _ in Counter(one for one in columns[name] if one is not None).most_common(LARGEST)
    ]


def practised_segments(
    read: Callable[[int], Traffic],
    span: range,
    first_start_ms: int,
    targets: Sequence[Target],
    asked: Asked,
    fit: Callable[[int], bool],
) -> Iterator[Outcome]:
    """Learn the minutes of `span`, and drill from `first_start_ms` on at some that are `fit`."""
    detector = SegmentDetector(LIVE, asked)
    standing: set[str] = set()
    last = span[-1] - MINUTES * MINUTE_MS
    places = [minute_ms for minute_ms in span if first_start_ms <= minute_ms <= last and fit(minute_ms)]
    begin: set[int] | None = None
    for minute_ms in span:
        if begin is None and minute_ms >= first_start_ms:
            begin = _some(places, detector.series)
        if begin and minute_ms in begin:
            ahead = [read(minute_ms + number * MINUTE_MS) for number in range(MINUTES)]
            free = [one for one in targets if series_of_segment(dict([one])) not in standing]
            yield from _branches(detector.to_bytes(), ahead, minute_ms, free, asked)
        traffic = read(minute_ms)
        judged = detector.judge(minute_ms, traffic.columns, traffic.expected)
        standing |= {series_of_segment(one.where) for one in judged.found}
        standing -= {series_of_segment(one.where) for one in judged.over}


def _some(places: Sequence[int], series: int) -> set[int]:
    count = int(np.clip(WORK // max(1, series), 2, STARTS))
    return {int(some[len(some) // 2]) for some in np.array_split(np.array(places, int), count) if len(some)}


def _branches(
    learnt: bytes, ahead: Sequence[Traffic], start_ms: int, targets: Sequence[Target], asked: Asked
) -> Iterator[Outcome]:
    """One drill of each kind and target; none of those that leave their range undisturbed."""
    usual = _named(learnt, ahead, start_ms, asked)
    for kind, degrade in KINDS.items():
        for target in targets:
            segment = series_of_segment(dict([target]))
            if segment not in usual:
                degraded = [Traffic(degrade(one.columns, target), one.expected) for one in ahead]
                named = _named(learnt, degraded, start_ms, asked)
                yield Outcome(kind, 1.0, segment, named.get(segment))


def _named(learnt: bytes, ahead: Sequence[Traffic], start_ms: int, asked: Asked) -> dict[str, int]:
    """The segments that left their range, and after how many minutes."""
    detector = SegmentDetector.from_bytes(learnt, asked)
    named: dict[str, int] = {}
    for number, traffic in enumerate(ahead):
        judged = detector.judge(start_ms + number * MINUTE_MS, traffic.columns, traffic.expected)
        for one in judged.found:
            named.setdefault(series_of_segment(one.where), number)
    return named
