"""When a new model is due, what it is learnt from, and who fits it."""

import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from guardian.domain.clock import DAY_MS, MINUTE_MS, SetClock
from guardian.domain.errors import Misconfigured, Refused, Unavailable
from guardian.domain.label import Origin, Statement
from guardian.domain.transaction import LIVE, Transaction
from guardian.features.definition import INDEX, NAMES
from guardian.learning.lessons import LEAST_FRAUDS, MATURE_MS, Lessons, evenly, labelled, usual
from guardian.learning.retrain import FIRST_ROWS, Retraining, apart, due, fitted
from guardian.models.artefact import ModelArtefact
from guardian.models.folder import FolderRegistry
from guardian.scoring.boosted import chance
from guardian.scoring.rarity import rarity
from guardian.storage.base import Judged
from guardian.storage.sqlite.store import SqliteStore

NOW = 20_000 * DAY_MS
ODD = INDEX["card_spend_24h"]


class School:
    def __init__(self, folder: Path) -> None:
        self.store = SqliteStore(folder)
        self.registry = FolderRegistry(folder / "models", NAMES, b"key")
        self.clock = SetClock(NOW)
        self.retraining = Retraining(self.store, self.registry, self.clock, fitted)

    def keep(self, event_times: list[int], features: np.ndarray | None = None, name: str = "t") -> None:
        start, rows = self.store.transactions.position(0), len(event_times)
        zeros = np.zeros(rows, np.float32)
        drawn = np.random.default_rng(start).normal(size=(rows, len(NAMES))).astype(np.float32)
        self.store.transactions.keep(
            0,
            Judged(
                transactions=[
                    Transaction(f"{name}{n}", "m", "approved", 100, at_ms, at_ms)
                    for n, at_ms in enumerate(event_times)
                ],
                positions=list(range(start, start + rows)),
                ml_score=zeros,
                zscore=zeros,
                score=zeros,
                level=zeros.astype(np.uint8),
                method=zeros.astype(np.uint8),
                rules=[""] * rows,
                features=drawn if features is None else features,
                model_version="",
                processing_ms=0.0,
            ),
        )

    def say(self, names: list[str], at_ms: int, known_ms: int = NOW - DAY_MS, fraud: bool = True) -> None:
        """Of events that are kept, all of one moment."""
        self.store.labels.keep(
            [
                Statement(one, fraud, known_ms, "bank", known_ms, Origin.REPORTED, "", LIVE, "m", at_ms)
                for one in names
            ]
        )

    def turn(self, now_ms: int) -> int:
        """One event just now, for everything goes by the time of events, and a look."""
        self.keep([now_ms], name=f"at{now_ms}-")
        self.clock.advance(now_ms - self.clock.now_ms())
        return self.retraining.turn()


@pytest.fixture
def house(tmp_path: Path) -> School:
    return School(tmp_path)


def with_frauds(house: School, frauds: int = 80) -> None:
    """Frauds spend what nobody else does; they are a month old."""
    month_ms = NOW - 30 * DAY_MS
    house.keep([month_ms + n for n in range(FIRST_ROWS)])
    house.keep([NOW - n for n in range(1, FIRST_ROWS)], name="new")
    odd = np.random.default_rng(7).normal(size=(frauds, len(NAMES))).astype(np.float32)
    odd[:, ODD] += 9
    house.keep([month_ms] * frauds, odd, name="fraud")
    house.say([f"fraud{n}" for n in range(frauds)], month_ms)


def test_nothing_is_learnt_of_frauds_while_few_are_known(house: School) -> None:
    with_frauds(house, LEAST_FRAUDS - 1)
    assert labelled(house.store, NOW) is None
    assert house.turn(NOW) == 1
    assert house.registry.load("000001").boosted is None


def test_once_frauds_are_known_the_next_model_tells_them(house: School) -> None:
    with_frauds(house)
    assert house.turn(NOW) == 1
    boosted = house.registry.load("000001").boosted
    assert boosted is not None
    calm = usual(house.store, NOW)[:4_000]
    spending = calm.copy()
    spending[:, ODD] += 9
    assert chance(boosted, spending).mean() > 0.9
    assert chance(boosted, calm).mean() < 0.1


