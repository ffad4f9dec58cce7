"""POST /labels through the whole door, and labels that wait for their transaction."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alerting_samples import NOW
from guardian.cases.attach import AT_ONCE, EVERY_MS, Attaching
from guardian.domain.clock import DAY_MS, HOUR_MS, SetClock, iso
from guardian.domain.label import EventName
from guardian.storage.labels import LabelCounts
from guardian.storage.sqlite.store import SqliteStore
from installation import Installation
from labelling import kept, said, transaction

PAN = "4539578763621486"
NAME = EventName("live", "m1", "a")


@pytest.fixture
def guardian(tmp_path: Path) -> Iterator[Installation]:
    installation = Installation(tmp_path, SetClock(NOW))
    kept(installation.parts.store, [transaction("a"), transaction("b"), transaction("b", merchant_id="m2")])
    yield installation
    installation.close()


def post(guardian: Installation, body: Any, role: str | None = "machine") -> Any:
    return guardian.ask("POST", "/labels", role, json=body)


def test_a_label_is_durable_and_known_from_now_on_unless_it_says_otherwise(guardian: Installation) -> None:
    answer = post(guardian, {"transaction_id": "a", "is_fraud": True, "kind": "chargeback"})
    assert answer.status_code == 200
    assert answer.json() == {"accepted": 1, "unknown": [], "rejected": []}
    (one,) = guardian.parts.store.labels.history([NAME])[NAME]
    assert (one.known_ms, one.by, one.kind, one.event_ms) == (NOW, "machine", "chargeback", NOW)


def test_unknown_transactions_are_kept_aside_and_reported_by_index(guardian: Installation) -> None:
    rows = [{"transaction_id": name, "is_fraud": False} for name in ("x", "a", "y")]
    assert post(guardian, rows).json() == {"accepted": 3, "unknown": [0, 2], "rejected": []}
    assert guardian.parts.store.labels.counts() == LabelCounts(3, 2)


@pytest.mark.parametrize(
    ("row", "pointer"),
    [
        ({"transaction_id": "b"}, "/transaction_id"),
        ({"transaction_id": "a", "known_at": iso(NOW + HOUR_MS)}, "/known_at"),
        ({"transaction_id": "a", "known_at": iso(NOW - DAY_MS)}, "/known_at"),
        ({"transaction_id": "a", "known_at": "1969-01-01T00:00:00Z"}, "/known_at"),
        ({"transaction_id": PAN}, "/transaction_id"),
        ({"transaction_id": "a", "kind": PAN}, "/kind"),
        ({"transaction_id": "a", "kind": "one\u0007"}, "/kind"),
    ],
)
def test_a_bad_label_is_refused_without_an_echo_and_the_good_ones_are_kept(
    guardian: Installation, row: dict[str, str], pointer: str
) -> None:
    answer = post(guardian, [{"is_fraud": True, **row}, {"transaction_id": "a", "is_fraud": True}])
    assert answer.json()["accepted"] == 1
    (fault,) = answer.json()["rejected"]
    assert (fault["index"], fault["errors"][0]["pointer"]) == (0, pointer)
    assert PAN not in answer.text


def test_an_ambiguous_id_is_taken_with_its_merchant(guardian: Installation) -> None:
    rows = {"transaction_id": "b", "is_fraud": True, "merchant_id": "m2"}
    assert post(guardian, rows).json() == {"accepted": 1, "unknown": [], "rejected": []}


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"transaction_id": "a"},
        {"transaction_id": "a", "is_fraud": 1},
        {"transaction_id": "", "is_fraud": True},
        {"transaction_id": "a", "is_fraud": True, "more": 1},
        [{"transaction_id": "a", "is_fraud": True}] * 10_001,
    ],
    ids=range(7),
)
def test_what_has_another_form_is_refused_whole(guardian: Installation, body: Any) -> None:
    assert post(guardian, body).status_code == 422
    assert guardian.parts.store.labels.counts() == LabelCounts(0, 0)


def test_labels_need_the_scope_write(guardian: Installation) -> None:
    assert post(guardian, {"transaction_id": "a", "is_fraud": True}, "analyst").status_code == 403
    assert post(guardian, {"transaction_id": "a", "is_fraud": True}, None).status_code == 401


def test_an_import_by_a_person_is_audited_without_its_content(guardian: Installation) -> None:
    post(guardian, [{"transaction_id": "a", "is_fraud": True}, {"transaction_id": "q", "is_fraud": True}])
    entry = guardian.parts.store.audit.read()[-1]
    assert (entry.actor, entry.action, entry.target) == ("machine", "labels import", "2 labels")
    assert entry.detail == {"accepted": "2", "unknown": "1", "rejected": "0"}


def test_ten_thousand_labels_are_one_request(guardian: Installation) -> None:
    rows = [{"transaction_id": f"n{at}", "is_fraud": False} for at in range(10_000)]
    assert len(post(guardian, rows).json()["unknown"]) == 10_000


def test_a_label_finds_its_transaction_when_that_comes(tmp_path: Path) -> None:
    store, clock = SqliteStore(tmp_path), SetClock(NOW)
    attaching = Attaching(store.labels, store.transactions, clock)
    store.labels.keep([said("a"), said("both"), said("never")])
    assert attaching.turn() == 0
    kept(store, [transaction("a"), transaction("both"), transaction("both", merchant_id="m2")])
    assert attaching.turn() == 0, "not before its time"
    clock.advance(EVERY_MS)
    assert attaching.turn() == 1
    assert [one.name for one in store.labels.labelled("live", NOW, NOW + 1)] == [NAME]
    assert store.labels.counts().pending == 2
    store.close()


def test_however_many_wait_each_is_looked_at_in_its_turn(tmp_path: Path) -> None:
    store, clock = SqliteStore(tmp_path), SetClock(NOW)
    store.labels.keep([said(f"n{at}") for at in range(AT_ONCE)] + [said("a")])
    kept(store, [transaction("a"), transaction("n0")])
    attaching = Attaching(store.labels, store.transactions, clock)
    turns = []
    for _ in range(3):
        turns.append(attaching.turn())
        clock.advance(EVERY_MS)
    assert turns == [1, 1, 0]
    store.close()
