"""The real thing, as processes: started, asked, killed and looked into by the tests that need it whole."""

import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any

import httpx2
import psutil

PATIENCE_S = 180.0
"""For what a quiet machine does in a few seconds."""
LOOK_S = 0.05
COMMANDS = {"door": "api", "worker": "work"}


def until(true: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
    """Look until it is so, or fail and say what was waited for."""
    deadline = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < deadline, f"waited {patience_s:.0f} s in vain: {what}"
        time.sleep(LOOK_S)


def free_port() -> int:
    """A port nobody listens on, below those the kernel hands out: it stays ours between two starts."""
    for port in random.sample(range(20_000, 30_000), 100):
        with closing(socket.socket()) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")


def alive(process: psutil.Process) -> bool:
    """Whether it still runs; one that only waits to be buried does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Running:
    """`guardian up` on a folder of its own; it can be started again after it was killed."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.said: list[str] = []
        own = {name: value for name, value in os.environ.items() if not name.startswith("GUARDIAN_")}
        self._environment = own | settings
        self._supervisor: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it and wait until it is ready."""
        up = [sys.executable, "-m", "guardian.entrypoints.cli", "up"]
        command = [*up, "--data", str(self.folder), "--port", str(self.port)]
        # a pipe and no file: a limit on the size of files must not silence it
        self._supervisor = subprocess.Popen(
            command, env=self._environment, stderr=subprocess.PIPE, text=True, errors="replace"
        )
        threading.Thread(target=self._listen, args=(self._supervisor.stderr,)).start()
        try:
            until(self.is_ready, "the system to be ready")
        except AssertionError as failure:
            failure.add_note("".join(self.said[-30:]))
            raise

    def is_ready(self) -> bool:
        """Whether /ready says so."""
        assert self._supervisor is not None
        assert self._supervisor.poll() is None, "".join(self.said)
        try:
            return httpx2.get(f"{self.url}/ready", timeout=5).status_code == 200
        except httpx2.HTTPError:
            return False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def supervisor(self) -> psutil.Process:
        assert self._supervisor is not None
        return psutil.Process(self._supervisor.pid)

    def part(self, name: str) -> psutil.Process | None:
        """The process of the door or the worker, while there is one."""
        for child in self.supervisor.children():
            try:
                if COMMANDS[name] in child.cmdline()[:4]:
                    return child
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                continue
        return None

    def restarted(self, name: str, dead: psutil.Process) -> bool:
        """Whether another process has taken the place of the dead one, and the whole is ready."""
        part = self.part(name)
        return part is not None and part.pid != dead.pid and self.is_ready()

    def headers(self) -> dict[str, str]:
        """What the commands of this machine send with every request."""
        token = json.loads((self.folder / "access.json").read_text())["token"]
        return {"authorization": f"Bearer {token}"}

    def ask(self, method: str, path: str, **given: Any) -> httpx2.Response:
        headers = self.headers() | given.pop("headers", {})
        return httpx2.request(method, self.url + path, headers=headers, timeout=30, **given)

    def kill(self) -> None:
        """kill -9 of every process, the supervisor first so that it starts nothing again."""
        processes = [self.supervisor, *self.supervisor.children(recursive=True)]
        for process in processes:
            process.kill()
        self.wait()
        until(lambda: not any(map(alive, processes)), "the killed processes to be gone")

    def terminate(self) -> None:
        """Ask it to stop, as an operator does."""
        self.supervisor.terminate()

    def wait(self, patience_s: float = PATIENCE_S) -> int:
        """Its exit code, once it has ended."""
        assert self._supervisor is not None
        return self._supervisor.wait(patience_s)

    def close(self) -> None:
        """End whatever is left of it."""
        if self._supervisor is not None and self._supervisor.poll() is None:
            self.kill()

    def events(self, name: str) -> list[dict[str, Any]]:
        """What its parts have logged under that name."""
        lines = [line for line in self.said if f'"event": "{name}"' in line]
        return [json.loads(line) for line in lines]

    def _listen(self, stream: IO[str] | None) -> None:
        assert stream is not None
        with stream:
            self.said.extend(stream)


@contextmanager
def running(folder: Path, **settings: str) -> Iterator[Running]:
    """A system that runs for the time of a test."""
    system = Running(folder, **settings)
    try:
        system.start()
        yield system
    finally:
        system.close()
