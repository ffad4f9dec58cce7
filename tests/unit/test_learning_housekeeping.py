"""What is done now and then: forgetting what is past its retention."""

from pathlib import Path

import numpy as np
import pytest

from alerting_samples import anomaly
from guardian.domain.clock import DAY_MS, HOUR_MS, SetClock
from guardian.domain.errors import Refused
from guardian.domain.transaction import LIVE, Transaction
from guardian.features.definition import NAMES
from guardian.learning.housekeeping import Housekeeping, Retention, remove_source
from guardian.storage.base import Judged, Record, RecordQuery, TransactionQuery
from guardian.storage.sqlite.store import SqliteStore
from guardian.watching.anomalies import anomaly_collection
from guardian.watching.cases import CASE_KIND

NOW = 20_000 * DAY_MS


class House:
    def __init__(self, folder: Path, retention: Retention) -> None:
        self.store = SqliteStore(folder)
        self.clock = SetClock(NOW)
        self.keeping = Housekeeping(self.store.transactions, self.store.minutes, self.clock, retention)

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
