"""How anomalies leave the stages: fit to page or not, explained, published, and told again when over."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import msgspec

from guardian.domain.anomaly import Anomaly
from guardian.domain.cause import Cause
from guardian.domain.clock import MINUTE_MS, Clock
from guardian.domain.transaction import LIVE
from guardian.storage.collection import Collection
from guardian.watching.reasons import explained

PAGED_WITHIN_MS: Final = 15 * MINUTE_MS
Publish = Callable[[Sequence[Anomaly]], None]
CauseOf = Callable[[Anomaly], Cause | None]


class Announcer:
    """Publishes anomalies and keeps them.

    Promises: the past and imports never page; an anomaly is published at least once, before its
    record shows it as known; one that is known already is not announced again.
    """

    def __init__(
        self,
        anomalies: Collection[Anomaly],
        publish: Publish,
        clock: Clock,
        cause_of: CauseOf = lambda _: None,
    ) -> None:
        self.anomalies = anomalies
        self._publish = publish
        self._clock = clock
        self._cause_of = cause_of

    def fit_to_page(self, anomaly: Anomaly) -> bool:
        """Whether it could still call somebody: it is live, and fresh."""
        age_ms = self._clock.now_ms() - (anomaly.minute_ms + MINUTE_MS)
        return anomaly.paged and anomaly.source == LIVE and age_ms <= PAGED_WITHIN_MS

    def announce(self, raised: Iterable[Anomaly]) -> None:
        """Explain, publish and keep those that are not known yet. Raises Unavailable."""
        fitted = (msgspec.structs.replace(one, paged=self.fit_to_page(one)) for one in raised)
        unknown = (one for one in fitted if self.anomalies.get(one.anomaly_id) is None)
        fresh = list(self._explained(unknown))
        if fresh:
            self._publish(fresh)
        for anomaly in fresh:
            self.anomalies.insert(anomaly)

    def end(self, over: Iterable[Anomaly]) -> None:
        """Tell of those that are over and were not known to be. Raises Unavailable."""
        ended: list[tuple[Anomaly, int]] = []
        for anomaly in over:
            kept = self.anomalies.get(anomaly.anomaly_id)
            if kept is not None and kept[0].over_ms is None:
                ended.append((msgspec.structs.replace(kept[0], over_ms=anomaly.over_ms), kept[1]))
        if ended:
            self._publish([anomaly for anomaly, _ in ended])
        for anomaly, version in ended:
            self.anomalies.update(anomaly, version)

    def _explained(self, fresh: Iterable[Anomaly]) -> Iterator[Anomaly]:
        """A code is said of itself and of the denials: one change, whose cause is sought once."""
        causes: dict[tuple[str, int], Cause | None] = {}
        for one in fresh:
            change = one.series, one.minute_ms
            if change not in causes:
                causes[change] = self._cause_of(one)
            yield explained(one, causes[change])
