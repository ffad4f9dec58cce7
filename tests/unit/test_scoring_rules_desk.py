"""Rules as people work on them: kept, written down, published, taken up, and never half."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from guardian.domain.clock import SetClock
from guardian.domain.errors import Conflict, Forbidden, Invalid, NotFound, Poisoned, Unavailable, Unparsable
from guardian.scoring.rules.book import RULESET_KIND, RuleBook
from guardian.scoring.rules.desk import RuleDesk, snooze_id_of
from guardian.scoring.rules.lifecycle import Asked, Move
from guardian.scoring.rules.lists import Entry, NamedList, Snooze
from guardian.scoring.rules.ruleset import RuleSet
from guardian.scoring.rules.uptake import EVERY_S, Uptake
from guardian.security.identity import ROLES, Principal
from guardian.storage.base import Record
from guardian.storage.sqlite.store import SqliteStore
from rule_samples import AT, rule, told, transaction

ANA, BEA = Principal("ana", ROLES["analyst"]), Principal("bea", ROLES["operator"])
VIEWER = Principal("vera", ROLES["viewer"])
DONATIONS = NamedList("donations", "merchant_id", (Entry("m", "a charity"),))


class House:
    def __init__(self, folder: Path) -> None:
        self.store = SqliteStore(folder)
        self.clock = SetClock(AT)
        self.share: float | None = 0.001
        self.book = RuleBook(self.store.records, self.store.audit, self.clock, lambda: [rule(rule_id="seed")])
        self.desk = RuleDesk(self.book, self.store.audit, self.clock, lambda _: self.share)

    def move(self, rule_id: str, move: Move, who: Principal, percent: int | None = None) -> None:
        self.desk.move(rule_id, Asked(move, who.subject, "why", percent), who)

    def bring_live(self, one: str = "amount > 7", rule_id: str = "one") -> None:
        self.desk.create(rule(one, rule_id), ANA)
        self.move(rule_id, Move.SUBMIT, ANA)
        self.move(rule_id, Move.SHADOW, BEA)
        self.move(rule_id, Move.LIVE, BEA)

    def told(self, **facts: object) -> str:
        return told(self.book.current(), transaction(amount_minor=800, **facts))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    made.book.current()
    yield made
    made.store.close()


def snooze(**changes: object) -> Snooze:
    facts = {"snooze_id": snooze_id_of(1), "rule_id": "one", "field": "merchant_id", "value": "m"}
    return Snooze(**(facts | {"until_ms": AT + 60_000, "reason": "a sale", "by": "ana"} | changes))  # type: ignore[arg-type]


def test_the_first_start_seeds_the_rules_of_the_file_once(house: House) -> None:
    [life] = house.desk.every()
    assert (life.rule_id, life.newest.authors, life.newest.state) == ("seed", ("guardian",), "live")
    version = house.book.current_version()
    house.move("seed", Move.PAUSE, ANA)
    again = RuleBook(house.store.records, house.store.audit, house.clock, lambda: [rule(rule_id="other")])
    assert again.current().contents.deployed == ()
    assert again.load(str(version)).get("seed") is not None
    assert [one.action for one in house.store.audit.read()] == ["rule seeded", "rule pause"]


def test_a_rule_counts_only_once_a_second_person_let_it(house: House) -> None:
    before = house.book.current_version()
    house.desk.create(rule("amount > 7"), ANA)
    house.move("one", Move.SUBMIT, ANA)
    assert house.book.current_version() == before
    with pytest.raises(Forbidden, match="rules:review"):
        house.move("one", Move.SHADOW, ANA)
    both = Principal("ana", ROLES["admin"])
    with pytest.raises(Forbidden, match="second person"):
        house.move("one", Move.SHADOW, both)
    assert house.told() == ""
    house.move("one", Move.SHADOW, BEA)
    assert house.told() == "~one"
    house.move("one", Move.LIVE, BEA)
    assert house.told() == "one"
    assert house.desk.get("one")[0].newest.expected_share == 0.001
    written = [(one.actor, one.action, one.detail["version"]) for one in house.store.audit.read()][1:]
    assert written == [
        ("ana", "rule drafted", "1"),
        ("ana", "rule submit", "1"),
        ("bea", "rule shadow", "1"),
        ("bea", "rule live", "1"),
    ]


def test_what_is_wrong_never_gets_as_far_as_a_draft(house: House) -> None:
    for text in ("amount >", "amuont > 1", "amount / 0 > 1", "(" * 100):
        with pytest.raises(Unparsable):
            house.desk.create(rule(text), ANA)
    with pytest.raises(NotFound):
        house.desk.get("one")
    with pytest.raises(Conflict, match="already"):
        house.desk.create(rule(rule_id="seed"), ANA)


def test_a_rule_that_matches_nearly_everything_does_not_go_live(house: House) -> None:
    house.desk.create(rule("amount > 0"), ANA)
    house.move("one", Move.SUBMIT, ANA)
    house.share = 0.97
    house.move("one", Move.SHADOW, BEA)
    with pytest.raises(Invalid, match="97%"):
        house.move("one", Move.LIVE, BEA)
    with pytest.raises(Invalid, match="nearly everything"):
        house.move("one", Move.PART, BEA, 10)
    house.share = None  # nothing is stored yet
    house.move("one", Move.LIVE, BEA)


def test_of_two_who_edit_at_once_the_second_is_told(house: House) -> None:
    _, revision = house.desk.create(rule("amount > 7"), ANA)
    house.desk.edit(rule("amount > 8"), revision, ANA)
    with pytest.raises(Conflict, match="changed meanwhile"):
        house.desk.edit(rule("amount > 9"), revision, BEA)
    with pytest.raises(Conflict, match="changed meanwhile"):
        house.desk.move("one", Asked(Move.SUBMIT, "bea", "why"), BEA, revision)
    assert house.desk.get("one")[0].newest.rule.when == "amount > 8"
    assert house.desk.get("one")[0].newest.authors == ("ana",)


def test_scopes_are_asked_for_and_things_must_be_there(house: House) -> None:
    for act in (
        lambda: house.desk.create(rule(), VIEWER),
        lambda: house.desk.put_list(DONATIONS, VIEWER),
        lambda: house.desk.snooze(snooze(), VIEWER),
        lambda: house.move("seed", Move.PAUSE, VIEWER),
    ):
        with pytest.raises(Forbidden, match="rules:write"):
            act()
    for act in (
        lambda: house.desk.drop_list("nothing", ANA),
        lambda: house.desk.wake("SN-9", ANA),
        lambda: house.desk.snooze(snooze(), ANA),
        lambda: house.move("one", Move.PAUSE, ANA),
    ):
        with pytest.raises(NotFound):
            act()


def test_a_list_acts_at_once_and_is_not_removed_while_a_rule_uses_it(house: House) -> None:
    house.desk.put_list(DONATIONS, ANA)
    house.bring_live("merchant_id in list(donations)")
    assert house.told() == "one"
    house.desk.put_list(NamedList("donations", "merchant_id", ()), ANA)
    assert house.told() == ""
    with pytest.raises(Conflict, match="Rule one uses this list"):
        house.desk.drop_list("donations", ANA)
    with pytest.raises(Conflict, match="Rule one uses this list"):
        house.desk.put_list(NamedList("donations", "card_bin", ()), ANA)
    house.desk.put_list(NamedList("spare", "card_bin", ()), ANA)
    house.desk.drop_list("spare", ANA)
    assert set(house.book.list_fields()) == {"donations"}


def test_a_snooze_is_over_when_it_is_taken_back(house: House) -> None:
    house.bring_live()
    house.desk.snooze(snooze(), ANA)
    assert house.told() == "~one"
    assert house.told(event_ms=AT + 60_000) == "one"
    house.desk.wake("SN-0001", ANA)
    assert house.told() == "one"
    with pytest.raises(Invalid, match="in the future"):
        house.desk.snooze(snooze(until_ms=AT), ANA)


def test_every_ruleset_of_the_past_can_be_read_again(house: House) -> None:
    house.desk.put_list(DONATIONS, ANA)
    house.bring_live("merchant_id in list(donations)")
    before = str(house.book.current_version())
    house.desk.put_list(NamedList("donations", "merchant_id", ()), ANA)
    house.move("one", Move.ROLL_BACK, ANA)
    assert told(house.book.load(before), transaction(amount_minor=800)) == "one"
    assert house.told() == ""


def test_the_same_content_has_the_same_version_and_is_published_once(house: House) -> None:
    version = house.book.publish()
    assert house.book.publish() == version
    house.move("seed", Move.PAUSE, ANA)
    assert house.book.publish() != version


def test_what_was_kept_and_not_published_is_published_at_the_next_turn(house: House) -> None:
    life, revision = house.desk.get("seed")
    paused = msgspec.structs.replace(life.newest, state="paused")  # as if killed before it was published
    house.book.rules.update(msgspec.structs.replace(life, versions=(paused,)), revision)
    assert house.book.current().get("seed") is not None
    house.book.publish()
    assert house.book.current().get("seed") is None


def test_publishing_gives_up_when_others_never_stop(house: House) -> None:
    class Busy(RuleBook):
        def _point(self, before: Record | None, version: str) -> bool:
            return False

    busy = Busy(house.store.records, house.store.audit, house.clock, list)
    house.desk.put_list(DONATIONS, ANA)
    life, revision = house.desk.get("seed")
    paused = msgspec.structs.replace(life.newest, state="paused")
    house.book.rules.update(msgspec.structs.replace(life, versions=(paused,)), revision)
    with pytest.raises(Conflict, match="try again"):
        busy.publish()


def test_a_ruleset_that_is_gone_or_changed_is_not_used(house: House) -> None:
    house.desk.put_list(DONATIONS, ANA)
    version = house.book.current_version()
    assert version is not None
    records = house.store.records
    kept = records.get(RULESET_KIND, version)
    assert kept is not None
    with pytest.raises(NotFound):
        house.book.load("000000000000")
    records.update(msgspec.structs.replace(kept, doc=kept.doc.replace(b"amount", b"bmount")))
    with pytest.raises(Poisoned, match="cannot be read"):
        house.book.load(version)
    kept = records.get(RULESET_KIND, version)
    assert kept is not None
    records.update(msgspec.structs.replace(kept, doc=kept.doc.replace(b"bmount >= 100", b"amount >= 99")))
    with pytest.raises(Poisoned, match="not what was published"):
        house.book.load(version)
    for [digest] in [
        house.store.records.get(RULESET_KIND, version) and msgspec.json.decode(kept.doc)["lists"]
    ]:
        records.delete("ruleset_list", digest)
    with pytest.raises(Poisoned, match="list of the ruleset is gone"):
        house.book.load(version)


def test_judging_goes_on_with_the_records_when_the_ruleset_cannot_be_read(house: House) -> None:
    house.bring_live()
    records, version = house.store.records, str(house.book.current_version())
    records.delete(RULESET_KIND, version)
    assert house.told() == "one"
    life, revision = house.desk.get("one")
    broken = msgspec.structs.replace(life.newest, rule=rule("no_such_field > 1"))
    house.book.rules.update(msgspec.structs.replace(life, versions=(broken,)), revision)
    assert [one.rule.id for one in house.book.current().contents.deployed] == ["seed"]


def test_whoever_publishes_first_seeds_first(tmp_path: Path) -> None:
    other = House(tmp_path / "other")
    other.desk.put_list(DONATIONS, ANA)
    assert [one.rule_id for one in other.desk.every()] == ["seed"]
    other.store.close()


class Judge:
    def __init__(self, rules: RuleSet) -> None:
        self.rules = rules

    @property
    def rules_version(self) -> str:
        return self.rules.version

    def take_up(self, rules: RuleSet) -> None:
        self.rules = rules


def test_a_judge_takes_up_what_is_published_and_keeps_the_last_good_one(house: House) -> None:
    now = [0.0]
    judge = Judge(house.book.current())
    uptake = Uptake(house.book, judge, lambda: now[0])
    house.bring_live()
    uptake.look()
    assert judge.rules.get("one") is None  # not yet due
    now[0] += EVERY_S
    uptake.look()
    assert judge.rules_version == house.book.current_version()
    good = judge.rules_version
    house.move("one", Move.ROLL_BACK, ANA)
    version = str(house.book.current_version())
    kept = house.store.records.get(RULESET_KIND, version)
    assert kept is not None
    house.store.records.update(msgspec.structs.replace(kept, doc=b"{}"))
    for _ in range(2):
        now[0] += EVERY_S
        uptake.look()
    assert judge.rules_version == good


def test_a_store_that_does_not_answer_is_looked_at_later(house: House) -> None:
    class Silent(RuleBook):
        def current_version(self) -> str | None:
            raise Unavailable("The disk is full.")

    judge = Judge(house.book.current())
    now = [0.0]
    silent = Silent(house.store.records, house.store.audit, house.clock, list)
    uptake = Uptake(silent, judge, lambda: now[0])
    now[0] += EVERY_S
    uptake.look()
    assert judge.rules_version == house.book.current_version()
