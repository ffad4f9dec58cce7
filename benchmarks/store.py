"""Keeping judged transactions: batches beside row-by-row inserts, and what reading them costs."""

import sqlite3
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.bench import Bench
from benchmarks.table import Figure
from benchmarks.timing import Work, cpu_us
from benchmarks.traffic import transactions
from guardian.domain.identifiers import transaction_key
from guardian.features.definition import NAMES
from guardian.storage.base import Judged, TransactionQuery
from guardian.storage.sqlite.rows import COLUMNS, to_rows
from guardian.storage.sqlite.store import SqliteStore

START_MS = 1_763_985_600_000
EVENTS, BATCH, SINGLES = 100_000, 2_000, 2_000
PER_SECOND = 40_000
READ_S = 0.2


def judged(start: int, rows: int) -> Judged:
    """A judged batch, its places on the bus beginning at `start`."""
    rng = np.random.default_rng(start)
    half, zeros = np.full(rows, 0.5, np.float32), np.zeros(rows, np.uint8)
    return Judged(
        transactions=transactions(rows, START_MS + start * 1_000 // PER_SECOND, PER_SECOND, start),
        positions=range(start, start + rows),
        ml_score=half,
        zscore=half,
        score=half,
        level=(rng.random(rows) < 0.01).astype(np.uint8),
        method=zeros,
        rules=[""] * rows,
        features=rng.random((rows, len(NAMES)), np.float32),
        model_version="000001",
        processing_ms=2.0,
    )


class RowByRow:
    """The rival: the same columns and indexes, one INSERT and commit per row, no counts."""

    def __init__(self, folder: Path) -> None:
        SqliteStore(folder).close()
        self._connection = sqlite3.connect(folder / "transactions.db", isolation_level=None)
        self._connection.execute("PRAGMA synchronous=NORMAL")

    def keep(self, batch: Judged) -> None:
        """Insert the rows."""
        insert = f"INSERT INTO events({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
        for row in to_rows(batch):
            self._connection.execute(insert, row)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


def store(bench: Bench) -> Iterator[Figure]:
    """Every row is new; ours also adds the counts of minutes and hours up."""
    folder = bench.folder / "store"
    ours, theirs = SqliteStore(folder / "ours"), RowByRow(folder / "rival")
    starts = count(0, EVENTS)
    pairs = []
    for start in [next(starts) for _ in range(bench.rounds)]:
        batches = iter([judged(at, BATCH) for at in range(start, start + EVENTS, BATCH)])
        singles = judged(start, SINGLES)
        pairs.append(
            (
                _once(lambda: _keep_all(ours, batches), EVENTS),  # noqa: B023 - called at once
                _once(lambda: theirs.keep(singles), SINGLES),  # noqa: B023
            )
        )
    theirs.close()
    batched, row_by_row = (median(column) for column in zip(*pairs, strict=True))
    yield Figure(f"store, batches of {BATCH}", "us/tx", batched, row_by_row, "row by row")
    yield from _reading(ours)
    ours.close()


def _reading(ours: SqliteStore) -> Iterator[Figure]:
    """What the duplicate check and the routes ask."""
    some = judged(0, BATCH).transactions
    known = [transaction_key(one.transaction_id) for one in some]
    new = [key ^ 1 for key in known]
    pages = [TransactionQuery(limit=50), TransactionQuery(merchant_id="m7"), TransactionQuery(min_level=1)]
    rows = ours.transactions
    yield Figure("duplicate check, new ids", "us/tx", cpu_us(lambda: rows.places(new), BATCH, READ_S))
    yield Figure("duplicate check, known ids", "us/tx", cpu_us(lambda: rows.places(known), BATCH, READ_S))
    ids = [one.transaction_id for one in some[:200]]
    yield Figure("one transaction by its id", "us", cpu_us(lambda: [*map(rows.get, ids)], len(ids), READ_S))
    yield Figure("a page of 50", "us", cpu_us(lambda: [*map(rows.find, pages)], len(pages), READ_S))


def _keep_all(ours: SqliteStore, batches: Iterator[Judged]) -> None:
    for one in batches:
        ours.transactions.keep(0, one)


def _once(work: Work, items: int) -> float:
    return cpu_us(work, items, 0.0)
