"""Keeping judged transactions: batches beside row-by-row inserts, and what reading them costs."""

import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from guardian.domain.identifiers import transaction_key
from guardian.domain.transaction import Transaction
from guardian.storage.base import Judged, TransactionQuery
from guardian.storage.sqlite.rows import COLUMNS, to_rows
from guardian.storage.sqlite.store import SqliteStore

START_MS = 1_763_985_600_000
EVENTS = 100_000
BATCH = 2_000
SINGLES = 2_000
PER_MS = 40
FEATURES = 18
ONE_BY_ONE = "keep, one by one"
RIVAL = "rival: INSERT row by row, no counts"


def judged(start: int, n: int) -> Judged:
    """Traffic of 40 000 a second, merchants of very different size, distinct ids."""
    rng = np.random.default_rng(start)
    merchants = np.minimum(rng.pareto(1.1, n) * 20, 99_999).astype(int).tolist()
    times = [START_MS + number // PER_MS for number in range(start, start + n)]
    made = [
        Transaction(
            transaction_id=f"0193{start + row:028x}",
            merchant_id=f"m{merchants[row]}",
            status="denied" if row % 17 == 0 else "approved",
            amount_minor=1_000 + row,
            event_ms=times[row],
            received_ms=times[row],
            given_id=True,
            auth_code="00",
            card_bin="516220",
            card_token=f"c{row * 7_919 % 100_000}",
            acquirer="acq_a",
            country="BR",
        )
        for row in range(n)
    ]
    half, zeros = np.full(n, 0.5, np.float32), np.zeros(n, np.uint8)
    features = rng.random((n, FEATURES), np.float32)
    level = (rng.random(n) < 0.01).astype(np.uint8)
    return Judged(
        made, range(start, start + n), half, half, half, level, zeros, [""] * n, features, "v1", 2.0
    )


def timed(work: Callable[[], object], items: int) -> dict[str, float]:
    """Wall and processor microseconds per item, over one run."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return {
        "wall_us": (time.perf_counter() - wall) / items * 1e6,
        "cpu_us": (time.process_time() - cpu) / items * 1e6,
    }


def row_by_row(folder: Path, rows: list[tuple[object, ...]]) -> None:
    """The rival: the same columns and indexes, one INSERT and commit per row, no counts."""
    SqliteStore(folder).close()
    connection = sqlite3.connect(folder / "transactions.db", isolation_level=None)
    connection.execute("PRAGMA synchronous=NORMAL")
    insert = f"INSERT INTO events({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
    for row in rows:
        connection.execute(insert, row)
    connection.close()


def measure(folder: Path) -> Iterator[tuple[str, dict[str, float]]]:
    """Every row of the table."""
    store = SqliteStore(folder / "batches")
    keep = store.transactions.keep
    batches = [judged(start, BATCH) for start in range(0, EVENTS, BATCH)]
    yield f"keep, batches of {BATCH}", timed(lambda: [keep(0, one) for one in batches], EVENTS)
    small = [judged(EVENTS + start, 50) for start in range(0, SINGLES, 50)]
    yield "keep, batches of 50", timed(lambda: [keep(0, one) for one in small], SINGLES)
    singles = [judged(EVENTS + SINGLES + number, 1) for number in range(SINGLES)]
    yield ONE_BY_ONE, timed(lambda: [keep(0, one) for one in singles], SINGLES)
    rows = list(to_rows(judged(0, SINGLES)))
    yield RIVAL, timed(lambda: row_by_row(folder / "rival", rows), SINGLES)
    yield from reading(store, batches[0])
    store.close()


def reading(store: SqliteStore, some: Judged) -> Iterator[tuple[str, dict[str, float]]]:
    """What the routes and the duplicate check ask."""
    ids = [one.transaction_id for one in some.transactions]
    keys = [transaction_key(one) for one in ids]
    pages = [TransactionQuery(limit=50), TransactionQuery(merchant_id="m7"), TransactionQuery(min_level=1)]
    span = (START_MS - 3_600_000, START_MS + 3_600_000)
    yield "places of known ids, per id", timed(lambda: store.transactions.places(keys), len(keys))
    unknown = [key ^ 1 for key in keys]
    yield "places of new ids, per id", timed(lambda: store.transactions.places(unknown), len(keys))
    yield "get, per id", timed(lambda: [store.transactions.get(one) for one in ids[:500]], 500)
    yield "find, per page of 50", timed(lambda: [store.transactions.find(one) for one in pages * 20], 60)
    yield "totals of two hours", timed(lambda: [store.minutes.totals("live", *span) for _ in range(50)], 50)


def main(out: Path | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        table = dict(measure(Path(folder)))
    for name, row in table.items():
        print(f"{name:38s} {row['wall_us']:10.1f} us wall {row['cpu_us']:10.1f} us cpu")
    batched = table[f"keep, batches of {BATCH}"]["cpu_us"]
    ratios = {name: table[name]["cpu_us"] / batched for name in (ONE_BY_ONE, RIVAL)}
    for name, ratio in ratios.items():
        print(f"{name}: {ratio:.1f} times the processor of batches of {BATCH}")
    if out is not None:
        out.write_text(json.dumps({"rows": table, "ratios": ratios}, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
