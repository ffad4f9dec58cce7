"""Callers that send through a fault: they remember what was answered 202 and send the rest again."""

import http.client
import json
import random
import threading
from collections import Counter
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any

from guardian.domain.clock import HOUR_MS, MINUTE_MS, SystemClock, iso
from guardian.storage.sqlite.database import open_database
from guardian.storage.sqlite.rows import PLACE_BITS
from running import Running, until

ROWS = 40
SINGLE, BATCH = "/transaction", "/transactions/batch"
STATUSES = ("approved", "approved", "denied", "failed")
ROWS_OF = f"SELECT (place >> {PLACE_BITS}) / {{0}} * {{0}}, status, count(*) FROM events GROUP BY 1, 2"
AGREEMENT = (
    (ROWS_OF.format(MINUTE_MS), "SELECT minute_ms, value, n FROM minute_counts WHERE view = 'status'"),
    (ROWS_OF.format(HOUR_MS), "SELECT hour_ms, status, n FROM hours"),
)


def row_of(name: str, number: int) -> dict[str, str]:
    """The row of that number, always the same but for its time; every other one tells none."""
    row = {
        "transaction_id": f"{name}-{number}",
        "merchant_id": f"m{number % 17}",
        "status": STATUSES[number % len(STATUSES)],
        "amount": f"{1 + number % 900}.50",
    }
    if number % 2:
        row["timestamp"] = iso(SystemClock().now_ms() - number % 5 * MINUTE_MS)
    return row


class Load:
    """Threads that send single transactions and batches until the block is left.

    A row that got no 202 is sent again by its caller; now and then one is that did. Some callers
    leave the id to the door.
    """

    def __init__(self, system: Running, singles: int = 3, batches: int = 2) -> None:
        self.sent: set[str] = set()
        self.answered: set[str] = set()
        self.surprises: list[str] = []
        self._system = system
        self.name = f"load-{random.getrandbits(32):08x}"
        self._headers = system.headers() | {"content-type": "application/json"}
        self._stop = threading.Event()
        kinds = [SINGLE] * singles + [BATCH] * batches
        self._threads = [
            threading.Thread(target=self._call, args=(lane, len(kinds), path))
            for lane, path in enumerate(kinds)
        ]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, more: int) -> None:
        """Wait until so many more rows have been answered 202."""
        target = len(self.answered) + more
        until(lambda: len(self.answered) >= target, f"{more} more rows to be taken")

    def _call(self, lane: int, lanes: int, path: str) -> None:
        draw = random.Random(lane)
        again: list[int] = []
        number = lane
        while not self._stop.is_set():
            numbers = again
            if not numbers:
                size = 1 if path == SINGLE else ROWS
                numbers = [number + lanes * step for step in range(size)]
                number += lanes * size
            if self._taken(path, numbers):
                # a caller that has lost its answers does this, whatever happened in between
                again = [draw.choice(range(lane, number, lanes))] if draw.random() < 0.1 else []
            else:
                again = numbers
                self._stop.wait(0.05)

    def _taken(self, path: str, numbers: list[int]) -> bool:
        rows = [row_of(self.name, number) for number in numbers]
        unnamed = path == SINGLE and numbers[0] % 7 == 0
        if unnamed:
            del rows[0]["transaction_id"]
        names = {row["transaction_id"] for row in rows if "transaction_id" in row}
        self.sent |= names
        try:
            status, body = self._post(path, rows[0] if path == SINGLE else {"transactions": rows})
        except (OSError, http.client.HTTPException):
            return False
        if status == 202 and not (answer := json.loads(body)).get("rejected"):
            self.answered |= {answer["transaction_id"]} if unnamed else names
            return True
        if status != 503:
            self.surprises.append(f"{status} {body!r}")
        return False

    def _post(self, path: str, content: Any) -> tuple[int, bytes]:
        with closing(http.client.HTTPConnection("127.0.0.1", self._system.port, timeout=30)) as connection:
            connection.request("POST", path, json.dumps(content), self._headers)
            answer = connection.getresponse()
            return answer.status, answer.read()


def settle(system: Running) -> None:
    """Wait until everything that was accepted is kept: one partition, one order, so the last one tells."""
    row = row_of(f"marker-{random.getrandbits(32):08x}", 0)
    path = f"/transaction/{row['transaction_id']}"
    until(lambda: system.ask("POST", SINGLE, json=row).status_code == 202, "the marker to be taken")
    until(lambda: system.ask("GET", path).status_code == 200, "the lag to be nought")


def each_is_stored_once(folder: Path, load: Load) -> None:
    """Every row answered 202 is there, none twice, none that nobody sent, and every count agrees."""
    assert load.surprises == []
    with closing(open_database(folder / "transactions.db", read_only=True)) as store:
        assert store.execute("PRAGMA quick_check").fetchone() == ("ok",)
        stored = Counter(name for (name,) in store.execute("SELECT transaction_id FROM events"))
        for rows, counts in AGREEMENT:
            assert set(store.execute(rows)) == set(store.execute(counts))
    assert load.answered - set(stored) == set()
    assert {name: n for name, n in stored.items() if n > 1} == {}
    assert {name for name in stored if name.startswith(load.name)} <= load.sent
