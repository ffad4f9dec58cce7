"""What is due now and then: retraining the forest, removing what is past its retention."""

from collections.abc import Callable

import msgspec
import numpy as np

from guardian.domain.clock import DAY_MS, HOUR_MS, Clock
from guardian.domain.errors import Poisoned, Refused
from guardian.domain.transaction import LIVE
from guardian.learning.retrain import apart, due
from guardian.models.base import ModelRegistry
from guardian.observability.logs import get_logger
from guardian.storage.base import MinuteStore, RecordQuery, Records, TransactionQuery, TransactionStore
from guardian.storage.labels import LabelStore
from guardian.watching.anomalies import ANOMALY_KIND
from guardian.watching.cases import CASE_KIND

TRAINING_ROWS = 20_000
PURGE_EVERY_MS = HOUR_MS
FOR_EVER_MS = 1 << 62
_log = get_logger(__name__)


class Retention(msgspec.Struct, frozen=True):
    """How many days of live traffic are kept; what was imported stays until it is removed."""

    transactions_days: int = 90
    minutes_days: int = 400
    hours_days: int = 1_826


class Housekeeping:
    """Turns when its pause is over; one thing at a time."""

    def __init__(
        self,
        transactions: TransactionStore,
        minutes: MinuteStore,
        registry: ModelRegistry,
        clock: Clock,
        retention: Retention,
        along: Callable[[int], int] = lambda _: 0,
    ) -> None:
        """`along` removes, and counts, what goes with live transactions before that moment."""
        self._along = along
        self._retention = retention
        self._transactions = transactions
        self._minutes = minutes
        self._registry = registry
        self._clock = clock
        self._purged_ms = 0

    def turn(self) -> int:
        """Retrain if due and purge if due; how many things were done."""
        now_ms = self._clock.now_ms()
        return int(self.retrain(now_ms)) + int(self._purge(now_ms))

    def retrain(self, now_ms: int) -> bool:
        """Fit a new forest on the newest verdicts' features and promote it, if it is due."""
        live = (one.first_minute_ms for one in self._minutes.progress() if one.source == LIVE)
        first_ms = next(live, now_ms)
        if not due(self._champion_created_ms(), first_ms, self._transactions.position(0), now_ms):
            return False
        features = self._newest_features()
        try:
            artefact = apart(features, now_ms, seed=0)
        except Refused:
            return False
        version = self._registry.save(artefact)
        self._registry.promote(version)
        _log.info("model_promoted", version=version, rows=len(features))
        return True

    def _champion_created_ms(self) -> int | None:
        version = self._registry.champion()
        if version is None:
            return None
        try:
            return self._registry.load(version).created_ms
        except Poisoned:
            return None

    def _newest_features(self) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        rows: list[tuple[float, ...]] = []
        cursor: str | None = None
        while len(rows) < TRAINING_ROWS:
            page = self._transactions.find(TransactionQuery(limit=500, cursor=cursor))
            rows.extend(item.verdict.features for item in page.items)
            cursor = page.next_cursor
            if cursor is None:
                break
        return np.array(rows, dtype=np.float32)

    def _purge(self, now_ms: int) -> bool:
        if now_ms - self._purged_ms < PURGE_EVERY_MS:
            return False
        keep = self._retention
        before_ms = now_ms - keep.transactions_days * DAY_MS
        removed = self._transactions.purge(LIVE, before_ms) + self._along(before_ms)
        removed += self._minutes.purge(
            LIVE, now_ms - keep.minutes_days * DAY_MS, now_ms - keep.hours_days * DAY_MS
        )
        if not removed:
            self._purged_ms = now_ms
        return removed > 0


def remove_source(
    source: str,
    transactions: TransactionStore,
    minutes: MinuteStore,
    labels: LabelStore,
    records: Records,
) -> int:
    """Remove everything of an imported source; how many transactions and minutes went.

    Raises Refused for live traffic, which goes by its retention alone.
    """
    if source == LIVE:
        raise Refused("Live traffic cannot be removed; it goes by its retention.")
    removed = 0
    while gone := transactions.purge(source, FOR_EVER_MS):
        removed += gone
    removed += minutes.purge(source, FOR_EVER_MS, FOR_EVER_MS)
    labels.purge(source, FOR_EVER_MS)
    for kind in (ANOMALY_KIND, CASE_KIND):
        while found := records.find(RecordQuery(kind, source=source, limit=500)).items:
            for one in found:
                records.delete(kind, one.record_id)
    return removed
