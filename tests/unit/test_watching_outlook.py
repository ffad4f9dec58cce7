"""How minutes that came are held against what was promised of them."""

from guardian.domain.clock import DAY_MS, MINUTE_MS
from guardian.domain.forecast import Forecast, Range
from guardian.domain.window import SeriesPoint
from guardian.watching.outlook import (
    DAYS,
    Held,
    Outlook,
    SeriesCoverage,
    counted,
    coverage,
    promise_due,
    promised,
)

MIDNIGHT = 1_760_054_400_000
NOTHING = Outlook(Forecast("live", MIDNIGHT, {}))


def at(minute: int) -> int:
    return MIDNIGHT + minute * MINUTE_MS


def promise(minute: int, low: float = 5.0, high: float = 15.0, series: str = "*") -> Forecast:
    return Forecast("live", at(minute), {series: (Range(10.0, low, high),) * 5})


def point(minute: int, observed: int, series: str = "*") -> SeriesPoint:
    return SeriesPoint("live", series, at(minute), observed, 10.0, 5.0, 15.0)


def came(outlook: Outlook, minute: int, **observed: int) -> Outlook:
    points = [
        point(minute, count, "*" if series == "total" else series) for series, count in observed.items()
    ]
    return counted(outlook, at(minute), points)


def test_a_minute_is_inside_on_the_bounds_and_outside_beyond_them() -> None:
    outlook = promised(NOTHING, promise(0))
    for minute, observed in enumerate((5, 15, 4, 16, 10)):
        outlook = came(outlook, minute, total=observed)
    (total,) = coverage(outlook).series
    assert (total.inside, total.minutes, total.share) == (3, 5, 0.6)
    assert coverage(outlook).since_ms == MIDNIGHT


def test_only_minutes_and_series_that_were_promised_count() -> None:
    outlook = promised(NOTHING, promise(5))
    for minute in range(12):
        outlook = came(outlook, minute, total=10, denied=10)
    assert coverage(outlook).series == (SeriesCoverage("*", 5, 5),)
    assert coverage(outlook).of("denied") is None


def test_a_minute_judged_again_counts_once() -> None:
    outlook = came(promised(NOTHING, promise(0)), 0, total=99)
    assert came(outlook, 0, total=10) == outlook


def test_a_promise_made_again_replaces_none_and_those_that_are_over_go() -> None:
    outlook = promised(NOTHING, promise(0))
    assert promised(outlook, promise(0, low=0.0)) == outlook
    outlook = promised(outlook, promise(5))
    for minute in range(5):
        outlook = came(outlook, minute, total=10)
    assert [one.first_ms for one in promised(outlook, promise(10)).promises] == [at(5), at(10)]


def test_promises_follow_on_each_other_without_a_gap() -> None:
    due = [minute for minute in range(30) if promise_due(at(minute))]
    assert due == [0, 5, 10, 15, 20, 25]


def test_days_are_kept_apart_and_the_oldest_forgotten() -> None:
    outlook = NOTHING
    for day in range(DAYS + 2):
        first = day * DAY_MS // MINUTE_MS
        outlook = came(promised(outlook, promise(first)), first, total=10 if day else 99)
    assert [day.start_ms for day in outlook.days] == [MIDNIGHT + day * DAY_MS for day in range(2, DAYS + 2)]
    assert outlook.days[-1].held == {"*": Held(1, 1)}
    assert coverage(outlook).series == (SeriesCoverage("*", DAYS, DAYS),)


def test_nothing_is_known_of_what_was_never_measured() -> None:
    assert coverage(None) == coverage(NOTHING)
    assert coverage(None).since_ms is None
