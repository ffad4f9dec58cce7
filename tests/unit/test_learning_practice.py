"""A fire drill on a store: what it needs, what it reads and keeps, and what it says of past incidents."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from drill_samples import DAYS, FIRST_MS, OUTAGE, clean, laid, paged_by, with_outage
from guardian.domain.anomaly import Anomaly, Finding
from guardian.domain.clock import DAY_MS, HOUR_MS, MINUTE_MS, SetClock
from guardian.domain.errors import Refused
from guardian.domain.transaction import LIVE
from guardian.entrypoints.cli_drill import exit_code, told
from guardian.learning.practice import Practice
from guardian.simulation.counts import Counts
from guardian.storage.base import RecordQuery
from guardian.storage.sqlite.store import SqliteStore
from guardian.watching.anomalies import anomaly_collection
from guardian.watching.asked import Asked
from guardian.watching.cases import Cases
from guardian.watching.desk import AnomalyDesk
from guardian.watching.drills import DRILL_KIND, drill_collection, newest

END_MS = FIRST_MS + DAYS * DAY_MS
PAGED = replace(paged_by(with_outage()), over_ms=FIRST_MS + OUTAGE.stop * MINUTE_MS)
LAST_DAY_MS = FIRST_MS + 2 * DAY_MS
TROUBLE = ((LAST_DAY_MS, LAST_DAY_MS + 11 * HOUR_MS), (LAST_DAY_MS + 18 * HOUR_MS, END_MS))
"""All but forty minutes of those in which drills could begin, so that few do and the tests are quick."""
DEAF = Asked(budget_decades=1e6)


def trouble(name: str, start_ms: int, over_ms: int) -> Anomaly:
    return replace(PAGED, anomaly_id=name, start_ms=start_ms, minute_ms=start_ms, over_ms=over_ms)


class House:
    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.clock = SetClock(END_MS)
        self.anomalies = anomaly_collection(store.records)
        cases = Cases(store.minutes, store.records, self.clock)
        self.desk = AnomalyDesk(self.anomalies, cases, store.audit, self.clock)

    def practice(self, asked: Asked | None = None) -> Practice:
        store = self.store
        return Practice(store.minutes, store.transactions, store.records, asked or Asked(), self.clock)

    def quick(self) -> "House":
        for number, (start_ms, over_ms) in enumerate(TROUBLE):
            self.anomalies.insert(trouble(f"trouble{number}", start_ms, over_ms))
        return self


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(laid(tmp_path, with_outage()))
    yield made
    made.store.close()


def test_without_three_days_of_live_traffic_it_says_how_much_there_is(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"3 days of live traffic; there are 0\.0"):
        House(SqliteStore(tmp_path / "empty")).practice().hold(14, 0)
    day = Counts(clean().by_status[:1_440], clean().by_code[:1_440], clean().means[:1_440])
    with pytest.raises(Refused, match=r"there are 1\.0"):
        House(laid(tmp_path / "short", day)).practice().hold(14, 0)


def test_where_something_was_always_wrong_nothing_can_be_drilled(house: House) -> None:
    house.anomalies.insert(trouble("long", FIRST_MS, END_MS))
    with pytest.raises(Refused, match="nothing was wrong"):
        house.practice().hold(14, 0)
    assert newest(drill_collection(house.store.records)) is None


def test_where_the_detector_would_page_at_every_start_by_itself_nothing_can_be_drilled(
    tmp_path: Path,
) -> None:
    house = House(laid(tmp_path, with_outage(range(2 * 1_440 + 12 * 60 + 45, 2 * 1_440 + 13 * 60)))).quick()
    with pytest.raises(Refused, match="pages by itself"):
        house.practice().hold(14, 0)
    house.store.close()


def test_a_false_page_is_no_reason_to_stay_away(house: House) -> None:
    house.quick().anomalies.insert(trouble("nothing", FIRST_MS, END_MS))
    house.desk.answer("nothing", Finding.FALSE, "bia")
    assert house.practice().hold(14, 0).drills > 0


def test_a_drill_is_kept_and_told_and_an_incident_of_the_past_is_still_caught(house: House) -> None:
    house.quick().anomalies.insert(PAGED)
    house.desk.answer(PAGED.anomaly_id, Finding.CONFIRMED, "bia")
    held = house.practice().hold(14, 0)
    (case,) = held.cases
    assert (case.case_id, case.series) == (PAGED.anomaly_id, "*")
    assert case.delay_minutes in (0, 1)
    assert held.passed
    assert exit_code(held) == 0
    assert (held.since_ms, held.until_ms) == (FIRST_MS, END_MS)
    assert newest(drill_collection(house.store.records)) == held
    lines = list(told(held))
    assert any("outage_total" in line and "100%" in line for line in lines)
    assert any(PAGED.anomaly_id in line and "caught after" in line for line in lines)
    assert not any("!" in line for line in lines)


def test_a_deaf_detector_misses_what_was_caught_and_that_is_exit_3(house: House) -> None:
    house.quick().anomalies.insert(PAGED)
    house.desk.answer(PAGED.anomaly_id, Finding.CONFIRMED, "bia")
    held = house.practice(DEAF).hold(14, 0)
    assert (held.missed, held.passed, exit_code(held)) == (1, False, 3)
    lines = list(told(held))
    assert any("missed  !" in line for line in lines)
    assert lines[-1] == "! 1 of 1 incidents of the past would be missed today"
    assert lines[-2] == "! must be found in 90% of the drills"
    assert "outage_total" in next(line for line in lines if line.endswith("–  !"))


def test_a_case_alone_decides_even_where_every_drill_is_found(house: House) -> None:
    house.quick().anomalies.insert(PAGED)
    house.desk.answer(PAGED.anomaly_id, Finding.CONFIRMED, "bia")
    held = house.practice().hold(14, 0)
    missed = replace(held, cases=(replace(held.cases[0], delay_minutes=None),))
    assert (exit_code(held), exit_code(missed)) == (0, 3)


def test_holes_of_hours_in_the_history_are_no_obstacle(tmp_path: Path) -> None:
    by_status, by_code = clean().by_status.copy(), clean().by_code.copy()
    for start, stop in ((1_560, 1_680), (1_800, 1_815)):
        by_status[start:stop], by_code[start:stop] = 0, 0
    house = House(laid(tmp_path, Counts(by_status, by_code, clean().means))).quick()
    assert house.practice().hold(14, 0).drills > 0
    house.store.close()


def test_the_live_detector_and_its_series_are_left_alone(house: House) -> None:
    house.quick()
    before = house.store.records.count(RecordQuery("anomaly"))
    points = house.store.minutes.points(LIVE, None, 0, END_MS)
    house.practice().hold(14, 0)
    assert house.store.records.count(RecordQuery("anomaly")) == before
    assert house.store.minutes.points(LIVE, None, 0, END_MS) == points
    assert house.store.records.count(RecordQuery(DRILL_KIND)) == 1
    assert house.store.audit.read() == []
