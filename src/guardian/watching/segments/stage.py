"""The stage: follow the judged minutes of every source by segment, from the transactions kept."""

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from guardian.domain.anomaly import WHOLE_SYSTEM, Anomaly
from guardian.domain.clock import DAY_MS, HOUR_MS, MINUTE_MS
from guardian.domain.window import SeriesPoint
from guardian.storage.base import MinuteStore, Progress, RecordQuery, SampleStore
from guardian.watching.announce import Announcer
from guardian.watching.anomalies import ANOMALY_KIND
from guardian.watching.asked import Asked
from guardian.watching.checkpoints import OF_SEGMENTS, Checkpoints
from guardian.watching.reasons import explained_by_others
from guardian.watching.segments.detector import Found, SegmentDetector
from guardian.watching.segments.parameters import MAX_OPEN
from guardian.watching.segments.told import Known, known, left
from guardian.watching.stream import COUNTS, end_of_last_minute

CHUNK_MS: Final = 4 * HOUR_MS
"""Judged per source and step, so that a long import does not keep the live source waiting."""
LEARNT_FROM_MS: Final = 8 * DAY_MS
"""How far back what was stored is learnt from, where nothing was learnt yet."""
KEPT_EVERY_MS: Final = 15 * MINUTE_MS
"""Between two checkpoints; what came after the last is judged again and says the same."""
ROWS_A_MINUTE: Final = 40_000
"""Of more, evenly spread spells are read, and stand for all."""
ROWS: Final = 20_000
DETECTORS_IN_MEMORY: Final = 4


