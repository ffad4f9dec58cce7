"""The live detector over minutes of the past: in order, holes filled, nothing seen before its time."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from guardian.domain.anomaly import Anomaly
from guardian.domain.clock import MINUTE_MS
from guardian.domain.errors import Invalid
from guardian.domain.window import BY_CODE, BY_STATUS, MinuteCounts
from guardian.watching.detector import Judgement, StreamDetector


def replay_judgements(
    detector: StreamDetector, rows: Iterable[MinuteCounts], with_points: bool = True
) -> Iterator[Judgement]:
    """One judgement per minute; rows of both views sorted by minute. Raises Invalid when they are not."""
    for minute_ms, group in groupby(rows, key=lambda row: row.minute_ms):
        views: dict[str, dict[str, int]] = {BY_STATUS: {}, BY_CODE: {}}
        for row in group:
            view = views.setdefault(row.by, {})
            for value, count in row.counts.items():
                view[value] = view.get(value, 0) + count
        following = detector.next_minute_ms
        if following is not None and minute_ms < following:
            raise Invalid("the counts are not sorted by minute")
        for empty_ms in range(minute_ms if following is None else following, minute_ms, MINUTE_MS):
            yield detector.judge(empty_ms, {}, {}, with_points)
        yield detector.judge(minute_ms, views[BY_STATUS], views[BY_CODE], with_points)


def replay_counts(
    rows: Iterable[MinuteCounts], source: str, budget_decades: float = 0.0, everything: bool = False
) -> Iterator[Anomaly]:
    """The anomalies in the order they are raised, each as soon as its minute has been fed.

    `everything` adds those that are not odd enough for a page.
    """
    detector = StreamDetector(source, budget_decades)
    for judgement in replay_judgements(detector, rows, with_points=False):
        yield from judgement.anomalies
        if everything:
            yield from judgement.noticed
