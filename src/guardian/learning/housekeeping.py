"""What is due now and then: removing what is past its retention."""

from collections.abc import Callable

import msgspec

from guardian.domain.clock import DAY_MS, HOUR_MS, Clock
from guardian.domain.errors import Refused
from guardian.domain.transaction import LIVE
from guardian.storage.base import MinuteStore, RecordQuery, Records, TransactionStore
from guardian.storage.labels import LabelStore
from guardian.watching.anomalies import ANOMALY_KIND
from guardian.watching.cases import CASE_KIND

PURGE_EVERY_MS = HOUR_MS
FOR_EVER_MS = 1 << 62


class Retention(msgspec.Struct, frozen=True):
    """How many days of live traffic are kept; what was imported stays until it is removed."""

    transactions_days: int = 90
    minutes_days: int = 400
    hours_days: int = 1_826


class Housekeeping:
    """Turns when its pause is over."""

    def __init__(
        self,
        transactions: TransactionStore,
        minutes: MinuteStore,
        clock: Clock,
        retention: Retention,
        along: Callable[[int], int] = lambda _: 0,
    ) -> None:
        """`along` removes, and counts, what goes with live transactions before that moment."""
        self._along = along
        self._retention = retention
        self._transactions = transactions
        self._minutes = minutes
        self._clock = clock
        self._purged_ms = 0

    def turn(self) -> int:
        """Purge if due; whether anything went."""
        return int(self._purge(self._clock.now_ms()))

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
