"""The systems under load: `guardian up` as its users start it, and the rival's server."""

import json
import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil

ROOT = Path(__file__).resolve().parent.parent
START_S = 90.0
STORE_S = 600.0
STOP_S = 60.0
LOOK_S = 0.001
SAMPLE_S = 0.25


class System:
    """A server and the processes it started."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, token: str = "none") -> None:
        self._process = psutil.Process(process.pid)
        self.port = port
        self.token = token

    def cpu_s(self) -> float:
        """Processor time, user and system, of all its processes so far."""
        return sum(self.cpu_s_by_part().values())

    def cpu_s_by_part(self) -> dict[str, float]:
        """The same by part: the door is `api`, the worker `work`, the supervisor `up`."""
        return {_part(one): sum(one.cpu_times()[:2]) for one in self._processes()}

    def rss_mb(self) -> float:
        """Resident memory of all its processes; what they share counts once for each."""
        return sum(one.memory_info().rss for one in self._processes()) / (1 << 20)

    def _processes(self) -> list[psutil.Process]:
        return [self._process, *self._process.children(recursive=True)]


class Guardian(System):
    """`guardian up` on a data folder of its own."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, token: str, folder: Path) -> None:
        super().__init__(process, port, token)
        self._folder = folder

    @contextmanager
    def store(self) -> Iterator[Callable[[str], int]]:
        """Asks the store for one number, from outside and without disturbing it."""
        uri = f"file:{self._folder / 'transactions.db'}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, check_same_thread=False)) as connection:
            yield lambda sql: int(connection.execute(sql).fetchone()[0])

    def stored(self) -> int:
        """Rows in the store."""
        with self.store() as ask:
            return ask("SELECT count(*) FROM events")

    def has_model(self) -> bool:
        """Whether a forest scores yet."""
        return (self._folder / "models" / "champion").exists()


def _part(process: psutil.Process) -> str:
    words = process.cmdline()
    return next((word for word in ("api", "work", "up") if word in words), "other")


class Storing(threading.Thread):
    """Notes when how many transactions were judged and kept; looks every millisecond."""

    _QUESTION = "SELECT coalesce(max(next), 0) FROM positions"

    def __init__(self, guardian: Guardian) -> None:
        super().__init__(name="storing", daemon=True)
        self._guardian = guardian
        self._over = threading.Event()
        self._at: list[float] = []
        self._count: list[int] = []
        with guardian.store() as ask:
            self._before = ask(self._QUESTION)

    def __enter__(self) -> "Storing":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        with self._guardian.store() as ask:
            while not self._over.wait(LOOK_S):
                count = ask(self._QUESTION) - self._before
                if not self._count or count != self._count[-1]:
                    self._at.append(time.monotonic())
                    self._count.append(count)

    def wait_for(self, count: int) -> float:
        """When that many had been kept since the beginning. Raises TimeoutError."""
        wait_until(lambda: bool(self._count) and self._count[-1] >= count, STORE_S, "everything is stored")
        return float(self.when(np.array([count]))[0])

    def when(self, counts: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
        """For each count, the first moment at which so many had been kept."""
        return np.array(self._at)[np.searchsorted(self._count, counts)]


class Resident(threading.Thread):
    """Memory of a system while it works, in MB, at even intervals."""

    def __init__(self, system: System) -> None:
        super().__init__(name="resident", daemon=True)
        self._system = system
        self._over = threading.Event()
        self.samples: list[float] = []

    def __enter__(self) -> "Resident":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        while not self._over.wait(SAMPLE_S):
            self.samples.append(self._system.rss_mb())


@contextmanager
def running_guardian(folder: Path) -> Iterator[Guardian]:
    """The whole system: durable, authenticated, deduplicated, scored and stored."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "guardian.entrypoints.cli",
        "up",
        "--port",
        str(port),
        "--data",
        str(folder),
    ]
    with running(command, folder.parent / "guardian.log") as process:
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/ready"), START_S, "Guardian is ready")
        access = json.loads((folder / "access.json").read_text(encoding="utf-8"))
        yield Guardian(process, port, access["token"], folder)


@contextmanager
def running_rival(folder: Path) -> Iterator[System]:
    """FastAPI and pydantic on one uvicorn process, with the same loop and parser as ours."""
    port = free_port()
    command = [
        sys.executable, "-m", "uvicorn", "--factory", "benchmarks.rivals:fastapi_app", "--port", str(port),
        "--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "error",
    ]  # fmt: skip
    with running(command, folder / "rival.log") as process:
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/"), START_S, "the rival is ready")
        yield System(process, port)


@contextmanager
def running(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is asked to stop at the end."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GUARDIAN_")}
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(STOP_S)


def wait_until(true: Callable[[], bool], seconds: float, what: str) -> None:
    """Look again until it is true. Raises TimeoutError, saying what was waited for."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Waited {seconds:.0f} s until {what}.")
        time.sleep(0.02)


def answers(url: str) -> bool:
    """Whether something serves requests there, whatever it says short of an error of its own."""
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
