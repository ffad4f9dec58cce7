"""Flagged transactions become cases: once each, few writes, whatever is told twice, late or never."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from alerting_samples import NOW
from guardian.cases.chores import EVERY_MS, FINISH_AFTER_MS, SWEPT_MS
from guardian.cases.policy import BURST_CARDS
from guardian.domain.case import CaseState, Deed, Disposition, GroupKind
from guardian.domain.clock import DAY_MS
from guardian.domain.errors import Conflict, Unavailable
from guardian.domain.label import EventName, Seen
from guardian.domain.verdict import AlertLevel
from guardian.storage.casebook import CaseChanges
from labelling import Desks, kept, transaction, verdict


@pytest.fixture
def desks(tmp_path: Path) -> Iterator[Desks]:
    made = Desks(tmp_path)
    yield made
    made.store.close()


def test_flagged_transactions_of_a_card_are_one_case(desks: Desks) -> None:
    desks.flag("a", "b")
    desks.flag("c", level=2, event_ms=NOW + 9)
    desks.flag("d", card_token="card-2")
    of_card, other = desks.cases()[0], desks.cases()[1]
    assert (of_card.case_id, of_card.n, of_card.level) == ("C-0001", 3, AlertLevel.CRITICAL)
    assert (other.case_id, other.n, other.group.value) == ("C-0002", 1, "card-2")
    assert desks.shelf.case_of(EventName("live", "m1", "b")) == "C-0001"


def test_verdicts_told_again_change_nothing(desks: Desks) -> None:
    desks.flag("a", "b")
    before = desks.cases()
    told = [verdict(transaction(name)) for name in "aabb"]
    desks.stage.handle(told)
    desks.stage.handle(told)
    assert desks.cases() == before


def test_what_is_not_live_or_not_flagged_or_not_kept_has_no_case(desks: Desks) -> None:
    desks.flag("a", source="file")
    desks.stage.handle([verdict(transaction("b"), AlertLevel.NORMAL), verdict(transaction("gone"))])
    assert desks.cases() == []


def test_a_burst_of_cards_is_one_case_and_not_five_hundred(desks: Desks) -> None:
    cards = [transaction(f"t{at}", card_token=f"c{at}", card_bin="516220") for at in range(500)]
    kept(desks.store, cards, 2)
    desks.stage.handle([verdict(one) for one in cards])
    (case,) = desks.cases()
    assert (case.n, case.group.kind, case.group.merchant_id) == (500, GroupKind.BIN, "m1")
    assert len(desks.shelf.open(case.case_id).newest) == 200


def test_a_slow_burst_leaves_only_its_first_cards_apart(desks: Desks) -> None:
    for at in range(20):
        desks.flag(f"t{at}", card_token=f"c{at}", card_bin="516220", event_ms=NOW + at * 1_000)
    kinds = [case.group.kind for case in desks.cases()]
    assert sorted(kinds) == [GroupKind.BIN] + [GroupKind.CARD] * (BURST_CARDS - 1)


def test_after_closing_the_next_one_opens_a_case_that_names_the_former(desks: Desks) -> None:
    desks.flag("a")
    desks.desk.close("C-0001", "ana", Disposition.FRAUD)
    desks.flag("b", event_ms=NOW - 1)
    desks.flag("c", event_ms=NOW - 2)
    by_id = {case.case_id: case for case in desks.cases()}
    assert by_id.keys() == {"C-0001", "C-0002"}, "a late one does not open a third"
    assert (by_id["C-0002"].follows, by_id["C-0002"].n, by_id["C-0001"].n) == ("C-0001", 2, 1)


def test_a_claim_stays_while_more_comes(desks: Desks) -> None:
    desks.flag("a")
    desks.desk.claim("C-0001", "ana")
    desks.flag("b")
    (case,) = desks.cases()
    assert (case.owner, case.n) == ("ana", 2)


def test_ten_thousand_flagged_are_two_writes_a_batch(desks: Desks, monkeypatch: pytest.MonkeyPatch) -> None:
    database = desks.store.casebook._database
    given = [transaction(f"t{at}", card_token=f"c{at}", merchant_id=f"m{at}") for at in range(2_000)]
    kept(desks.store, given, 1)
    writes = 0
    write = database.write

    def counted() -> object:
        nonlocal writes
        writes += 1
        return write()

    monkeypatch.setattr(database, "write", counted)
    for start in range(0, len(given), 500):
        desks.stage.handle([verdict(one) for one in given[start : start + 500]])
    assert writes == 8
    assert desks.shelf.waiting() == 2_000


def test_a_person_who_is_faster_makes_the_stage_look_again(
    desks: Desks, monkeypatch: pytest.MonkeyPatch
) -> None:
    desks.flag("a")
    keep = desks.store.casebook.keep
    rivals = iter(["ana"])

    def rivalled(changes: CaseChanges) -> None:
        for name in rivals:
            desks.desk.claim("C-0001", name)
        keep(changes)

    monkeypatch.setattr(desks.store.casebook, "keep", rivalled)
    desks.flag("b")
    (case,) = desks.cases()
    assert (case.owner, case.n) == ("ana", 2)


def test_the_stage_gives_up_when_cases_never_stand_still(
    desks: Desks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: CaseChanges) -> None:
        raise Conflict("Somebody is always faster.")

    monkeypatch.setattr(desks.store.casebook, "keep", refuse)
    with pytest.raises(Conflict, match="tried again later"):
        desks.flag("a")


def test_what_was_kept_and_never_told_is_swept_up(desks: Desks) -> None:
    kept(desks.store, [transaction("a", card_token="x"), transaction("b", card_token="x")], 1)
    kept(desks.store, [transaction("calm"), transaction("old", event_ms=NOW - SWEPT_MS - 1)], 0)
    desks.clock.advance(1)
    assert desks.chores.turn() == 2
    assert [case.n for case in desks.cases()] == [2]
    assert desks.chores.turn() == 0, "not before its time"
    desks.stage.handle([verdict(transaction("a"))])
    desks.clock.advance(EVERY_MS)
    assert desks.chores.turn() == 0
    assert [case.n for case in desks.cases()] == [2]


def test_a_case_without_news_closes_as_undecided_and_labels_nothing(desks: Desks) -> None:
    desks.flag("a")
    desks.flag("b", card_token="card-2")
    desks.desk.note("C-0002", "ana", "asked the bank")
    desks.clock.advance(14 * DAY_MS + 1)
    desks.desk.note("C-0002", "ana", "still waiting")
    assert desks.chores.turn() == 1
    closed, waiting = sorted(desks.cases(), key=lambda case: case.case_id)
    assert (closed.state, closed.disposition) == (CaseState.CLOSED, Disposition.UNDECIDED)
    assert waiting.state is CaseState.OPEN
    assert desks.statements("a") == []
    assert not desks.desk.lapse("C-0002", NOW)


def test_a_door_that_dies_while_closing_is_finished_by_the_worker(
    desks: Desks, monkeypatch: pytest.MonkeyPatch
) -> None:
    desks.flag("a", "b")
    with monkeypatch.context() as broken:
        broken.setattr(desks.store.labels, "keep", _dies)
        with pytest.raises(Unavailable):
            desks.desk.close("C-0001", "ana", Disposition.FRAUD)
    assert (desks.cases()[0].state, desks.statements("a")) == (CaseState.CLOSING, [])
    desks.clock.advance(FINISH_AFTER_MS + 1)
    assert desks.chores.turn() == 1
    (case,) = desks.cases()
    assert (case.state, case.story[-1].deed, case.story[-1].text) == (CaseState.CLOSED, Deed.LABELLED, "2")
    assert [(one.by, one.known_ms) for one in desks.statements("a")] == [("ana", NOW)]
    assert desks.desk.finish(case) is case


def _dies(_: object) -> None:
    raise Unavailable("The disk is full.")


def test_flagged_transactions_stay_together_in_the_casebook(desks: Desks) -> None:
    desks.flag("a", event_ms=NOW + 1)
    assert desks.store.casebook.members("C-0001", 9) == [Seen(EventName("live", "m1", "a"), NOW + 1)]
