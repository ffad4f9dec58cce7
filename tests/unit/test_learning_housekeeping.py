"""What is done now and then: a first model, a newer one, and forgetting what is past its retention."""

import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from alerting_samples import anomaly
from guardian.domain.clock import DAY_MS, HOUR_MS, MINUTE_MS, SetClock
from guardian.domain.errors import Refused, Unavailable
from guardian.domain.transaction import LIVE, Transaction
from guardian.features.definition import NAMES
from guardian.learning.housekeeping import Housekeeping, Retention, remove_source
from guardian.learning.retrain import FIRST_ROWS, apart, due
from guardian.models.folder import FolderRegistry
from guardian.storage.base import Judged, Record, RecordQuery, TransactionQuery
from guardian.storage.sqlite.store import SqliteStore
from guardian.watching.anomalies import anomaly_collection
from guardian.watching.cases import CASE_KIND

NOW = 20_000 * DAY_MS


class House:
    def __init__(self, folder: Path, retention: Retention) -> None:
        self.store = SqliteStore(folder)
        self.registry = FolderRegistry(folder / "models", NAMES, b"key")
        self.clock = SetClock(NOW)
        self.keeping = Housekeeping(
            self.store.transactions, self.store.minutes, self.registry, self.clock, retention
        )

    def keep(self, event_times: list[int], source: str = LIVE) -> None:
        start, rows = self.store.transactions.position(0), len(event_times)
        transactions = [
            Transaction(f"{source}{start + n}", "m", "approved", 100, at_ms, at_ms, source=source)
            for n, at_ms in enumerate(event_times)
        ]
        zeros = np.zeros(rows, np.float32)
        features = np.random.default_rng(start).normal(size=(rows, len(NAMES))).astype(np.float32)
        self.store.transactions.keep(
            0,
            Judged(
                transactions=transactions,
                positions=list(range(start, start + rows)),
                ml_score=zeros,
                zscore=zeros,
                score=zeros,
                level=zeros.astype(np.uint8),
                method=zeros.astype(np.uint8),
                rules=[""] * rows,
                features=features,
                model_version="",
                processing_ms=0.0,
            ),
        )

    def ages(self, source: str = LIVE) -> list[int]:
        found = self.store.transactions.find(TransactionQuery(source=source)).items
        return sorted((NOW - item.transaction.event_ms) // DAY_MS for item in found)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, Retention(transactions_days=90, minutes_days=400, hours_days=1_000))


def test_live_transactions_go_after_their_retention_and_imports_stay(house: House) -> None:
    old = [NOW - days * DAY_MS for days in (1, 89, 91, 401, 1_002)]
    house.keep(old)
    house.keep(old, source="import-of-2022")
    assert house.keeping.turn() == 1
    assert house.ages() == [1, 89]
    assert house.ages("import-of-2022") == [1, 89, 91, 401, 1_002]
    assert len(house.store.minutes.counts("import-of-2022", "status", 0, NOW)) == 5


def test_counts_and_hours_are_kept_longer_than_transactions(house: House) -> None:
    house.keep([NOW - days * DAY_MS for days in (1, 91, 401, 1_002)])
    house.keeping.turn()
    kept = house.store.minutes.counts(LIVE, "status", 0, NOW)
    assert sorted((NOW - minute_ms) // DAY_MS for minute_ms in kept) == [1, 91]
    assert house.store.minutes.totals(LIVE, 0, NOW) == {"approved": 3}


def test_once_nothing_is_left_to_remove_an_hour_goes_by_before_the_next_look(house: House) -> None:
    house.keep([NOW - 91 * DAY_MS])
    assert [house.keeping.turn() for _ in range(2)] == [1, 0]
    house.keep([NOW - 91 * DAY_MS])
    assert house.keeping.turn() == 0
    house.clock.advance(HOUR_MS)
    assert house.keeping.turn() == 1


def test_the_first_model_is_learnt_as_soon_as_there_is_enough_and_not_again_at_once(
    house: House,
) -> None:
    house.keep([NOW - n for n in range(FIRST_ROWS - 1)])
    assert not house.keeping.retrain(NOW)
    house.keep([NOW])
    assert house.keeping.retrain(NOW)
    first = house.registry.champion()
    assert first is not None
    assert house.registry.load(first).rows == FIRST_ROWS
    assert not house.keeping.retrain(NOW + 9 * MINUTE_MS)


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


def test_an_import_is_removed_whole_and_nothing_else_is(house: House) -> None:
    house.keep([NOW, NOW - DAY_MS])
    house.keep([NOW - n * HOUR_MS for n in range(3)], source="file")
    anomalies = anomaly_collection(house.store.records)
    for source in ("file", LIVE):
        anomalies.insert(anomaly(source, source=source))
        house.store.records.insert(Record(CASE_KIND, source, NOW, b"", source))
    store = house.store
    assert remove_source("file", store.transactions, store.minutes, store.labels, store.records) > 3
    assert house.ages("file") == []
    assert [one.source for one in store.minutes.progress()] == [LIVE]
    assert [one.source for one in anomalies.find(RecordQuery("")).items] == [LIVE]
    assert [one.source for one in store.records.find(RecordQuery(CASE_KIND)).items] == [LIVE]
    assert house.ages() == [0, 1]


def test_live_traffic_is_never_removed_by_hand(house: House) -> None:
    house.keep([NOW])
    with pytest.raises(Refused):
        remove_source(
            LIVE, house.store.transactions, house.store.minutes, house.store.labels, house.store.records
        )
    assert house.ages() == [0]


def test_the_death_of_the_training_process_is_said_and_nothing_else_dies() -> None:
    outcome: list[BaseException] = []

    def wait() -> None:
        try:
            apart(np.zeros((FIRST_ROWS, len(NAMES)), np.float32), NOW, seed=0)
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


def test_what_the_training_process_refuses_is_refused_here() -> None:
    with pytest.raises(Refused, match="at least"):
        apart(np.zeros((3, len(NAMES)), np.float32), NOW, seed=0)
