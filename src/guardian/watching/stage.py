"""The stage: judge every source's ready minutes, keep what was expected, publish what is wrong."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from guardian.domain.anomaly import Anomaly
from guardian.domain.cause import Cause
from guardian.domain.clock import DAY_MS, MINUTE_MS, Clock
from guardian.domain.transaction import LIVE
from guardian.domain.window import BY_CODE, BY_STATUS, SeriesPoint
from guardian.storage.base import MinuteStore, Progress
from guardian.storage.collection import Collection
from guardian.watching.checkpoints import Checkpoints
from guardian.watching.detector import StreamDetector
from guardian.watching.reasons import explained
from guardian.watching.stream import StreamWatch

PAGED_WITHIN_MS: Final = 15 * MINUTE_MS
CHUNK_MS: Final = DAY_MS
"""Judged per source and step, so that a long import does not keep the live source waiting."""
DETECTORS_IN_MEMORY: Final = 32
Publish = Callable[[Sequence[Anomaly]], None]


class Judging(msgspec.Struct, frozen=True):
    """How a stream is judged: the page budget (see `StreamDetector`), and who says what carries a change."""

    budget_decades: float = 0.0
    cause_of: Callable[[Anomaly], Cause | None] = lambda _: None


class WatchStage:
    """Advances one detector per source.

    Promises: minutes are judged once, in order, without holes; the past and imports never page; an
    anomaly is published at least once, before its record shows it as known; a failure leaves the
    checkpoint behind, and the same minutes then give the same anomalies under the same ids.
    """

    def __init__(
        self,
        minutes: MinuteStore,
        anomalies: Collection[Anomaly],
        publish: Publish,
        checkpoint_dir: Path,
        clock: Clock,
        judging: Judging | None = None,
    ) -> None:
        self._minutes = minutes
        self._judging = judging or Judging()
        self._anomalies = anomalies
        self._publish = publish
        self._checkpoints = Checkpoints(checkpoint_dir)
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
            self._checkpoints.save(detector)
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

    def _restored(self, source: str) -> StreamDetector:
        detector = self._checkpoints.load(source) or StreamDetector(source)
        detector.budget_decades = (
            self._judging.budget_decades
        )  # the one asked for today, not that of its checkpoint
        return detector

    def _judge(self, detector: StreamDetector, since_ms: int, until_ms: int) -> None:
        by_status = self._minutes.counts(detector.source, BY_STATUS, since_ms, until_ms)
        by_code = self._minutes.counts(detector.source, BY_CODE, since_ms, until_ms)
        points: list[SeriesPoint] = []
        raised: list[Anomaly] = []
        over: list[Anomaly] = []
        for minute_ms in range(since_ms, until_ms, MINUTE_MS):
            judgement = detector.judge(minute_ms, by_status.get(minute_ms, {}), by_code.get(minute_ms, {}))
            points.extend(judgement.points)
            raised.extend(self._fit_to_page(anomaly) for anomaly in judgement.anomalies)
            over.extend(judgement.over)
        self._minutes.keep_points(points)
        self._announce(raised)
        self._end(over)

    def _fit_to_page(self, anomaly: Anomaly) -> Anomaly:
        age_ms = self._clock.now_ms() - (anomaly.minute_ms + MINUTE_MS)
        paged = anomaly.paged and anomaly.source == LIVE and age_ms <= PAGED_WITHIN_MS
        return msgspec.structs.replace(anomaly, paged=paged)

    def _announce(self, raised: Sequence[Anomaly]) -> None:
        unknown = (anomaly for anomaly in raised if self._anomalies.get(anomaly.anomaly_id) is None)
        fresh = list(self._explained(unknown))
        if fresh:
            self._publish(fresh)
        for anomaly in fresh:
            self._anomalies.insert(anomaly)

    def _explained(self, fresh: Iterable[Anomaly]) -> Iterator[Anomaly]:
        """A code is said of itself and of the denials: one change, whose cause is sought once."""
        causes: dict[tuple[str, int], Cause | None] = {}
        for one in fresh:
            change = one.series, one.minute_ms
            if change not in causes:
                causes[change] = self._judging.cause_of(one)
            yield explained(one, causes[change])

    def _end(self, over: Sequence[Anomaly]) -> None:
        ended: list[tuple[Anomaly, int]] = []
        for anomaly in over:
            kept = self._anomalies.get(anomaly.anomaly_id)
            if kept is not None and kept[0].over_ms is None:
                ended.append((msgspec.structs.replace(kept[0], over_ms=anomaly.over_ms), kept[1]))
        if ended:
            self._publish([anomaly for anomaly, _ in ended])
        for anomaly, version in ended:
            self._anomalies.update(anomaly, version)
