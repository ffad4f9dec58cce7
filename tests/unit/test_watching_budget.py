"""Shifts, the pages of each, what people said of them, and the budget in the detector's own measure."""

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from alerting_samples import NOW, anomaly, problem
from guardian.domain.anomaly import Anomaly, Answer, Finding
from guardian.domain.clock import DAY_MS, HOUR_MS, MINUTE_MS, SetClock, iso
from guardian.domain.errors import GuardianError, NotFound
from guardian.domain.forecast import Forecast
from guardian.domain.shift import shift_hours, shifts
from guardian.domain.window import BY_STATUS, MinuteCounts
from guardian.security.identity import Principal
from guardian.storage.base import RecordQuery
from guardian.storage.sqlite.store import SqliteStore
from guardian.watching.anomalies import anomaly_collection
from guardian.watching.budget import by_shift, decades, pages
from guardian.watching.cases import Cases
from guardian.watching.desk import AnomalyDesk
from guardian.watching.drills import drill_collection
from guardian.watching.outlook import Day, Held, Outlook, Outlooks
from guardian.watching.quality import Budget, QualityDesk, quality_form, routes

THREE = shift_hours("00-08,08-16,16-24")
ZONE = "America/Sao_Paulo"


def local(text: str, zone: str = ZONE) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("00-08,08-16,16-24", ((0, 8), (8, 16), (16, 24))),
        ("07-19, 19-07", ((7, 19), (19, 7))),
        ("00-24", ((0, 24),)),
        ("06-14,14-22,22-06", ((6, 14), (14, 22), (22, 6))),
    ],
)
def test_shifts_fill_a_day(text: str, hours: tuple[tuple[int, int], ...]) -> None:
    assert shift_hours(text) == hours


@pytest.mark.parametrize(
    "text", ["", "00-08", "00-08,09-24", "00-12,12-24,00-24", "8", "00-25", "a-b", "08-08,08-08"]
)
def test_what_leaves_a_gap_or_overlaps_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"hours|fill|invalid"):
        shift_hours(text)


def test_shifts_are_those_of_the_place_that_began_in_the_span() -> None:
    found = shifts(THREE, ZONE, local("2026-11-24 12:00"), local("2026-11-25 09:00"))
    assert found == [
        (local("2026-11-24 16:00"), local("2026-11-25 00:00")),
        (local("2026-11-25 00:00"), local("2026-11-25 08:00")),
        (local("2026-11-25 08:00"), local("2026-11-25 16:00")),
    ]


def test_a_shift_over_midnight_ends_on_the_next_day_and_is_longer_when_clocks_go_back() -> None:
    hours = shift_hours("07-19,19-07")
    zone = "America/New_York"
    night = shifts(hours, zone, local("2026-10-31 18:00", zone), local("2026-10-31 20:00", zone))
    assert night == [(local("2026-10-31 19:00", zone), local("2026-11-01 07:00", zone))]
    assert night[0][1] - night[0][0] == 13 * HOUR_MS


def test_the_budget_is_told_to_the_detector_in_decades_of_one_page_a_week() -> None:
    assert decades(1 / 21, 3) == 0.0
    assert decades(1.0, 3) == pytest.approx(-1.322, abs=0.001)
    assert decades(1 / 42, 3) == pytest.approx(0.301, abs=0.001)
    assert decades(0.1, 2) > decades(0.1, 3)


def answered(name: str, minute: int, finding: Finding | None = None, **changes: Any) -> Anomaly:
    answer = None if finding is None else Answer(finding, "bia", NOW)
    return anomaly(name, minute_ms=NOW + minute * MINUTE_MS, answer=answer, **changes)


def test_what_comes_within_a_quarter_of_an_hour_is_one_page_and_the_gravest_answer_counts() -> None:
    found = pages(
        [
            answered("c", 40, Finding.FALSE),
            answered("a", 0, series="auth_59"),
            answered("b", 14, Finding.EXPECTED),
            answered("d", 45, Finding.CONFIRMED),
            answered("e", 55),
            answered("f", 56, Finding.FALSE, paged=False),
        ]
    )
    assert [(one.series, one.finding) for one in found] == [
        ("auth_59", Finding.EXPECTED),
        ("denied", Finding.CONFIRMED),
        ("denied", None),
    ]


def test_each_shift_has_its_own_pages() -> None:
    paged = pages([answered("a", 0, Finding.FALSE), answered("b", 60), answered("c", 600, Finding.CONFIRMED)])
    rows = by_shift([(NOW, NOW + 8 * HOUR_MS), (NOW + 8 * HOUR_MS, NOW + 16 * HOUR_MS)], paged)
    assert [(one.confirmed, one.expected, one.false, one.unanswered) for one in rows] == [
        (0, 0, 1, 1),
        (1, 0, 0, 0),
    ]


