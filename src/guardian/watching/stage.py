"""The stage: judge every source's ready minutes, keep what was expected, announce what is wrong."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from guardian.domain.anomaly import Anomaly
from guardian.domain.clock import DAY_MS, MINUTE_MS, Clock
from guardian.domain.forecast import Forecast
from guardian.domain.transaction import LIVE
from guardian.domain.window import BY_CODE, BY_STATUS, SeriesPoint
from guardian.storage.base import MinuteStore, Progress
from guardian.watching.announce import Announcer
from guardian.watching.asked import Asked
from guardian.watching.checkpoints import OF_STREAM, Checkpoints
from guardian.watching.detector import StreamDetector
from guardian.watching.outlook import (
    MINUTES_AHEAD,
    MINUTES_SHOWN,
    PROMISED,
    Outlook,
    Outlooks,
    counted,
    promise_due,
    promised,
)
from guardian.watching.stream import StreamWatch

CHUNK_MS: Final = DAY_MS
"""Judged per source and step, so that a long import does not keep the live source waiting."""
DETECTORS_IN_MEMORY: Final = 32


class WatchStage:
    """Advances one detector per source.

    Promises: minutes are judged once, in order, without holes; a failure leaves the checkpoint
    behind, and the same minutes then give the same anomalies under the same ids.
    """

    def __init__(
        self,
        minutes: MinuteStore,
        announcer: Announcer,
        outlooks: Outlooks,
        checkpoint_dir: Path,
        clock: Clock,
        asked: Asked | None = None,
    ) -> None:
        self._minutes = minutes
        self._announcer = announcer
        self._outlooks = outlooks
        self._asked = asked or Asked()
        self._checkpoints = Checkpoints(checkpoint_dir, OF_STREAM)
        self._clock = clock
        self._detectors: dict[str, StreamDetector] = {}
        self._next_ms: dict[str, int] = {}

    def step(self, waiting: bool = False) -> int:
        """Judge what has become ready, at most a day per source; how many minutes. Raises Unavailable.

        `waiting`: accepted records wait to be counted, so silence proves nothing.
        """
        sources = sorted(self._minutes.progress(), key=lambda one: (one.source != LIVE, one.source))
        for gone in self._next_ms.keys() - {one.source for one in sources}:
            self._forget(gone)
        return sum(self._advance(progress, waiting) for progress in sources)

    def _advance(self, progress: Progress, waiting: bool) -> int:
        source = progress.source
        ready_ms = StreamWatch(source).ready_until(progress, self._clock.now_ms(), waiting)
        if ready_ms <= self._next_ms.get(source, progress.first_minute_ms):
            return 0
        # out of the table while it works: after a failure it is read from its checkpoint again
        detector = self._detectors.pop(source, None) or self._restored(source)
        since_ms = detector.next_minute_ms
        since_ms = progress.first_minute_ms if since_ms is None else since_ms
        until_ms = min(ready_ms, since_ms + CHUNK_MS)
        if until_ms > since_ms:
            self._judge(detector, since_ms, until_ms)
            self._checkpoints.save(source, detector.to_bytes())
        self._next_ms[source] = max(since_ms, until_ms)
        self._detectors[source] = detector
        while len(self._detectors) > DETECTORS_IN_MEMORY:
            del self._detectors[next(iter(self._detectors))]
        return max(0, until_ms - since_ms) // MINUTE_MS

    def _forget(self, source: str) -> None:
        """The source was removed: should its name come again, it is learnt anew."""
        del self._next_ms[source]
        self._detectors.pop(source, None)
        self._checkpoints.remove(source)
        self._outlooks.forget(source)

    def _restored(self, source: str) -> StreamDetector:
        detector = self._checkpoints.load(source, StreamDetector.from_bytes) or StreamDetector(source)
        # what is asked for today, not what was at its checkpoint
        detector.budget_decades, detector.calendar = self._asked.budget_decades, self._asked.calendar
        return detector

    def _judge(self, detector: StreamDetector, since_ms: int, until_ms: int) -> None:
        by_status = self._minutes.counts(detector.source, BY_STATUS, since_ms, until_ms)
        by_code = self._minutes.counts(detector.source, BY_CODE, since_ms, until_ms)
        points: list[SeriesPoint] = []
        raised: list[Anomaly] = []
        over: list[Anomaly] = []
        outlook = self._outlooks.of(detector.source) or Outlook(Forecast(detector.source, since_ms, {}))
        for minute_ms in range(since_ms, until_ms, MINUTE_MS):
            judgement = detector.judge(minute_ms, by_status.get(minute_ms, {}), by_code.get(minute_ms, {}))
            points.extend(judgement.points)
            raised.extend(judgement.anomalies)
            over.extend(judgement.over)
            outlook = _followed(outlook, detector, minute_ms, judgement.points)
        # who follows the judged minutes finds their anomalies, and these the minutes before them
        self._minutes.keep_points([one for one in points if one.minute_ms < until_ms - MINUTE_MS])
        self._outlooks.keep(msgspec.structs.replace(outlook, forecast=detector.forecast(0, MINUTES_SHOWN)))
        self._announcer.announce(raised)
        self._announcer.end(over)
        self._minutes.keep_points([one for one in points if one.minute_ms == until_ms - MINUTE_MS])


def _followed(
    outlook: Outlook, detector: StreamDetector, minute_ms: int, points: Sequence[SeriesPoint]
) -> Outlook:
    """With the minute just judged counted, and what is promised of those an hour ahead where that is due."""
    outlook = counted(outlook, minute_ms, points)
    if not promise_due(minute_ms + MINUTE_MS):
        return outlook
    return promised(outlook, detector.forecast(MINUTES_AHEAD, PROMISED))
