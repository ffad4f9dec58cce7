"""Every promise of records and of the audit log, on every back end that this machine can have."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from guardian.domain.audit import GENESIS, chain_digest
from guardian.domain.errors import Conflict
from guardian.storage.base import Record, RecordQuery
from guardian.storage.sqlite.store import SqliteStore

NOON = 1_763_985_600_000


@pytest.fixture(params=["sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqliteStore]:
    back_end = SqliteStore(tmp_path)
    yield back_end
    back_end.close()


def record(number: int, **changes: object) -> Record:
    facts: dict[str, object] = {"kind": "alert", "record_id": f"a{number}", "at_ms": NOON + number // 2}
    return Record(**facts | {"doc": b"{}", "source": "live", "state": "open"} | changes)  # type: ignore[arg-type]


def test_a_record_is_added_once_and_updated_only_as_it_was_read(store: SqliteStore) -> None:
    assert store.records.insert(record(1))
    assert not store.records.insert(record(1, doc=b"other"))
    read = store.records.get("alert", "a1")
    assert read is not None
    updated = store.records.update(record(1, doc=b"new"))
    assert updated.version == 1
    with pytest.raises(Conflict):
        store.records.update(read)
    assert store.records.get("alert", "a1") == updated
    assert store.records.get("incident", "a1") is None
    assert store.records.delete("alert", "a1")
    assert not store.records.delete("alert", "a1")


def test_records_page_while_others_are_added(store: SqliteStore) -> None:
    for number in range(10):
        store.records.insert(record(number))
    first = store.records.find(RecordQuery("alert", limit=4))
    store.records.insert(record(99))
    second = store.records.find(RecordQuery("alert", limit=100, cursor=first.next_cursor))
    names = [item.record_id for item in (*first.items, *second.items)]
    assert names == [f"a{number}" for number in reversed(range(10))]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (RecordQuery("alert", states=("open",)), 2),
        (RecordQuery("alert", levels=("CRITICAL",)), 1),
        (RecordQuery("alert", label="x"), 1),
        (RecordQuery("alert", source="other"), 0),
        (RecordQuery("alert", since_ms=NOON + 1), 2),
        (RecordQuery("alert", until_ms=NOON + 1), 1),
        (RecordQuery("incident"), 0),
    ],
)
def test_records_are_found_and_counted_by(store: SqliteStore, query: RecordQuery, expected: int) -> None:
    store.records.insert(record(1))
    store.records.insert(record(2, level="CRITICAL", label="x"))
    store.records.insert(record(3, state="resolved"))
    assert store.records.count(query) == expected
    assert len(store.records.find(query).items) == expected


def test_numbers_are_never_given_twice(store: SqliteStore) -> None:
    assert [store.records.next_number("incident") for _ in range(3)] == [1, 2, 3]
    assert store.records.next_number("other") == 1


def test_the_audit_log_is_a_chain_without_gaps(store: SqliteStore) -> None:
    first = store.audit.append(NOON, "ana", "silence", "denied", {"until": "06:00"})
    second = store.audit.append(NOON, "ana", "unsilence", "denied", {})
    assert [first.sequence, second.sequence] == [1, 2]
    assert first.digest != second.digest
    assert store.audit.read() == [first, second]
    assert store.audit.read(after=1) == [second]


def test_a_record_with_an_odd_id_pages_too(store: SqliteStore) -> None:
    for name in ("é:1", 'a"b', "", "z\n"):
        store.records.insert(record(0, record_id=name))
    seen: list[str] = []
    cursor: str | None = None
    while len(seen) < 9:
        page = store.records.find(RecordQuery("alert", limit=1, cursor=cursor))
        seen.extend(item.record_id for item in page.items)
        cursor = page.next_cursor
        if cursor is None:
            break
    assert sorted(seen) == sorted(("é:1", 'a"b', "", "z\n"))


def test_many_threads_get_each_number_once_and_one_unbroken_chain(store: SqliteStore) -> None:
    def work(worker: int) -> list[int]:
        numbers = [store.records.next_number("incident") for _ in range(10)]
        for number in numbers:
            store.audit.append(NOON, f"worker{worker}", "count", str(number), {})
        return numbers

    with ThreadPoolExecutor(4) as pool:
        numbers = sorted(number for some in pool.map(work, range(4)) for number in some)
    assert numbers == list(range(1, 41))
    previous = GENESIS
    for sequence, one in enumerate(store.audit.read(), start=1):
        facts = (one.sequence, one.at_ms, one.actor, one.action, one.target)
        assert one.sequence == sequence
        assert one.digest == chain_digest(previous, facts, one.detail)
        previous = one.digest
