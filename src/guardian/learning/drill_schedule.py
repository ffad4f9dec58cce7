"""Fire drills every so many days, each in a process of its own that the caller does not wait for."""

import subprocess
from collections.abc import Sequence
from typing import Final

from guardian.domain.clock import DAY_MS, HOUR_MS, Clock
from guardian.observability.logs import get_logger
from guardian.storage.base import Records
from guardian.watching.drills import drill_collection, newest

AGAIN_MS: Final = HOUR_MS
"""After a drill that left no record, as where there is too little history."""
STOP_S: Final = 5.0
_log = get_logger(__name__)


class DrillSchedule:
    """Starts `command` when a drill is due; never two at a time, never where `every_days` is 0."""

    def __init__(self, records: Records, clock: Clock, every_days: int, command: Sequence[str]) -> None:
        self._drills = drill_collection(records)
        self._clock = clock
        self._every_ms = every_days * DAY_MS
        self._command = list(command)
        self._running: subprocess.Popen[bytes] | None = None
        self._look_ms = 0

    def turn(self) -> int:
        """Begin one if it is due, or see whether one has ended; how many things were done."""
        if self._running is not None:
            return self._ended(self._running)
        now_ms = self._clock.now_ms()
        if not self._every_ms or now_ms < self._look_ms:
            return 0
        self._look_ms = now_ms + AGAIN_MS
        last = newest(self._drills)
        if last is not None and now_ms - last.at_ms < self._every_ms:
            return 0
        self._running = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        return 1

    def close(self) -> None:
        """End one that is going on: it has kept nothing yet."""
        if self._running is None:
            return
        self._running.terminate()
        try:
            self._running.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._running.kill()
            self._running.wait()

    def _ended(self, running: "subprocess.Popen[bytes]") -> int:
        code = running.poll()
        if code is None:
            return 0
        self._running = None
        if code:
            _log.warning("drill_ended", exit_code=code)
        else:
            _log.info("drill_ended", exit_code=code)
        return 1
