"""The SQL itself: indexes are used, and the views keep the plan's names."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from guardian.domain.clock import DAY_MS
from guardian.domain.identifiers import transaction_key
from guardian.domain.transaction import Transaction
from guardian.domain.window import MinuteCounts, SeriesPoint
from guardian.storage.base import Judged, RecordQuery, TransactionQuery
from guardian.storage.sqlite import minutes, transactions
from guardian.storage.sqlite.rows import COLUMNS, to_rows
from guardian.storage.sqlite.store import SqliteStore
from guardian.storage.sqlite.transactions import SETTLED_AT

NOON = 1_763_985_600_000
HOUR = 3_600_000


def judged(n: int, start: int = 0, **changes: object) -> Judged:
    facts = {"merchant_id": "m", "status": "approved", "amount_minor": 1_050, "received_ms": NOON}
    made = [
        Transaction(transaction_id=f"t{i}", event_ms=NOON + i, **facts | changes)
        for i in range(start, start + n)
    ]  # type: ignore[arg-type]
    return Judged(
        transactions=made,
        positions=range(start, start + n),
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
        named = ("events", "keys", "merchants", "minute_counts", "series_points", "records", "audit")
        assert not [line for line in walks if line.split()[1] in named], (sql, plan)


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (TransactionQuery(merchant_id="m"), "merchant=?"),
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
    sql, own = next((sql, own) for sql, own in said if "ORDER BY place DESC" in sql)
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


SIDE_TABLES = ("keys", "keys_new", "merchants", "merchants_new")


def sizes(tmp_path: Path) -> list[int]:
    with closing(sqlite3.connect(tmp_path / "transactions.db")) as connection:
        return [connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in SIDE_TABLES]


def test_entries_gather_and_are_found_before_and_after_they_are_sorted_in(
    store: SqliteStore, tmp_path: Path
) -> None:
    store.transactions.keep(0, judged(10))
    assert sizes(tmp_path) == [0, 10, 0, 10]
    store.transactions.keep(0, judged(10, start=SETTLED_AT - 5))
    assert sizes(tmp_path) == [20, 0, 20, 0]
    store.transactions.keep(0, judged(10, start=SETTLED_AT + 5))
    assert sizes(tmp_path) == [20, 10, 20, 10]
    for number in (0, SETTLED_AT, SETTLED_AT + 14):
        found = store.transactions.get(f"t{number}")
        assert found is not None
        assert found.transaction.transaction_id == f"t{number}"
    keys = [transaction_key(f"t{number}") for number in (3, SETTLED_AT + 6)]
    assert [len(store.transactions.places(keys)[key]) for key in keys] == [1, 1]


def test_pages_of_a_merchant_run_newest_first_over_both_tables(store: SqliteStore) -> None:
    store.transactions.keep(0, judged(10, start=SETTLED_AT - 5))
    store.transactions.keep(0, judged(10, start=SETTLED_AT + 5))
    seen: list[int] = []
    query = TransactionQuery(merchant_id="m", limit=3)
    while True:
        page = store.transactions.find(query)
        seen += [one.transaction.event_ms for one in page.items]
        if page.next_cursor is None:
            break
        query = replace(query, cursor=page.next_cursor)
    assert len(seen) == 20
    assert seen == sorted(seen, reverse=True)


def test_what_is_purged_leaves_no_entry_behind(store: SqliteStore, tmp_path: Path) -> None:
    store.transactions.keep(0, judged(10, start=SETTLED_AT - 5))
    store.transactions.keep(0, judged(10, start=SETTLED_AT + 5))
    assert store.transactions.purge("live", NOON + 10 * DAY_MS) == 20
    assert sizes(tmp_path) == [0, 0, 0, 0]
    assert store.transactions.places([transaction_key("t99999")]) == {}


def test_a_store_of_the_first_version_is_brought_forward_with_its_rows(tmp_path: Path) -> None:
    first = resources.files("guardian.storage.sqlite") / "migrations/transactions/0001_first.sql"
    with closing(sqlite3.connect(tmp_path / "transactions.db")) as old:
        old.executescript(first.read_text(encoding="utf-8"))
        marks = ", ".join("?" * len(COLUMNS))
        old.executemany(f"INSERT INTO events({', '.join(COLUMNS)}) VALUES ({marks})", to_rows(judged(10)))
        old.execute("INSERT INTO progress VALUES ('live', 'transactions', ?, ?, ?, 0)", (NOON, NOON, NOON))
        old.execute("PRAGMA user_version=1")
        old.commit()
    store = SqliteStore(tmp_path)
    assert sizes(tmp_path) == [10, 0, 10, 0]
    assert store.transactions.get("t7") is not None
    assert len(store.transactions.find(TransactionQuery(merchant_id="m")).items) == 10
    store.close()
