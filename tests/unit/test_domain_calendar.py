"""Days of rest, and days that are like no other."""

from datetime import UTC, date, datetime

import numpy as np
import pytest

from guardian.domain.calendar import Calendar, read_calendar
from guardian.domain.clock import DAY_MS, HOUR_MS, MINUTE_MS
from guardian.watching.budget import pages
from guardian.watching.detector import StreamDetector

SAO_PAULO = "America/Sao_Paulo"


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def test_the_day_is_that_of_the_place() -> None:
    place = Calendar(SAO_PAULO)
    assert place.day(at("2026-11-27T12:34")) == (0, 9 * 60 + 34)
    assert place.day(at("2026-11-28T02:59")) == (0, 23 * 60 + 59), "still Friday there"
    assert place.day(at("2026-11-28T03:00")) == (1, 0)


def test_a_holiday_is_a_day_of_rest_and_a_pay_day_is_not() -> None:
    place = Calendar("UTC", {date(2026, 12, 25)}, {date(2026, 11, 30)})
    assert place.day(at("2026-12-25T10:00"))[0] == 1
    assert place.day(at("2026-11-30T10:00"))[0] == 0
    assert place.unusual(at("2026-11-30T10:00"))


def test_an_unusual_day_begins_on_its_eve_and_ends_on_the_morning_after() -> None:
    place = Calendar("UTC", {date(2026, 12, 25)})
    assert not place.unusual(at("2026-12-24T19:59"))
    assert place.unusual(at("2026-12-24T20:01"))
    assert place.unusual(at("2026-12-26T07:59"))
    assert not place.unusual(at("2026-12-26T08:00"))
    assert not Calendar("UTC").unusual(at("2026-12-25T10:00"))


def test_a_file_has_a_line_for_each_day() -> None:
    lines = ["# ours", "", "2026-12-25 holiday Christmas", "2026-11-30 pay-day  # the last of the month"]
    place = read_calendar(lines, SAO_PAULO)
    assert place.day(at("2026-12-25T15:00"))[0] == 1
    assert place.unusual(at("2026-11-30T15:00"))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("2026-12-25", "holiday or pay-day"),
        ("25/12 holiday", "a date such as"),
        ("2026-13-01 holiday", "a date"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(line: str, why: str) -> None:
    with pytest.raises(ValueError, match=f"line 2: .*{why}"):
        read_calendar(["# first", line], SAO_PAULO)


def holiday_pages(calendar: Calendar | None) -> tuple[int, bool]:
    """Pages of a day with less and less of its traffic, down to half, and whether its outage is seen."""
    start, rng = at("2026-12-19T00:00"), np.random.default_rng(5)
    detector, found = StreamDetector("live"), []
    detector.calendar = calendar
    outage_ms = start + 6 * DAY_MS + 16 * HOUR_MS
    for number in range(7 * 1_440):
        at_ms = start + number * MINUTE_MS
        day, minute = divmod(number, 1_440)
        level = 60 + 50 * np.sin(2 * np.pi * (minute - 480) / 1_440)
        lasts = outage_ms <= at_ms < outage_ms + 10 * MINUTE_MS
        rate = 0.0 if lasts else level * (1 - 0.5 * min(1.0, minute / 600) if day == 6 else 1.0)
        counts = {"approved": int(rng.poisson(rate)), "denied": int(rng.poisson(rate / 10))}
        found += detector.judge(at_ms, counts, {}, with_points=False).anomalies
    seen = any(outage_ms <= one.minute_ms < outage_ms + 4 * MINUTE_MS for one in found)
    before = [one for one in found if one.minute_ms < outage_ms]
    return len(pages(before)), seen


def test_a_holiday_of_the_calendar_calls_nobody_and_an_outage_on_it_does() -> None:
    assert holiday_pages(Calendar("UTC", {date(2026, 12, 25)})) == (0, True)
    assert holiday_pages(None)[0] > 0