def test_the_ripe_rest_is_taken_for_legitimate_and_stands_for_all_there_was(house: School) -> None:
    with_frauds(house)
    house.keep([NOW - MATURE_MS + n for n in range(1, 500)], name="young")
    known = labelled(house.store, NOW)
    assert known is not None
    assert (len(known.fraud), int(known.fraud.sum())) == (len(known.features), 80)
    legitimate = known.weight[~known.fraud].sum()
    assert legitimate == pytest.approx(FIRST_ROWS, rel=0.05)
    assert (known.weight[known.fraud] == 1.0).all()


def test_what_is_usual_is_learnt_from_all_hours_of_a_week_as_often_as_they_are(house: School) -> None:
    """Here more comes in the last hour than in the days before, and still they are in it."""
    busy = [NOW - n * 100 for n in range(1, 30_000)]
    calm = [NOW - n * 15 * MINUTE_MS for n in range(1, 670)]
    hour = np.zeros((len(busy) + len(calm), len(NAMES)), np.float32)
    hour[len(busy) :, ODD] = 1.0
    house.keep([*busy, *calm], hour)
    house.keep([NOW - 8 * DAY_MS], np.full((1, len(NAMES)), 7.0, np.float32), name="old")
    learnt = usual(house.store, NOW)
    assert len(learnt) == pytest.approx(20_000, rel=0.02)
    assert learnt[:, ODD].mean() == pytest.approx(len(calm) / len(hour), rel=0.3)
    assert learnt.max() == 1.0


@pytest.mark.parametrize(("rows", "wanted"), [(0, 5), (1, 5), (5, 5), (100, 7), (7, 1)])
def test_rows_are_thinned_evenly_and_the_newest_stays(rows: int, wanted: int) -> None:
    places = evenly(rows, wanted)
    assert len(places) == min(rows, wanted)
    assert rows == 0 or places[-1] == rows - 1
    assert len(places) < 3 or np.ptp(np.diff(places)) <= 1


def test_what_is_known_only_later_and_what_was_taken_back_is_not_fraud(house: School) -> None:
    with_frauds(house)
    month_ms = NOW - 30 * DAY_MS
    house.say(["fraud0", "fraud1"], month_ms, fraud=False, known_ms=NOW - 1)
    house.say(["t0", "t1", "t2"], month_ms, known_ms=NOW + 1)
    known = labelled(house.store, NOW)
    assert known is not None
    assert int(known.fraud.sum()) == 78


def test_rows_with_other_features_are_not_learnt_from(house: School) -> None:
    with_frauds(house)
    house.keep([NOW - n for n in range(50)], np.zeros((50, 3), np.float32), name="old")
    assert usual(house.store, NOW).shape[1] == len(NAMES)
    known = labelled(house.store, NOW)
    assert known is not None
    assert known.features.shape[1] == len(NAMES)


def test_what_was_learnt_of_frauds_stays_when_their_labels_go(house: School) -> None:
    with_frauds(house)
    house.turn(NOW)
    house.store.labels.purge(LIVE, NOW)
    assert house.turn(NOW + DAY_MS) == 1
    assert house.registry.load("000002").boosted is not None


def test_without_the_library_of_labels_the_forest_is_fitted_all_the_same(
    house: School,
) -> None:
    with_frauds(house)
    known: list[bool] = []

    def lacking(features: np.ndarray, lessons: Lessons | None, now_ms: int) -> ModelArtefact:
        known.append(lessons is not None)
        if lessons is not None:
            raise Misconfigured("LightGBM needs libgomp.so.1")
        return fitted(features, None, now_ms)

    assert Retraining(house.store, house.registry, house.clock, lacking).turn() == 1
    assert known == [True, False]


def test_a_champion_that_cannot_be_read_is_replaced(house: School, tmp_path: Path) -> None:
    house.keep([NOW - n for n in range(FIRST_ROWS)])
    house.turn(NOW)
    (tmp_path / "models" / "000001.npz").write_bytes(b"damaged")
    assert house.turn(NOW + MINUTE_MS) == 1
    assert house.registry.champion() == "000002"