class House:
    def __init__(self, folder: Path) -> None:
        self.store = SqliteStore(folder)
        self.clock = SetClock(NOW)
        self.anomalies = anomaly_collection(self.store.records)
        self.outlooks = Outlooks(self.store.records)
        self.cases = Cases(self.store.minutes, self.store.records, self.clock)
        self.desk = AnomalyDesk(self.anomalies, self.cases, self.store.audit, self.clock)
        self.drills = drill_collection(self.store.records)
        budget = Budget(0.5, THREE, "UTC")
        self.quality = QualityDesk(
            self.anomalies, self.store.minutes, self.outlooks, self.drills, budget, self.clock
        )

    def counted(self, minute_ms: int) -> None:
        self.store.minutes.replace([MinuteCounts("live", minute_ms, BY_STATUS, {"approved": 9}, minute_ms)])


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_an_answer_is_kept_with_who_gave_it_and_written_down_and_may_change(house: House) -> None:
    house.anomalies.insert(anomaly("a1"))
    house.desk.answer("a1", Finding.FALSE, "bia")
    house.clock.advance(MINUTE_MS)
    changed = house.desk.answer("a1", Finding.CONFIRMED, "davi")
    assert changed.answer == Answer(Finding.CONFIRMED, "davi", NOW + MINUTE_MS)
    assert house.anomalies.find(RecordQuery("")).items == [changed]
    assert [(one.actor, one.target, one.detail) for one in house.store.audit.read()] == [
        ("bia", "a1", {"from": "none", "to": "false"}),
        ("davi", "a1", {"from": "false", "to": "confirmed"}),
    ]


def test_what_is_not_there_cannot_be_answered(house: House) -> None:
    with pytest.raises(NotFound):
        house.desk.answer("nobody", Finding.FALSE, "bia")


def test_shifts_before_the_first_live_minute_are_not_counted_as_kept(house: House) -> None:
    assert len(house.quality.report(30).shifts) == 1, "the present one alone"
    house.counted(NOW - 20 * HOUR_MS)
    assert 3 <= len(house.quality.report(30).shifts) <= 4


def test_a_report_counts_pages_of_live_traffic_by_shift_and_by_series(house: House) -> None:
    house.counted(NOW - 10 * DAY_MS)
    for number in range(520):  # more than is read at once
        house.anomalies.insert(answered(f"q{number}", -number, paged=False))
    for number, finding in enumerate((Finding.FALSE, Finding.FALSE, Finding.CONFIRMED, None)):
        house.anomalies.insert(answered(f"p{number}", -30 * number, finding))
    house.anomalies.insert(answered("import", -200, Finding.FALSE, source="file"))
    house.anomalies.insert(answered("old", -3 * 1_440, Finding.FALSE))
    report = house.quality.report(2)
    assert sum(one.confirmed for one in report.shifts) == 1
    assert (report.false, report.unanswered) == (2, 1)
    (row,) = report.series
    assert (row.series, row.pages, row.confirmed, row.false, row.unanswered) == ("denied", 4, 1, 2, 1)
    form = quality_form(report)
    assert (form.false_pages_per_shift, form.false_pages_allowed) == (0.5, 3.0)
    assert len(form.shifts) == 6
    assert form.shifts[0].start < form.shifts[-1].start


def test_a_report_tells_how_forecasts_of_live_traffic_held(house: House) -> None:
    assert quality_form(house.quality.report(7)).forecast.series == []
    day = Day(NOW - NOW % DAY_MS, {"*": Held(98, 99), "denied": Held(3, 3)})
    house.outlooks.keep(Outlook(Forecast("live", NOW, {}), days=(day,)))
    house.outlooks.keep(Outlook(Forecast("import", NOW, {}), days=(Day(NOW, {"*": Held(1, 2)}),)))
    told = quality_form(house.quality.report(7)).forecast
    assert (told.minutes_ahead, told.nominal, told.since) == (60, 0.99, iso(day.start_ms))
    assert [(one.series, one.inside, one.minutes, one.share) for one in told.series] == [
        ("*", 98, 99, 0.9899),
        ("denied", 3, 3, 1.0),
    ]


def test_an_answer_needs_the_scope_operate_and_one_of_three_words(house: House) -> None:
    house.anomalies.insert(anomaly("a1"))
    asked: list[str] = []

    def requires(scope: str) -> Any:
        asked.append(scope)
        return lambda: Principal("bia", frozenset({"read", "operate"}))

    app = FastAPI()
    app.add_exception_handler(GuardianError, problem)
    app.include_router(routes(house.desk, house.quality, requires))
    client = TestClient(app)
    assert asked == ["read", "operate"]
    assert client.post("/anomalies/a1/answer", json={"finding": "false"}).json()["answer"] == "false"
    assert client.post("/anomalies/a1/answer", json={"finding": "maybe"}).status_code == 422
    assert client.post("/anomalies/none/answer", json={"finding": "false"}).status_code == 404
    assert client.get("/quality?days=7").json()["false_pages"] in (0, 1)
    assert client.get("/quality?days=0").status_code == 422
