"""How anomalies leave the stages: fit to page or not, explained, published, and told again when over."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import msgspec

from guardian.domain.anomaly import Anomaly, Nature
from guardian.domain.cause import Cause
from guardian.domain.clock import MINUTE_MS, Clock
from guardian.domain.transaction import LIVE
from guardian.storage.base import RecordQuery
from guardian.storage.collection import Collection
from guardian.watching.anomalies import ANOMALY_KIND
from guardian.watching.reasons import explained, in_shadow
from guardian.watching.shadow import SPAN_MS, shadow

PAGED_WITHIN_MS: Final = 15 * MINUTE_MS
MOST_REMEMBERED: Final = 500
Publish = Callable[[Sequence[Anomaly]], None]
CauseOf = Callable[[Anomaly], Cause | None]
NatureOf = Callable[[Anomaly], tuple[Nature, float] | None]


class Explaining(msgspec.Struct, frozen=True):
    """Who says what carries a change, and what kind of disturbance it is."""

    cause_of: CauseOf = lambda _: None
    nature_of: NatureOf = lambda _: None


class Announcer:
    """Publishes anomalies and keeps them.

    Promises: the past and imports never page; a series in shadow says so with one page and then pages
    nobody; an anomaly is published at least once, before its record shows it as known; one that is
    known already is not announced again. `budget_decades` as in `StreamDetector`.
    """

    def __init__(
        self,
        anomalies: Collection[Anomaly],
        publish: Publish,
        clock: Clock,
        explaining: Explaining | None = None,
        budget_decades: float = 0.0,
    ) -> None:
        self.anomalies = anomalies
        self._publish = publish
        self._clock = clock
        self._explaining = explaining or Explaining()
        self._false_pages_a_week = 10**-budget_decades

    def fit_to_page(self, anomaly: Anomaly) -> bool:
        """Whether it could still call somebody: it is live, and fresh."""
        age_ms = self._clock.now_ms() - (anomaly.minute_ms + MINUTE_MS)
        return anomaly.paged and anomaly.source == LIVE and age_ms <= PAGED_WITHIN_MS

    def announce(self, raised: Iterable[Anomaly]) -> None:
        """Explain, publish and keep those that are not known yet. Raises Unavailable."""
        unknown = (one for one in raised if self.anomalies.get(one.anomaly_id) is None)
        fresh = list(self._explained(map(self._fitted, unknown)))
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

    def _fitted(self, anomaly: Anomaly) -> Anomaly:
        """As it may be told: to nobody, to somebody, or in shadow, of which the first page is the notice."""
        if not self.fit_to_page(anomaly):
            return msgspec.structs.replace(anomaly, paged=False)
        history = self.anomalies.find(
            RecordQuery(
                ANOMALY_KIND,
                source=anomaly.source,
                label=anomaly.series,
                since_ms=anomaly.minute_ms - SPAN_MS,
                until_ms=anomaly.minute_ms,
                limit=MOST_REMEMBERED,
            )
        ).items
        found = shadow(history, self._false_pages_a_week, anomaly.minute_ms)
        if found is None:
            return anomaly
        return msgspec.structs.replace(
            anomaly,
            paged=not any(one.shadowed for one in history),
            shadowed=True,
            reasons=(*anomaly.reasons, in_shadow(found)),
        )

    def _explained(self, fresh: Iterable[Anomaly]) -> Iterator[Anomaly]:
        """A code is said of itself and of the denials: one change, whose cause is sought once."""
        causes: dict[tuple[str, int], Cause | None] = {}
        for one in fresh:
            change = one.series, one.minute_ms
            if change not in causes:
                causes[change] = self._explaining.cause_of(one)
            yield explained(one, causes[change], self._explaining.nature_of(one))