def test_the_first_model_is_learnt_as_soon_as_there_is_enough_and_not_again_at_once(
    house: School,
) -> None:
    house.keep([NOW - n for n in range(FIRST_ROWS - 2)])
    assert not house.turn(NOW)
    assert house.turn(NOW + 1)
    first = house.registry.champion()
    assert first is not None
    assert house.registry.load(first).rows == FIRST_ROWS
    assert not house.turn(NOW + 9 * MINUTE_MS)


def test_a_history_that_comes_all_at_once_is_learnt_when_it_is_there(house: School) -> None:
    """Event time runs fourteen days in a moment of the clock."""
    begin_ms = NOW - 14 * DAY_MS
    for day in range(14):
        assert house.retraining.turn() == 0
        house.keep([begin_ms + day * DAY_MS + n * 100_000 for n in range(864)], name=f"d{day}-")
    assert house.retraining.turn() == 1
    assert house.registry.load("000001").created_ms == NOW - 100_000
    house.clock.advance(DAY_MS)
    assert house.retraining.turn() == 0, "nothing has come since"


def test_before_a_whole_day_is_known_no_hour_is_told_from_another(house: School) -> None:
    def at(hour: float, rows: int) -> np.ndarray:
        features = np.random.default_rng(1).normal(size=(rows, len(NAMES))).astype(np.float32)
        angle = 2 * np.pi * hour / 24
        features[:, INDEX["hour_sin"]], features[:, INDEX["hour_cos"]] = np.sin(angle), np.cos(angle)
        return features

    house.keep([NOW - n for n in range(FIRST_ROWS)], at(18, FIRST_ROWS))
    house.turn(NOW)
    young = house.registry.load("000001")
    assert np.ptp(young.hours) < 0.1
    night, evening = rarity(young, at(3, 3_000)), rarity(young, at(18, 3_000))
    assert np.quantile(night, 0.99) < np.quantile(evening, 0.99) + 0.3
    house.keep([NOW + DAY_MS - n for n in range(FIRST_ROWS)], at(18, FIRST_ROWS), name="next")
    house.turn(NOW + DAY_MS)
    assert house.registry.load("000002").hours[3] > 2.0


def test_a_model_is_due_with_enough_rows_when_there_is_none_or_a_day_has_passed() -> None:
    long_ago = NOW - 100 * DAY_MS
    assert not due(None, long_ago, FIRST_ROWS - 1, NOW)
    assert due(None, long_ago, FIRST_ROWS, NOW)
    assert not due(NOW - DAY_MS + 1, long_ago, FIRST_ROWS, NOW)
    assert due(NOW - DAY_MS, long_ago, FIRST_ROWS, NOW)


def test_a_young_forest_is_fitted_anew_whenever_the_history_has_doubled() -> None:
    fitted_ms, when = NOW + 5 * MINUTE_MS, []
    for at_ms in range(NOW, NOW + 3 * DAY_MS, MINUTE_MS):
        if due(fitted_ms, NOW, FIRST_ROWS, at_ms):
            when.append(round((at_ms - NOW) / MINUTE_MS))
            fitted_ms = at_ms
    assert when == [15, 30, 60, 120, 240, 480, 960, 1_920, 3_360]


def test_the_death_of_the_training_process_is_said_and_nothing_else_dies() -> None:
    outcome: list[BaseException] = []

    def wait() -> None:
        try:
            apart(np.zeros((FIRST_ROWS, len(NAMES)), np.float32), None, NOW)
        except Unavailable as failure:
            outcome.append(failure)

    waiting = threading.Thread(target=wait)
    waiting.start()
    while not (trainers := [one for one in psutil.Process().children() if "spawn_main" in _line(one)]):
        time.sleep(0.01)
    trainers[0].kill()
    waiting.join(30)
    assert "died" in str(outcome[0])


def _line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def test_another_process_fits_what_this_one_would() -> None:
    features = np.random.default_rng(0).normal(size=(FIRST_ROWS, len(NAMES))).astype(np.float32)
    here, there = fitted(features, None, NOW), apart(features, None, NOW)
    np.testing.assert_array_equal(there.forest.leaves, here.forest.leaves)


def test_what_the_training_process_refuses_is_refused_here() -> None:
    with pytest.raises(Refused, match="at least"):
        apart(np.zeros((3, len(NAMES)), np.float32), None, NOW)
