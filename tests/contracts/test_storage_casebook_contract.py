"""Every promise of the casebook, on every back end that this machine can have."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from alerting_samples import NOW
from guardian.domain.errors import Conflict
from guardian.domain.label import EventName, Seen
from guardian.storage.base import Record, RecordQuery
from guardian.storage.casebook import CaseChanges
from guardian.storage.sqlite.casebook import PURGED_AT_ONCE
from guardian.storage.sqlite.store import SqliteStore

KIND = "review"


@pytest.fixture(params=["sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqliteStore]:
    back_end = SqliteStore(tmp_path)
    yield back_end
    back_end.close()


def record(name: str, at_ms: int = NOW, state: str = "open", label: str = "card::1") -> Record:
    return Record(KIND, name, at_ms, b"{}", state=state, label=label)


def seen(name: str, event_ms: int = NOW) -> Seen:
    return Seen(EventName("live", "m1", name), event_ms)


def test_a_case_is_kept_with_its_events_and_found_by_them(store: SqliteStore) -> None:
    events = [seen("a", NOW + 1), seen("b", NOW + 2), seen("c", NOW)]
    store.casebook.keep(CaseChanges([record("C-1")], [], {"C-1": events}))
    held = store.casebook.holding([events[0].name, EventName("live", "m2", "a")])
    assert held == {events[0].name: "C-1"}
    assert store.casebook.members("C-1", 2) == events[:2]
    assert store.casebook.newest_members("C-1", 2) == [events[1], events[0]]
    assert store.records.get(KIND, "C-1") is not None


def test_changes_are_kept_together_or_not_at_all(store: SqliteStore) -> None:
    store.casebook.keep(CaseChanges([record("C-1"), record("C-2")], [], {"C-1": [seen("a")]}))
    stale = msgspec.structs.replace(record("C-2"), version=7)
    for changes in (
        CaseChanges([record("C-3")], [stale], {"C-3": [seen("b")]}),
        CaseChanges([record("C-3")], [], {"C-3": [seen("b"), seen("a")]}),
        CaseChanges([record("C-3"), record("C-1")], [], {"C-3": [seen("b")]}),
    ):
        with pytest.raises(Conflict):
            store.casebook.keep(changes)
        assert store.records.get(KIND, "C-3") is None
        assert store.casebook.holding([seen("b").name]) == {}


def test_a_change_counts_the_version_like_any_other_update(store: SqliteStore) -> None:
    store.casebook.keep(CaseChanges([record("C-1")], [], {}))
    store.casebook.keep(CaseChanges([], [record("C-1", NOW + 1)], {}))
    found = store.records.get(KIND, "C-1")
    assert found is not None
    assert (found.version, found.at_ms) == (1, NOW + 1)


def test_of_a_group_the_open_case_comes_before_newer_ones_that_are_over(store: SqliteStore) -> None:
    cases = [record("C-1", NOW + 9, "closed"), record("C-2", NOW), record("C-3", NOW + 5, "closed", "x")]
    store.casebook.keep(CaseChanges([*cases, record("C-4", NOW, "closed", "x")], [], {}))
    found = store.casebook.newest(KIND, ["card::1", "x", "none"], ["open", "claimed"])
    assert {label: one.record_id for label, one in found.items()} == {"card::1": "C-2", "x": "C-3"}


def test_old_cases_go_with_what_they_hold(store: SqliteStore) -> None:
    old = [record(f"C-{at}", NOW - 1) for at in range(PURGED_AT_ONCE + 1)]
    members = {"C-0": [seen("a")], "N": [seen("b")]}
    store.casebook.keep(CaseChanges([*old, record("N")], [], members))
    assert store.casebook.purge(KIND, NOW) == PURGED_AT_ONCE + 1
    assert store.casebook.holding([seen("a").name, seen("b").name]) == {seen("b").name: "N"}
    assert [one.record_id for one in store.records.find(RecordQuery(KIND)).items] == ["N"]


def test_a_row_of_numbers_is_given_once(store: SqliteStore) -> None:
    assert [store.records.next_number("x", n) for n in (1, 3, 2)] == [1, 2, 5]
    assert store.records.next_number("x") == 7
