"""Confirmed incidents are kept as cases, with the minutes before them, whatever is forgotten later."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from alerting_samples import anomaly
from drill_samples import FIRST_MS, OUTAGE, laid, paged_by, stretch_of, with_outage
from guardian.domain.anomaly import Anomaly, Finding
from guardian.domain.clock import DAY_MS, MINUTE_MS, SetClock
from guardian.domain.errors import Poisoned
from guardian.domain.transaction import DEFAULT_STATUSES, LIVE
from guardian.domain.window import BY_CODE, BY_STATUS, MinuteCounts
from guardian.storage.base import RecordQuery
from guardian.storage.sqlite.store import SqliteStore
from guardian.watching.anomalies import anomaly_collection
from guardian.watching.cases import Cases
from guardian.watching.desk import AnomalyDesk
from guardian.watching.stretch import HIGHEST, MOST_NAMES, OTHERS, Stretch, taken, unpacked

PAGED = paged_by(with_outage())
OVER_MS = FIRST_MS + OUTAGE.stop * MINUTE_MS


class House:
    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.clock = SetClock(PAGED.minute_ms + 5 * MINUTE_MS)
        self.anomalies = anomaly_collection(store.records)
        self.cases = Cases(store.minutes, store.records, self.clock)
        self.desk = AnomalyDesk(self.anomalies, self.cases, store.audit, self.clock)

    def answered(self, anomaly: Anomaly, finding: Finding = Finding.CONFIRMED) -> None:
        self.anomalies.insert(anomaly)
        self.desk.answer(anomaly.anomaly_id, finding, "bia")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(laid(tmp_path, with_outage()))
    yield made
    made.store.close()


def test_a_confirmed_incident_is_kept_with_the_days_before_it_and_outlives_its_minutes(house: House) -> None:
    house.answered(replace(PAGED, over_ms=OVER_MS))
    house.store.minutes.purge(LIVE, OVER_MS + DAY_MS, OVER_MS + DAY_MS)
    (case,) = house.cases.all()
    assert (case.case_id, case.status, case.end_ms, case.over) == (PAGED.anomaly_id, "*", OVER_MS, True)
    kept, whole = unpacked(case.packed), stretch_of(with_outage())
    assert (kept.first_ms, len(kept)) == (FIRST_MS, OUTAGE.stop)
    assert (kept.by_status[:, :6] == whole.by_status[: OUTAGE.stop]).all()
    assert {name: int(kept.by_code[:, place].sum()) for place, name in enumerate(kept.codes)} == {
        name: int(whole.by_code[: OUTAGE.stop, place].sum()) for place, name in enumerate(whole.codes)
    }
    assert len(case.packed) < 60_000


def test_the_last_answer_decides_whether_it_is_a_case(house: House) -> None:
    house.answered(PAGED, Finding.EXPECTED)
    assert house.cases.all() == []
    house.desk.answer(PAGED.anomaly_id, Finding.CONFIRMED, "bia")
    house.desk.answer(PAGED.anomaly_id, Finding.CONFIRMED, "davi")
    assert len(house.cases.all()) == 1
    house.desk.answer(PAGED.anomaly_id, Finding.FALSE, "bia")
    assert house.cases.all() == []


def test_what_was_confirmed_while_it_lasted_is_completed_once_it_is_over(house: House) -> None:
    house.answered(PAGED)
    (early,) = house.cases.all()
    assert (early.over, early.end_ms) == (False, house.clock.now_ms())
    found = house.anomalies.get(PAGED.anomaly_id)
    assert found is not None
    house.anomalies.update(replace(found[0], over_ms=OVER_MS), found[1])
    (case,) = house.cases.all()
    assert (case.over, case.end_ms) == (True, OVER_MS)
    assert house.cases.all() == [case]


def test_segments_and_sources_that_are_gone_have_no_case(house: House) -> None:
    house.answered(replace(PAGED, anomaly_id="s", series="acquirer=acq_b,status=denied", status="denied"))
    house.answered(replace(PAGED, anomaly_id="g", source="removed"))
    assert house.cases.all() == []


def test_many_cases_are_all_read(house: House) -> None:
    for number in range(103):
        start_ms = FIRST_MS + (number + 2) * MINUTE_MS
        short = replace(PAGED, anomaly_id=f"n{number}", start_ms=start_ms, minute_ms=start_ms)
        house.answered(replace(short, over_ms=start_ms + MINUTE_MS))
    assert len(house.cases.all()) == 103


def test_ten_thousand_names_are_one_beyond_the_largest_and_none_is_lost(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    names = {f"c{number}": number + 1 for number in range(10_000)}
    huge = {"approved": HIGHEST * 5, "denied": 3}
    store.minutes.replace(
        [MinuteCounts(LIVE, 0, BY_CODE, names, 0), MinuteCounts(LIVE, 0, BY_STATUS, huge, 0)]
    )
    found = taken(store.minutes, LIVE, 0, 2 * MINUTE_MS)
    assert (len(found.codes), found.codes[0], found.codes[-1]) == (MOST_NAMES + 1, "c9999", OTHERS)
    assert found.by_code.sum() == sum(names.values())
    assert found.by_status[0].tolist() == [HIGHEST, 3, 0, 0, 0, 0, 0]
    assert list(found.minutes())[1] == (MINUTE_MS, {}, {})
    store.close()


@given(
    rows=st.integers(1, 5),
    codes=st.lists(st.text(max_size=5), max_size=4, unique=True),
    seed=st.integers(0, 2**32 - 1),
)
def test_what_is_packed_is_unpacked_as_it_was(rows: int, codes: list[str], seed: int) -> None:
    rng = np.random.default_rng(seed)
    by_status = rng.integers(0, HIGHEST, (rows, len(DEFAULT_STATUSES)))
    before = Stretch(
        FIRST_MS, DEFAULT_STATUSES, tuple(codes), by_status, rng.integers(0, 9, (rows, len(codes)))
    )
    after = unpacked(before.pack())
    assert list(after.minutes()) == list(before.minutes())
    assert after.by_code.shape == before.by_code.shape


def test_what_is_no_stretch_is_refused() -> None:
    with pytest.raises(Poisoned):
        unpacked(b"nothing of ours")


def test_every_noun_of_a_collection_is_read_however_many_pages_it_takes(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    anomalies = anomaly_collection(store.records)
    for number in range(7):
        anomalies.insert(anomaly(f"a{number}", minute_ms=number * MINUTE_MS))
    for limit in (1, 3, 7, 50):
        read = [one.anomaly_id for one in anomalies.every(RecordQuery("", limit=limit))]
        assert read == [f"a{number}" for number in reversed(range(7))]
    store.close()
