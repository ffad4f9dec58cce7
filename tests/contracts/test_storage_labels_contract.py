"""Every promise of labels and of the look-up of events, on every back end that this machine can have."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from alerting_samples import NOW
from guardian.domain.clock import DAY_MS, HOUR_MS, MINUTE_MS
from guardian.domain.label import EventName, Seen
from guardian.storage.labels import LabelCounts
from guardian.storage.sqlite.labels import READ_AT_ONCE
from guardian.storage.sqlite.store import SqliteStore
from labelling import about, kept, said, transaction

NAME = EventName("live", "m1", "a")


@pytest.fixture(params=["sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqliteStore]:
    back_end = SqliteStore(tmp_path)
    yield back_end
    back_end.close()


def test_what_is_said_again_changes_nothing(store: SqliteStore) -> None:
    assert store.labels.keep([about("a")]) == [True]
    assert store.labels.keep([about("a"), about("a", known_ms=NOW + HOUR_MS)]) == [False, False]
    assert store.labels.history([NAME]) == {NAME: [about("a")]}


def test_the_earliest_time_of_the_same_statement_counts(store: SqliteStore) -> None:
    store.labels.keep([about("a", known_ms=NOW + HOUR_MS), about("a", known_ms=NOW + MINUTE_MS)])
    (found,) = store.labels.labelled("live", NOW, NOW + 1)
    assert found.known_ms == NOW + MINUTE_MS


def test_a_contradiction_is_kept_as_history_and_the_newest_known_stands(store: SqliteStore) -> None:
    statements = [about("a"), about("a", False, NOW + 2 * HOUR_MS), about("a", True, NOW + HOUR_MS)]
    store.labels.keep(statements)
    assert [one.is_fraud for one in store.labels.history([NAME])[NAME]] == [True, False]
    (found,) = store.labels.labelled("live", NOW, NOW + 1)
    assert not found.is_fraud
    assert store.labels.keep([about("a", True, NOW + 3 * HOUR_MS)]) == [True]
    (found,) = store.labels.labelled("live", NOW, NOW + 1)
    assert (found.is_fraud, found.known_ms) == (True, NOW + 3 * HOUR_MS)


def test_labels_are_read_as_they_were_known_before_a_moment(store: SqliteStore) -> None:
    store.labels.keep([about("a"), about("a", False, NOW + HOUR_MS), about("b", known_ms=NOW + HOUR_MS)])
    before = list(store.labels.labelled("live", NOW, NOW + 1, known_before_ms=NOW + HOUR_MS))
    assert [(one.name.transaction_id, one.is_fraud) for one in before] == [("a", True)]
    assert not list(store.labels.labelled("live", NOW, NOW + 1, known_before_ms=NOW))


def test_labelled_events_of_a_span_come_newest_first_however_many(store: SqliteStore) -> None:
    n = READ_AT_ONCE + 3
    store.labels.keep([about(f"t{at}", at % 2 == 0, event_ms=NOW + at) for at in range(n)])
    store.labels.keep([about("other", source="file"), said("unknown")])
    found = list(store.labels.labelled("live", NOW + 1, NOW + n))
    assert [one.event_ms - NOW for one in found] == list(range(n - 1, 0, -1))
    assert all(one.is_fraud == ((one.event_ms - NOW) % 2 == 0) for one in found)


def test_the_same_id_of_two_merchants_has_labels_of_its_own(store: SqliteStore) -> None:
    other = EventName("live", "m2", "a")
    store.labels.keep([about("a"), about("a", False, merchant_id="m2")])
    found = store.labels.history([NAME, other])
    assert [len(found[name]) for name in (NAME, other)] == [1, 1]
    assert {one.name: one.is_fraud for one in store.labels.labelled("live", NOW, NOW + 1)} == {
        NAME: True,
        other: False,
    }


def test_a_label_without_its_transaction_waits_and_is_attached(store: SqliteStore) -> None:
    store.labels.keep([said("a"), said("b", merchant_id="m9"), about("c")])
    assert store.labels.counts() == LabelCounts(3, 2)
    assert store.labels.history([NAME])[NAME] == [said("a")], "found at once by whoever asks by name"
    assert NAME not in store.labels.history([EventName("live", "m1", "b")])
    first, second = store.labels.pending(0, 10)
    assert (first[1], store.labels.pending(first[0], 10)) == (said("a"), [second])
    store.labels.attach({first[0]: Seen(NAME, NOW)})
    assert store.labels.counts() == LabelCounts(3, 1)
    assert NAME in {one.name for one in store.labels.labelled("live", NOW, NOW + 1)}


def test_labels_go_with_their_transactions_and_what_waits_in_vain_goes_too(store: SqliteStore) -> None:
    store.labels.keep(
        [about("old"), about("new", event_ms=NOW + DAY_MS), said("never"), said("f", source="x")]
    )
    assert store.labels.purge("live", NOW + 1) == 2
    assert store.labels.counts() == LabelCounts(2, 1)
    assert store.labels.purge("x", NOW + 1) == 1


def test_labels_outlive_the_process(store: SqliteStore, tmp_path: Path) -> None:
    store.labels.keep([about("a")])
    again = SqliteStore(tmp_path)
    assert again.labels.history([NAME]) == {NAME: [about("a")]}
    again.close()


def test_events_are_found_by_their_ids_and_names(store: SqliteStore) -> None:
    given = [transaction("a"), transaction("a", merchant_id="m2"), transaction("b", source="file")]
    kept(store, given)
    seen = store.transactions.seen(["a", "b", "nothing"])
    assert {one.name.merchant_id for one in seen["a"]} == {"m1", "m2"}
    assert seen["b"] == [Seen(EventName("file", "m1", "b"), NOW)]
    assert "nothing" not in seen
    found = store.transactions.stored([NAME, EventName("live", "m1", "b")])
    assert {name: one.transaction for name, one in found.items()} == {NAME: given[0]}
