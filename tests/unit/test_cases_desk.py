"""What people do with cases and say of transactions, at the desk and through the whole door."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from alerting_samples import NOW
from guardian.cases.collection import REVIEW_KIND
from guardian.cases.desk import LONGEST_NOTE
from guardian.domain.anomaly import Finding
from guardian.domain.case import Case, CaseState, Deed, Disposition
from guardian.domain.clock import DAY_MS, SetClock
from guardian.domain.errors import Conflict, Invalid, NotFound
from guardian.domain.label import Origin
from guardian.learning.housekeeping import remove_source
from guardian.storage.base import Record, RecordQuery
from installation import Installation
from labelling import Desks, kept, transaction

HOSTILE = "<script>alert('x')</script>\u202e"
PAN = "4539578763621486"


@pytest.fixture
def desks(tmp_path: Path) -> Iterator[Desks]:
    made = Desks(tmp_path)
    made.flag("a", "b", "c")
    yield made
    made.store.close()


def test_two_who_claim_at_once_are_told_apart(desks: Desks) -> None:
    def claim(name: str) -> str:
        try:
            return desks.desk.claim("C-0001", name).owner or ""
        except Conflict:
            return ""

    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(claim, [f"person-{at}" for at in range(8)]))
    assert len(found - {""}) == 1
    assert desks.shelf.case("C-0001").owner in found


def test_closing_labels_every_transaction_once(desks: Desks) -> None:
    desks.clock.advance(60_000)
    over = desks.desk.close("C-0001", "ana", Disposition.FRAUD)
    assert (over.state, over.owner, over.disposition) == (CaseState.CLOSED, "ana", Disposition.FRAUD)
    (said,) = desks.statements("b")
    assert (said.is_fraud, said.kind, said.origin, said.known_ms) == (
        True,
        "fraud",
        Origin.CASE,
        NOW + 60_000,
    )
    with pytest.raises(Conflict):
        desks.desk.close("C-0001", "ana", Disposition.FRAUD)
    assert desks.store.labels.counts().statements == 3


def test_only_what_was_seen_or_chosen_is_labelled(desks: Desks) -> None:
    desks.desk.close("C-0001", "ana", Disposition.FRAUD, seen=2)
    assert [len(desks.statements(name)) for name in "abc"] == [1, 1, 0]
    desks.flag("d", "e")
    desks.desk.close("C-0002", "ana", Disposition.NOT_FRAUD, chosen=["e"])
    assert [len(desks.statements(name)) for name in "de"] == [0, 1]


def test_a_chosen_transaction_must_be_in_the_case(desks: Desks) -> None:
    with pytest.raises(Invalid):
        desks.desk.close("C-0001", "ana", Disposition.FRAUD, chosen=["a", "x"])
    assert desks.shelf.case("C-0001").state is CaseState.OPEN


def test_deeds_are_audited_and_repeating_one_is_not(desks: Desks) -> None:
    desks.desk.claim("C-0001", "ana")
    desks.desk.claim("C-0001", "ana")
    desks.desk.note("C-0001", "bia", "called the bank")
    desks.desk.release("C-0001", "ana")
    desks.desk.close("C-0001", "bia", Disposition.EXPECTED)
    audited = [(one.actor, one.action, one.target) for one in desks.store.audit.read()]
    deeds = [("ana", "claim"), ("bia", "note"), ("ana", "release"), ("bia", "close expected")]
    assert audited == [(who, f"case {what}", "C-0001") for who, what in deeds]


def test_a_note_keeps_its_words_but_no_card_number(desks: Desks) -> None:
    desks.desk.note("C-0001", "ana", f"  {HOSTILE} {PAN} ")
    text = desks.shelf.case("C-0001").story[-1].text
    assert text == f"{HOSTILE[:-1]} 453957****1486", "nor a sign that turns the line around"
    for bad in ("  ", "x" * (LONGEST_NOTE + 1)):
        with pytest.raises(Invalid):
            desks.desk.note("C-0001", "ana", bad)


def test_what_is_not_there_cannot_be_worked_on(desks: Desks) -> None:
    for deed in (desks.desk.claim, desks.desk.release):
        with pytest.raises(NotFound):
            deed("C-9", "ana")
    with pytest.raises(NotFound):
        desks.shelf.open("C-9")
    with pytest.raises(NotFound):
        desks.answers.answer("gone", Finding.FALSE, "ana", (None, None))


def test_a_case_that_never_stands_still_is_given_up(desks: Desks, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Record) -> Record:
        raise Conflict("It has changed.")

    monkeypatch.setattr(desks.store.records, "update", refuse)
    with pytest.raises(Conflict, match="keeps changing"):
        desks.desk.claim("C-0001", "ana")


@pytest.mark.parametrize(
    ("finding", "is_fraud"), [(Finding.CONFIRMED, True), (Finding.EXPECTED, False), (Finding.FALSE, False)]
)
def test_an_answer_is_a_label_known_from_now_on(desks: Desks, finding: Finding, is_fraud: bool) -> None:
    desks.clock.advance(5)
    desks.answers.answer("a", finding, "ana", (None, None))
    desks.answers.answer("a", finding, "ana", (None, None))
    (said,) = desks.statements("a")
    assert (said.is_fraud, said.kind, said.origin, said.known_ms) == (
        is_fraud,
        finding,
        Origin.ANSWER,
        NOW + 5,
    )
    assert [one.action for one in desks.store.audit.read()] == ["transaction answer"]


def test_the_last_answer_stands_and_the_former_is_history(desks: Desks) -> None:
    for finding in (Finding.CONFIRMED, Finding.FALSE):
        desks.clock.advance(5)
        desks.answers.answer("a", finding, "ana", (None, None))
    opened = desks.shelf.open("C-0001")
    label = opened.labels[opened.newest[-1].name]
    assert len(desks.statements("a")) == 2
    assert label is not None
    assert label.kind == "false"


def test_mine_are_those_i_took(desks: Desks) -> None:
    desks.flag("z", card_token="card-2")
    desks.desk.claim("C-0002", "ana")
    assert [case.case_id for case in desks.shelf.mine("ana")] == ["C-0002"]
    assert desks.shelf.mine("bia") == []
    assert (desks.shelf.waiting(), desks.shelf.unclosed()) == (1, 2)


@pytest.fixture
def guardian(tmp_path: Path) -> Iterator[Installation]:
    installation = Installation(tmp_path, SetClock(NOW))
    given = [transaction("a", card_token="x"), transaction("b", card_token="x"), transaction("é/ ?")]
    kept(installation.parts.store, given, 2)
    installation.work()
    yield installation
    installation.close()


def ids(guardian: Installation, **params: str) -> list[str]:
    return [one["id"] for one in guardian.items("/cases", **params)]


def test_the_queue_is_read_and_worked_on_through_the_api(guardian: Installation) -> None:
    assert ids(guardian) == ["C-0002", "C-0001"]
    assert ids(guardian, level="WARNING") == []
    first = guardian.ask("GET", "/cases?limit=1", "viewer").json()
    assert ids(guardian, limit="1", cursor=first["next_cursor"]) == ["C-0001"]
    assert guardian.ask("POST", "/cases/C-0001/claim", "analyst").json()["owner"] == "analyst"
    assert guardian.ask("POST", "/cases/C-0001/claim", "operator").status_code == 409
    note = {"text": HOSTILE}
    assert guardian.ask("POST", "/cases/C-0001/note", "operator", json=note).status_code == 200
    mine = guardian.ask("GET", "/cases?mine=true", "analyst").json()["items"]
    assert [one["id"] for one in mine] == ["C-0001"]
    assert ids(guardian, state="claimed") == ["C-0001"]
    closed = guardian.ask("POST", "/cases/C-0001/close", "analyst", json={"disposition": "fraud", "seen": 2})
    assert (closed.json()["state"], closed.json()["disposition"]) == ("closed", "fraud")
    whole = guardian.ask("GET", "/cases/C-0001", "viewer").json()
    assert {one["label"]["kind"] for one in whole["newest"]} == {"fraud"}
    assert [one["deed"] for one in whole["story"]] == ["opened", "claimed", "noted", "closed", "labelled"]
    assert whole["amounts"] == [{"currency": "BRL", "amount": "200.00"}]
    assert guardian.ask("POST", "/cases/C-0001/release", "analyst").status_code == 409


def test_who_only_looks_changes_nothing(guardian: Installation) -> None:
    for path, body in (
        ("claim", None),
        ("release", None),
        ("note", {"text": "x"}),
        ("close", {"disposition": "fraud"}),
    ):
        assert guardian.ask("POST", f"/cases/C-0001/{path}", "viewer", json=body).status_code == 403
    assert (
        guardian.ask("POST", "/transaction/a/answer", "viewer", json={"finding": "false"}).status_code == 403
    )
    assert guardian.ask("GET", "/cases", "machine").status_code == 403


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/cases/C-0001/close", {"disposition": "unsure"}, 422),
        ("/cases/C-0001/close", {"disposition": "fraud", "seen": 9}, 422),
        ("/cases/C-0001/close", {"disposition": "fraud", "transactions": ["x"]}, 422),
        ("/cases/C-0001/note", {"text": ""}, 422),
        ("/cases/C-9/note", {"text": "x"}, 404),
        ("/transaction/gone/answer", {"finding": "false"}, 404),
        ("/transaction/a/answer?merchant=m9", {"finding": "false"}, 404),
        ("/transaction/a/answer", {"finding": "maybe"}, 422),
    ],
)
def test_bad_deeds_are_refused(guardian: Installation, path: str, body: dict[str, Any], status: int) -> None:
    assert guardian.ask("POST", path, json=body).status_code == status


def test_a_transaction_is_answered_by_its_id_whatever_that_looks_like(guardian: Installation) -> None:
    for path in ("/transaction/a/answer", "/transaction/%C3%A9%2F%20%3F/answer?source=live&merchant=m1"):
        answer = guardian.ask("POST", path, "analyst", json={"finding": "confirmed"})
        assert (answer.status_code, answer.json()["origin"]) == (200, "answer")


def test_labels_and_cases_go_with_their_transactions(guardian: Installation) -> None:
    clock, store = guardian.parts.clock, guardian.parts.store
    assert isinstance(clock, SetClock)
    guardian.ask("POST", "/labels", json={"transaction_id": "a", "is_fraud": True})
    clock.advance(91 * DAY_MS)
    guardian.runners["keep-house"].step(0.0)
    assert (store.records.count(RecordQuery(REVIEW_KIND)), store.labels.counts().statements) == (0, 0)
    assert store.casebook.members("C-0001", 9) == []


def test_labels_of_a_source_go_when_it_is_removed(guardian: Installation) -> None:
    store = guardian.parts.store
    kept(store, [transaction("f", source="file")])
    for source in ("file", "live"):
        guardian.ask("POST", "/labels", json={"transaction_id": "f", "is_fraud": True, "source": source})
    remove_source("file", store.transactions, store.minutes, store.labels, store.records)
    assert store.labels.counts().statements == 1


def test_a_story_begins_with_its_opening(desks: Desks) -> None:
    case: Case = desks.shelf.case("C-0001")
    assert [one.deed for one in case.story] == [Deed.OPENED]
