"""The SQL itself: indexes are used, and the views keep the plan's names."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from guardian.domain.transaction import Transaction
from guardian.domain.window import MinuteCounts, SeriesPoint
from guardian.storage.base import Judged, RecordQuery, TransactionQuery
from guardian.storage.sqlite import minutes, transactions
from guardian.storage.sqlite.store import SqliteStore

NOON = 1_763_985_600_000
HOUR = 3_600_000


def judged(n: int, **changes: object) -> Judged:
    facts = {"merchant_id": "m", "status": "approved", "amount_minor": 1_050, "received_ms": NOON}
    made = [Transaction(transaction_id=f"t{i}", event_ms=NOON + i, **facts | changes) for i in range(n)]  # type: ignore[arg-type]
    return Judged(
        transactions=made,
        positions=range(n),
        ml_score=np.array([np.nan, *[0.5] * (n - 1)], np.float32),
        zscore=np.full(n, 1.5, np.float32),
        score=np.zeros(n, np.float32),
        level=np.array([2, *[0] * (n - 1)], np.uint8),
        method=np.zeros(n, np.uint8),
        rules=[""] * n,
        features=np.zeros((n, 3), np.float32),
        model_version="v1",
        processing_ms=1.0,
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(tmp_path)
    yield opened
    opened.close()


def traced(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, sqlite3.Connection]]:
    """Every statement that the store runs from now on, with values filled in."""
    said: list[tuple[str, sqlite3.Connection]] = []
    for database in (store._hot, store._calm):
        with database.read() as connection:
            connection.set_trace_callback(lambda sql, own=connection: said.append((sql, own)))  # type: ignore[misc]
        database._writer.set_trace_callback(lambda sql, own=database._writer: said.append((sql, own)))  # type: ignore[misc]
    return said


def ask_everything(store: SqliteStore) -> None:
    span = (NOON, NOON + 3 * HOUR)
    store.transactions.get("t1")
    store.transactions.get("t1", source="live")
    store.transactions.places([1, 2, 3])
    for query in (
        TransactionQuery(),
        TransactionQuery(merchant_id="m", since_ms=NOON),
        TransactionQuery(status="denied", since_ms=NOON, until_ms=NOON + 9),
        TransactionQuery(card_bin="516220", since_ms=NOON),
        TransactionQuery(min_level=1),
    ):
        store.transactions.find(query)
    store.transactions.purge("live", NOON - 1)
    store.minutes.counts("live", "status", *span)
    store.minutes.totals("live", *span)
    store.minutes.points("live", None, *span)
    store.minutes.points("live", ["*", "denied"], *span)
    store.minutes.purge("live", NOON - 1, NOON - 1)
    store.records.get("alert", "a")
    for states in ((), ("open",)):
        store.records.find(RecordQuery("alert", states=states, since_ms=NOON))
        store.records.count(RecordQuery("alert", states=states, since_ms=NOON))
    store.audit.read(after=3)


def test_no_question_walks_over_a_whole_table(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.transactions.keep(0, judged(10))
    store.minutes.keep_points([SeriesPoint("live", "*", NOON, 1, 1.0, 0.0, 2.0)])
    said = traced(store, monkeypatch)
    ask_everything(store)
    statements = [(sql, own) for sql, own in said if sql.startswith(("SELECT", "DELETE", "WITH"))]
    assert len(statements) > 20
    for sql, own in statements:
        own.set_trace_callback(None)
        plan = [row[3] for row in own.execute(f"EXPLAIN QUERY PLAN {sql}")]
        walks = [line for line in plan if line.startswith("SCAN") and "CONSTANT" not in line]
        named = ("events", "minute_counts", "series_points", "records", "audit")
        assert not [line for line in walks if line.split()[1] in named], (sql, plan)


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (TransactionQuery(merchant_id="m"), "events_by_merchant"),
        (TransactionQuery(min_level=1), "events_flagged"),
        (TransactionQuery(status="denied"), "INTEGER PRIMARY KEY"),
    ],
)
def test_each_filter_has_its_index(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch, query: TransactionQuery, index: str
) -> None:
    store.transactions.keep(0, judged(10))
    said = traced(store, monkeypatch)
    store.transactions.find(query)
    sql, own = next((sql, own) for sql, own in said if "FROM events" in sql)
    assert index in " ".join(row[3] for row in own.execute(f"EXPLAIN QUERY PLAN {sql}"))


def rows(tmp_path: Path, sql: str) -> list[dict[str, object]]:
    with closing(sqlite3.connect(tmp_path / "transactions.db")) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(sql)]


def test_the_view_of_transactions_has_the_names_of_the_plan(store: SqliteStore, tmp_path: Path) -> None:
    store.transactions.keep(0, judged(2, auth_code="59", card_bin="516220"))
    assert rows(tmp_path, "SELECT * FROM transactions ORDER BY timestamp DESC") == [
        {
            "id": "t1",
            "timestamp": "2025-11-24T12:00:00.001Z",
            "status": "approved",
            "amount": 10.5,
            "auth_code": "59",
            "merchant_id": "m",
            "card_bin": "516220",
            "ml_score": 0.5,
            "zscore": 1.5,
            "is_anomaly": 0,
            "alert_level": "NORMAL",
        },
        {
            "id": "t0",
            "timestamp": "2025-11-24T12:00:00.000Z",
            "status": "approved",
            "amount": 10.5,
            "auth_code": "59",
            "merchant_id": "m",
            "card_bin": "516220",
            "ml_score": None,
            "zscore": 1.5,
            "is_anomaly": 1,
            "alert_level": "CRITICAL",
        },
    ]


@pytest.mark.parametrize(("currency", "amount"), [("BRL", 10.5), ("JPY", 1050.0), ("KWD", 1.05)])
def test_the_view_shows_major_units(store: SqliteStore, tmp_path: Path, currency: str, amount: float) -> None:
    store.transactions.keep(0, judged(1, currency=currency))
    assert [row["amount"] for row in rows(tmp_path, "SELECT amount FROM transactions")] == [amount]


def test_hourly_stats_outlive_the_transactions_and_minutes(store: SqliteStore, tmp_path: Path) -> None:
    store.transactions.keep(0, judged(3))
    store.transactions.purge("live", NOON + HOUR)
    store.minutes.purge("live", NOON + HOUR, NOON - HOUR)
    expected = {"hour": "2025-11-24T12:00:00Z", "status": "approved", "count": 3, "avg_score": 0.5}
    assert rows(tmp_path, "SELECT * FROM hourly_stats") == [expected | {"anomaly_count": 1}]
    assert store.minutes.totals("live", 0, NOON * 2) == {"approved": 3}


def test_old_minutes_go_in_short_steps(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minutes, "PURGED_AT_ONCE", 2)
    reports = [
        MinuteCounts(source, NOON + minute * 60_000, "status", {"a": 1, "b": 2}, NOON)
        for source in ("s", "t")
        for minute in range(5)
    ]
    store.minutes.replace(reports)
    store.minutes.keep_points([SeriesPoint("s", "*", NOON + n * 60_000, 1, 1.0, 0.0, 2.0) for n in range(7)])
    assert store.minutes.purge("s", NOON + 3 * 60_000, 0) == 3 * 2 + 3
    assert sorted(store.minutes.counts("s", "status", 0, NOON * 2)) == [NOON + 180_000, NOON + 240_000]


def test_old_transactions_go_in_short_steps(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions, "PURGED_AT_ONCE", 2)
    store.transactions.keep(0, judged(10))
    assert store.transactions.purge("live", NOON + 9, limit=7) == 7
    assert store.transactions.purge("live", NOON + 9) == 2
    assert store.transactions.purge("live", NOON + 9) == 0
