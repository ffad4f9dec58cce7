"""What is due now and then: retraining the forest, removing what is past its retention."""

import numpy as np

from guardian.domain.clock import HOUR_MS, Clock
from guardian.domain.errors import Poisoned, Refused
from guardian.learning.retrain import due
from guardian.learning.train import train
from guardian.models.base import ModelRegistry
from guardian.observability.logs import get_logger
from guardian.storage.base import MinuteStore, TransactionQuery, TransactionStore

TRAINING_ROWS = 20_000
PURGE_EVERY_MS = HOUR_MS
_log = get_logger(__name__)


class Housekeeping:
    """Turns when its pause is over; one thing at a time."""

    def __init__(
        self, transactions: TransactionStore, minutes: MinuteStore, registry: ModelRegistry, clock: Clock
    ) -> None:
        self._transactions = transactions
        self._minutes = minutes
        self._registry = registry
        self._clock = clock
        self._purged_ms = 0

    def turn(self, transactions_ms: int, minutes_ms: int) -> int:
        """Retrain if due and purge if due; how many things were done."""
        now_ms = self._clock.now_ms()
        return int(self.retrain(now_ms)) + int(self._purge(now_ms, transactions_ms, minutes_ms))

    def retrain(self, now_ms: int) -> bool:
        """Fit a new forest on the newest verdicts' features and promote it, if it is due."""
        if not due(self._champion_created_ms(), self._transactions.position(0), now_ms):
            return False
        features = self._newest_features()
        try:
            artefact = train(features, now_ms, seed=0)
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

    def _purge(self, now_ms: int, transactions_ms: int, minutes_ms: int) -> bool:
        if now_ms - self._purged_ms < PURGE_EVERY_MS:
            return False
        removed = self._transactions.purge(now_ms - transactions_ms)
        removed += self._minutes.purge(now_ms - minutes_ms)
        if not removed:
            self._purged_ms = now_ms
        return removed > 0