class SegmentStage:
    """One detector of segments per source of transactions, behind that of the stream.

    Promises: a minute is judged once the stream's detector has kept what it expected of it; a failure
    leaves the checkpoint behind, and the same minutes then give the same anomalies under the same ids.
    """

    def __init__(
        self, samples: SampleStore, minutes: MinuteStore, announcer: Announcer, folder: Path, asked: Asked
    ) -> None:
        self._samples = samples
        self._minutes = minutes
        self._announcer = announcer
        self._checkpoints = Checkpoints(folder, OF_SEGMENTS)
        self._asked = asked
        self._detectors: dict[str, SegmentDetector] = {}
        self._next_ms: dict[str, int] = {}
        self._kept_ms: dict[str, int] = {}

    def step(self) -> int:
        """Judge what the stream's detector has, at most four hours per source; how many minutes."""
        if not self._asked.dimensions:
            return 0
        sources = [one for one in self._minutes.progress() if one.kind != COUNTS]
        for gone in self._next_ms.keys() - {one.source for one in sources}:
            self._forget(gone)
        return sum(map(self._advance, sources))

    def close(self) -> None:
        """Keep what was learnt."""
        for source, detector in self._detectors.items():
            self._checkpoints.save(source, detector.to_bytes())

    def _advance(self, progress: Progress) -> int:
        source = progress.source
        since_ms = self._next_ms.get(source, 0)
        if progress.closed and since_ms >= end_of_last_minute(progress):
            return 0
        # out of the table while it works: after a failure it is read from its checkpoint again
        detector = self._detectors.pop(source, None) or self._restored(source)
        since_ms = detector.next_minute_ms or max(
            progress.first_minute_ms, progress.event_ms // MINUTE_MS * MINUTE_MS - LEARNT_FROM_MS
        )
        points = self._minutes.points(source, [WHOLE_SYSTEM], since_ms, since_ms + CHUNK_MS)
        until_ms = points[-1].minute_ms + MINUTE_MS if points else since_ms
        expected = {point.minute_ms: point.expected for point in points}
        for minute_ms in range(since_ms, until_ms, MINUTE_MS):
            self._judge(detector, source, minute_ms, expected.get(minute_ms, 0.0))
        self._keep(source, detector, since_ms, until_ms)
        return (until_ms - since_ms) // MINUTE_MS

    def _judge(self, detector: SegmentDetector, source: str, minute_ms: int, expected: float) -> None:
        sample = self._samples.sample(source, minute_ms, minute_ms + MINUTE_MS, ROWS_A_MINUTE)
        judged = detector.judge(minute_ms, sample.columns, expected * sample.rate)
        self._announcer.announce(self._raised(source, [_whole(one, sample.rate) for one in judged.found]))
        ended = (self._anomaly(source, one) for one in judged.over)
        self._announcer.end(msgspec.structs.replace(one, over_ms=minute_ms) for one in ended)
        self._minutes.keep_points([_whole_point(one, sample.rate) for one in judged.points])

    def _keep(self, source: str, detector: SegmentDetector, since_ms: int, until_ms: int) -> None:
        """In memory, and now and then on disk: with 100,000 series that are 90 MB."""
        self._detectors[source] = detector
        self._next_ms[source] = until_ms
        crowded = list(self._detectors)[:-DETECTORS_IN_MEMORY]
        if until_ms - self._kept_ms.setdefault(source, since_ms) >= KEPT_EVERY_MS:
            self._checkpoints.save(source, detector.to_bytes())
            self._kept_ms[source] = until_ms
        for other in crowded:
            self._checkpoints.save(other, self._detectors.pop(other).to_bytes())

    def _restored(self, source: str) -> SegmentDetector:
        read = partial(SegmentDetector.from_bytes, asked=self._asked)
        return self._checkpoints.load(source, read) or SegmentDetector(source, self._asked)

    def _forget(self, source: str) -> None:
        """The source was removed: should its name come again, it is learnt anew."""
        del self._next_ms[source]
        self._detectors.pop(source, None)
        self._kept_ms.pop(source, None)
        self._checkpoints.remove(source)

    def _raised(self, source: str, found: Sequence[Found]) -> Iterable[Anomaly]:
        """Highest score first; only what those before and what is open do not explain pages."""
        told: list[Known] | None = None
        for one in found:
            anomaly = self._anomaly(source, one)
            if self._announcer.fit_to_page(anomaly):
                told = self._told(source, one.minute_ms) if told is None else told
                paged = not told or self._left(source, one, told) >= self._asked.budget_decades
                told.extend(known(anomaly))
                anomaly = anomaly if paged else explained_by_others(anomaly)
            yield anomaly

    def _told(self, source: str, minute_ms: int) -> list[Known]:
        """What the anomalies say that stand in that minute."""
        since_ms, until_ms = minute_ms - MAX_OPEN * MINUTE_MS, minute_ms + MINUTE_MS
        query = RecordQuery(ANOMALY_KIND, source=source, since_ms=since_ms, until_ms=until_ms, limit=500)
        kept = self._announcer.anomalies.find(query).items
        standing = (one for one in kept if one.over_ms is None or one.over_ms > minute_ms)
        return [part for one in standing for part in known(one)]

    def _left(self, source: str, one: Found, told: Sequence[Known]) -> float:
        end_ms = one.minute_ms + MINUTE_MS
        since_ms = end_ms - one.window_minutes * MINUTE_MS
        now = self._samples.sample(source, since_ms, end_ms, ROWS)
        return left(one, told, now, self._samples.sample(source, since_ms - HOUR_MS, since_ms, ROWS))

    def _anomaly(self, source: str, one: Found) -> Anomaly:
        status = one.status or WHOLE_SYSTEM
        return one.anomaly(source, one.series, status, one.minute_ms, self._asked.budget_decades)


def _whole(found: Found, rate: float) -> Found:
    """Of all the traffic, where a part of it was read."""
    return msgspec.structs.replace(found, observed=found.observed / rate, expected=found.expected / rate)


def _whole_point(point: SeriesPoint, rate: float) -> SeriesPoint:
    return msgspec.structs.replace(
        point,
        observed=round(point.observed / rate),
        expected=point.expected / rate,
        low=point.low / rate,
        high=point.high / rate,
    )
