"""What the door knows of the rest, refreshed every second: sources, lag, free disk."""

import asyncio
import shutil
import time
from pathlib import Path

import msgspec
from starlette.concurrency import run_in_threadpool

from guardian.bus.base import TRANSACTIONS
from guardian.domain.errors import GuardianError, Unavailable
from guardian.observability.logs import get_logger
from guardian.pipeline import Parts
from guardian.storage.base import Progress

EVERY_S = 1.0
STUCK_S = 180.0
_log = get_logger(__name__)


class Limits(msgspec.Struct, frozen=True):
    """Beyond these, ingest answers 503."""

    free_disk_mb: int
    lag_records: int


class Watchtower:
    """A view of the system for admission, 409s and /ready."""

    def __init__(self, parts: Parts, limits: Limits) -> None:
        self._parts = parts
        self._limits = limits
        self._reader = parts.bus.subscribe(TRANSACTIONS, "", from_start=False)
        self._progress: dict[str, Progress] = {}
        self._overload: str | None = None
        self._failure: str | None = None
        self._position, self._moved_s = 0, time.monotonic()
        self.lag = 0

    async def watch(self) -> None:
        """Look again every second, for ever."""
        while True:
            await run_in_threadpool(self.look)
            await asyncio.sleep(EVERY_S)

    def look(self) -> None:
        """Look once."""
        try:
            self._progress = {one.source: one for one in self._parts.store.minutes.progress()}
            position = self._parts.store.transactions.position(0)
            self._reader.seek(0, position)
            self.lag = self._reader.lag()
            if position != self._position or not self.lag:
                self._position, self._moved_s = position, time.monotonic()
            self._failure = None
        except GuardianError as failure:
            self._failure = str(failure)
            _log.warning("store_unreachable", reason=self._failure)
        self._overload = self._overloaded(self._parts.folder)

    def _overloaded(self, folder: Path) -> str | None:
        if shutil.disk_usage(folder).free < self._limits.free_disk_mb << 20:
            return "The disk is nearly full."
        if self.lag > self._limits.lag_records:
            return "More has been accepted than could be judged yet."
        return None

    def admit(self) -> None:
        """Raises Unavailable while overloaded."""
        if self._overload is not None:
            raise Unavailable(self._overload, retry_after_s=5)

    def counts_sources(self) -> frozenset[str]:
        """Sources that send counts."""
        return self._of("counts")

    def transaction_sources(self) -> frozenset[str]:
        """Sources that send transactions."""
        return self._of("transactions")

    def _of(self, kind: str) -> frozenset[str]:
        return frozenset(name for name, one in self._progress.items() if one.kind == kind)

    def problems(self) -> list[str]:
        """Why this door is not ready; empty when it is."""
        found = [text for text in (self._failure, self._overload) if text]
        if time.monotonic() - self._moved_s > STUCK_S:
            found.append("Nothing has been judged for three minutes although records wait.")
        return found
