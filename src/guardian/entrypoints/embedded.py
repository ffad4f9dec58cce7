"""Embedded mode: the door, the workers and the demo traffic on one machine, supervised."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from guardian.domain.errors import Conflict
from guardian.observability.logs import get_logger

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 15.0
STEADY_S = 60.0
STOP_S = 25.0
LOOK_S = 0.2
LOCK = "up.lock"
FEW_ARENAS = {"MALLOC_ARENA_MAX": "2"}
"""One pool of memory per thread and core leaves 50 MB more lying about, and is no faster here."""
_log = get_logger(__name__)


class Part(msgspec.Struct, frozen=True):
    """A process to keep alive: its name and the arguments of `guardian`."""

    name: str
    arguments: Sequence[str]


class _Running(msgspec.Struct):
    part: Part
    process: subprocess.Popen[bytes]
    started: float
    pause_s: float = FIRST_PAUSE_S
    due: float | None = None


class Supervisor:
    """Keeps parts alive: one that dies is started again, with a growing pause, and it is said so."""

    def __init__(
        self, parts: Sequence[Part], environment: Mapping[str, str], restarted: Callable[[str], None]
    ) -> None:
        self._environment = FEW_ARENAS | dict(environment)
        self._restarted = restarted
        self._stop = threading.Event()
        self._running = [self._start(part) for part in parts]

    def run(self) -> None:
        """Watch until SIGINT or SIGTERM, then stop every part, the door first."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda _number, _frame: self._stop.set())
        while not self._stop.wait(LOOK_S):
            for running in self._running:
                self._look_after(running)
        self._shut_down()

    def _start(self, part: Part) -> _Running:
        command = [sys.executable, "-m", "guardian.entrypoints.cli", *part.arguments]
        # its own session: Ctrl-C reaches the supervisor alone, which then stops the parts in order
        process = subprocess.Popen(command, env=self._environment, start_new_session=True)
        return _Running(part, process, time.monotonic())

    def _look_after(self, running: _Running) -> None:
        code = running.process.poll()
        if code is None:
            return
        now = time.monotonic()
        if running.due is None:
            if now - running.started > STEADY_S:
                running.pause_s = FIRST_PAUSE_S
            running.due = now + running.pause_s
            _log.error("part_died", part=running.part.name, code=code, restart_in_s=running.pause_s)
            running.pause_s = min(running.pause_s * 2, LONGEST_PAUSE_S)
        elif now >= running.due:
            fresh = self._start(running.part)
            running.process, running.started, running.due = fresh.process, fresh.started, None
            _log.warning("part_restarted", part=running.part.name)
            self._restarted(running.part.name)

    def _shut_down(self) -> None:
        for running in self._running:
            if running.process.poll() is None:
                running.process.terminate()
                try:
                    running.process.wait(STOP_S)
                except subprocess.TimeoutExpired:
                    running.process.kill()
                    running.process.wait()
        _log.info("stopped")


@contextmanager
def alone_on(folder: Path) -> Iterator[None]:
    """Hold a data folder as long as this process lives. Raises Conflict when another one does."""
    with (folder / LOCK).open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise Conflict(
                f"Guardian already runs on this data folder, as process {file.read().strip()}. "
                "Stop it, or name another folder with --data."
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def leave_with_parent(parent: int) -> None:
    """Send ourselves SIGTERM once the supervisor is gone, so that nobody works on unseen."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()
