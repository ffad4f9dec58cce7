"""A live rule that fires far above its backtest is put into shadow, once, and it is written down."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from guardian.domain.clock import DAY_MS, HOUR_MS, MINUTE_MS, SetClock
from guardian.domain.errors import Conflict
from guardian.learning.rule_limits import RuleLimits, excess, poisson_tail
from guardian.scoring.rules.book import RuleBook
from guardian.scoring.rules.desk import RuleDesk
from guardian.scoring.rules.lifecycle import Asked, Move
from guardian.scoring.rules.lists import Snooze
from guardian.security.identity import ROLES, Principal
from guardian.storage.sqlite.store import SqliteStore
from rule_samples import AT, rule, transaction
from storing import unscored

BEA, ANA = Principal("bea", ROLES["admin"]), Principal("ana", ROLES["admin"])
NOW = AT + 10 * MINUTE_MS


class House:
    def __init__(self, folder: Path) -> None:
        self.store = SqliteStore(folder)
        self.clock = SetClock(AT)
        self.share: float | None = 0.001
        book = RuleBook(self.store.records, self.store.audit, self.clock, list)
        book.publish()
        self.desk = RuleDesk(book, self.store.audit, self.clock, lambda _: self.share)
        self.limits = RuleLimits(self.store.transactions, self.store.minutes, self.desk, self.clock)

    def bring(self, *moves: Move, share: float | None = 0.001) -> None:
        self.share = share
        if self.desk.book.rules.get("one") is None:
            self.desk.create(rule(), ANA)
        for move in (Move.SUBMIT, *moves):
            self.desk.move("one", Asked(move, "bea", "why", 50 if move is Move.PART else None), BEA)
        self.clock.advance(NOW - AT)

    def judged(self, rows: int, fired: int, version: int = 1) -> None:
        start = self.store.transactions.position(0)
        of = [transaction(transaction_id=f"t{start + n}", event_ms=NOW - n) for n in range(rows)]
        ids = ["one"] * fired + [""] * (rows - fired)
        batch = msgspec.structs.replace(unscored(of, start), rules=ids, rule_versions={"one": version})
        self.store.transactions.keep(0, batch)

    def states(self) -> list[str]:
        return [str(one.state) for one in self.desk.get("one")[0].versions]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.store.close()


def test_a_rule_far_above_its_backtest_goes_into_shadow_with_its_numbers(house: House) -> None:
    house.bring(Move.SHADOW, Move.LIVE)
    house.judged(1_000, 40)
    assert house.limits.turn() == 1
    assert house.states() == ["shadow"]
    entry = house.desk.get("one")[0].history[-1]
    assert (entry.actor, entry.what) == ("guardian", "shadow")
    assert entry.reason == "Fired 40 times in 1000 transactions, far above the 1.0 of its backtest"
    assert house.store.audit.read()[-1].actor == "guardian"
    assert house.desk.book.current().versions == {"~one": 1}
    house.clock.advance(MINUTE_MS)
    assert house.limits.turn() == 0


def test_it_looks_once_a_minute_and_leaves_a_rule_within_its_backtest_alone(house: House) -> None:
    house.bring(Move.SHADOW, Move.LIVE)
    house.judged(1_000, 29)
    assert house.limits.turn() == 0
    house.judged(100, 100)
    assert house.limits.turn() == 0  # not yet due
    house.clock.advance(MINUTE_MS)
    assert house.limits.turn() == 1


def test_without_a_backtest_five_per_cent_of_the_traffic_are_too_much(house: House) -> None:
    house.bring(Move.SHADOW, Move.PART, share=None)
    house.judged(398, 100)
    assert house.limits.turn() == 0  # half of 398 are too few to say
    house.judged(10, 1)
    house.clock.advance(MINUTE_MS)
    assert house.limits.turn() == 1
    assert house.desk.get("one")[0].history[-1].reason.endswith("far above 5 % of the traffic")


def test_what_is_on_trial_stays_there_when_the_live_version_is_limited(house: House) -> None:
    house.bring(Move.SHADOW, Move.LIVE)
    _, revision = house.desk.get("one")
    house.desk.edit(rule("amount > 7"), revision, ANA)
    house.clock.advance(AT - NOW)
    house.bring(Move.SHADOW)
    house.judged(1_000, 40)
    assert house.limits.turn() == 1
    assert house.states() == ["paused", "shadow"]


def test_firings_of_another_version_or_hours_ago_do_not_count(house: House) -> None:
    house.bring(Move.SHADOW, Move.LIVE)
    house.judged(1_000, 100, version=7)
    assert house.limits.turn() == 0
    house.judged(100, 100)
    house.clock.advance(3 * HOUR_MS)
    assert house.limits.turn() == 0


def test_a_rule_that_somebody_works_on_is_looked_at_again(house: House) -> None:
    class Busy(RuleDesk):
        def limit(self, rule_id: str, version: int, reason: str) -> None:
            raise Conflict("It has changed meanwhile; read it again.")

    house.bring(Move.SHADOW, Move.LIVE)
    house.judged(1_000, 40)
    busy = Busy(house.desk.book, house.store.audit, house.clock, lambda _: None)
    assert RuleLimits(house.store.transactions, house.store.minutes, busy, house.clock).turn() == 0
    assert house.states() == ["live"]


def test_a_snooze_is_forgotten_once_no_transaction_of_its_time_can_come(house: House) -> None:
    house.bring(Move.SHADOW)
    ending = Snooze("SN-0001", "one", "merchant_id", "m", NOW + MINUTE_MS, "a sale", "ana")
    house.desk.snooze(ending, ANA)
    house.clock.advance(7 * DAY_MS)
    house.limits.turn()
    before = str(house.desk.book.current_version())
    assert house.desk.book.current().contents.snoozes == (ending,)
    house.clock.advance(2 * DAY_MS)
    house.limits.turn()
    assert house.desk.book.current().contents.snoozes == ()
    assert house.desk.book.load(before).contents.snoozes == (ending,)


@pytest.mark.parametrize(
    ("fired", "rows", "share", "too_many"),
    [
        (30, 1_000, 0.001, True),
        (29, 1_000, 0.001, False),
        (30, 1_000, 0.006, False),
        (31, 1_000, 0.006, True),
        (30, 10_000, 0.0, True),
        (11, 200, None, True),
        (10, 200, None, False),
        (199, 199, None, False),
    ],
)
def test_too_many_is_five_times_the_backtest_and_beyond_chance(
    fired: int, rows: int, share: float | None, too_many: bool
) -> None:
    assert (excess(fired, rows, share) is not None) is too_many


def test_the_tail_is_that_of_a_poisson_distribution() -> None:
    assert poisson_tail(3, 1.0) == pytest.approx(0.0803014, rel=1e-5)
    assert poisson_tail(30, 6.0) == pytest.approx(2.5573e-12, rel=1e-4)
    assert poisson_tail(1, 0.0) == 0.0
