"""A load generator: one process, one loop, raw keep-alive sockets. It says what it cost itself."""

import re
import select
import selectors
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from math import inf
from multiprocessing import get_context

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks import traffic

SILENCE_S = 60.0
BUFFER_BYTES = 1 << 20
"""A whole batch fits, so that sending never waits for the receiver."""
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Order(msgspec.Struct, frozen=True):
    """What to send. Without a rate each connection sends again as soon as it has its answer."""

    port: int
    token: str
    first: int = 0
    """Number of the first transaction: numbers make the ids."""
    requests: float = inf
    seconds: float = inf
    rows: int = 1
    """Transactions per request; one of them is a POST /transaction, several are a batch."""
    connections: int = 64
    rate: float = inf
    """Requests a second, evenly spaced, whether or not answers come."""


class Outcome(msgspec.Struct):
    """What came of it, request by request in the order of the answers."""

    due: NDArray[np.float64]
    """When each was due, on the clock of `time.monotonic`."""
    seconds: NDArray[np.float64]
    """From when it was due to its answer: waiting for a free connection counts."""
    statuses: dict[int, int]
    rows: int
    cpu_s: float

    @property
    def accepted(self) -> int:
        """Transactions answered with 202."""
        return self.statuses.get(202, 0) * self.rows

    @property
    def started(self) -> float:
        """When the first was due."""
        return float(self.due.min())

    @property
    def ended(self) -> float:
        """When the last answer came."""
        return float((self.due + self.seconds).max())

    @property
    def cpu_us(self) -> float:
        """Processor time of the generator itself per request."""
        return self.cpu_s / len(self.due) * 1e6


class Pace:
    """When the next request is due."""

    def __init__(self, order: Order, now: float) -> None:
        self._start = now
        self._gap = 1.0 / order.rate
        self._end = now + order.seconds
        self._left = order.requests
        self._sent = 0

    def due(self, now: float) -> float | None:
        """The time at which the next one was due; None when it is not due yet, or no more are."""
        at = self._start + self._sent * self._gap if self._gap else now
        if at > now or self.over(now):
            return None
        self._sent += 1
        self._left -= 1
        return at

    def over(self, now: float) -> bool:
        """Whether no more will be due."""
        return self._left <= 0 or now >= self._end

    def wait(self, now: float) -> float:
        """Seconds until the next one is due."""
        return max(0.0, self._start + self._sent * self._gap - now)


class Line:
    """One keep-alive connection with at most one request under way."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), SILENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
        self.due = 0.0
        self._got = b""

    def send(self, request: bytes, due: float) -> None:
        """Send a request that was due then."""
        self.due, self._got = due, b""
        self.socket.sendall(request)

    def receive(self) -> int | None:
        """Read what has come: the status once the answer is whole. Raises ConnectionError."""
        part = self.socket.recv(1 << 16)
        if not part:
            raise ConnectionError("The server closed a connection.")
        self._got += part
        return status_of(self._got)


def status_of(answer: bytes) -> int | None:
    """The status of a whole answer; None while some of it is missing."""
    head, gap, body = answer.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    if not gap or length is None or len(body) < int(length[1]):
        return None
    return int(head[9:12])


def requests(order: Order) -> Iterator[bytes]:
    """One request after the other."""
    path = b"/transaction" if order.rows == 1 else b"/transactions/batch"
    head = (
        b"POST %b HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %b\r\n"
        b"Content-Type: application/json\r\nContent-Length: " % (path, order.token.encode())
    )
    number = order.first
    while True:
        body = traffic.single(number) if order.rows == 1 else traffic.batch(number, order.rows)
        number += order.rows
        yield b"%b%d\r\n\r\n%b" % (head, len(body), body)


def drive(order: Order) -> Outcome:
    """Send what is ordered and wait for every answer. Raises ConnectionError, TimeoutError."""
    queue = requests(order)
    waiting = next(queue)  # the traffic is made up before the clock starts
    tally = _Tally()
    cpu = time.process_time()
    with ExitStack() as open_ones:
        selector = open_ones.enter_context(selectors.DefaultSelector())
        lines = [Line(order.port) for _ in range(order.connections)]
        for line in lines:
            open_ones.enter_context(line.socket)
            selector.register(line.socket, selectors.EVENT_READ, line)
        idle = list(lines)
        pace = Pace(order, time.monotonic())
        while True:
            while idle and (due := pace.due(time.monotonic())) is not None:
                idle.pop().send(waiting, due)
                waiting = next(queue)
            now = time.monotonic()
            if (over := pace.over(now)) and len(idle) == len(lines):
                break
            for line in _ready(selector, SILENCE_S if over or not idle else pace.wait(now)):
                if (status := line.receive()) is not None:
                    tally.note(status, line.due)
                    idle.append(line)
    cpu = time.process_time() - cpu
    return Outcome(np.array(tally.due), np.array(tally.seconds), dict(tally.statuses), order.rows, cpu)


class _Tally:
    """Every answer, when it was due and how long it took."""

    def __init__(self) -> None:
        self.due: list[float] = []
        self.seconds: list[float] = []
        self.statuses: Counter[int] = Counter()

    def note(self, status: int, due: float) -> None:
        self.due.append(due)
        self.seconds.append(time.monotonic() - due)
        self.statuses[status] += 1


def _ready(selector: selectors.DefaultSelector, wait_s: float) -> list[Line]:
    """Lines with something to read. The outer select waits in microseconds, the inner in milliseconds."""
    if not select.select([selector.fileno()], [], [], wait_s)[0]:
        if wait_s >= SILENCE_S:
            raise TimeoutError("The server has gone silent.")
        return []
    return [key.data for key, _ in selector.select(0)]


def driven(order: Order) -> Outcome:
    """The load from a process of its own, so that it disturbs nothing but the processor."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(drive, order).result()
