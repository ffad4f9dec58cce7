"""What is done beside the stage: nothing that was flagged is forgotten, no case stays open for ever."""

from collections.abc import Iterator
from typing import Final

from guardian.cases.collection import case_collection
from guardian.cases.desk import CaseDesk
from guardian.cases.lifecycle import OPEN_STATES, news_ms
from guardian.cases.stage import CaseStage
from guardian.domain.case import Case, CaseState
from guardian.domain.clock import DAY_MS, HOUR_MS, MINUTE_MS, Clock
from guardian.storage.base import RecordQuery, Records, StoredTransaction, TransactionQuery, TransactionStore

EVERY_MS: Final = 10 * MINUTE_MS
SWEPT_MS: Final = HOUR_MS
"""A score stage that dies between keeping and telling leaves at most its last batch untold."""
SWEPT_ROWS: Final = 20_000
PAGE: Final = 500
CLOSED_AT_ONCE: Final = 500
FINISH_AFTER_MS: Final = MINUTE_MS


class Chores:
    """At the start and every ten minutes: sweep up, close what has been quiet, finish what is closing."""

    def __init__(
        self,
        transactions: TransactionStore,
        records: Records,
        stage: CaseStage,
        desk: CaseDesk,
        clock: Clock,
        quiet_days: int,
    ) -> None:
        self._transactions = transactions
        self._cases = case_collection(records)
        self._stage = stage
        self._desk = desk
        self._clock = clock
        self._quiet_ms = quiet_days * DAY_MS
        self._due_ms = 0

    def turn(self) -> int:
        """How many things were done. Raises Conflict or Unavailable."""
        now_ms = self._clock.now_ms()
        if now_ms < self._due_ms:
            return 0
        done = self._sweep(now_ms) + self._finish(now_ms) + self._close_quiet(now_ms)
        self._due_ms = now_ms + EVERY_MS
        return done

    def _sweep(self, now_ms: int) -> int:
        return sum(self._stage.take(page) for page in self._flagged(now_ms - SWEPT_MS))

    def _flagged(self, since_ms: int) -> Iterator[list[StoredTransaction]]:
        cursor: str | None = None
        for _ in range(SWEPT_ROWS // PAGE):
            query = TransactionQuery(since_ms=since_ms, min_level=1, limit=PAGE, cursor=cursor)
            page = self._transactions.find(query)
            yield list(reversed(page.items))
            cursor = page.next_cursor
            if cursor is None:
                return

    def _finish(self, now_ms: int) -> int:
        """Of a door that died while it closed a case."""
        query = RecordQuery("", states=(str(CaseState.CLOSING),), limit=PAGE)
        left = [one for one in self._cases.every(query) if (one.closed_ms or 0) < now_ms - FINISH_AFTER_MS]
        for case in left:
            self._desk.finish(case)
        return len(left)

    def _close_quiet(self, now_ms: int) -> int:
        before_ms = now_ms - self._quiet_ms
        quiet = [case for case in self._old(before_ms) if news_ms(case) < before_ms]
        return sum(self._desk.lapse(case.case_id, before_ms) for case in quiet[:CLOSED_AT_ONCE])

    def _old(self, before_ms: int) -> Iterator[Case]:
        states = tuple(map(str, OPEN_STATES))
        return self._cases.every(RecordQuery("", states=states, until_ms=before_ms, limit=PAGE))
