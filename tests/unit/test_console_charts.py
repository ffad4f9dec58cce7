"""What the browser draws from, and the range plot of a verdict."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting_samples import NOW, anomaly, over
from console_samples import point
from guardian.console.charts import (
    chart_span,
    lane,
    minutes_after,
    minutes_ahead,
    minutes_between,
    range_plot,
    table,
    table_ahead,
)
from guardian.domain.clock import HOUR_MS, MINUTE_MS
from guardian.domain.forecast import Forecast, Range
from guardian.domain.verdict import AlertLevel

GRID = minutes_between(NOW - 3 * MINUTE_MS + 5, NOW)
FINITE = st.floats(-1e6, 1e6)


def test_a_lane_has_a_place_for_every_minute_and_no_range_while_it_learns() -> None:
    points = [
        point("denied", 9, NOW - MINUTE_MS),
        point("denied", 7, NOW, learning=True),
        point("failed", 3, NOW),
    ]
    made = lane("denied", "Denied", GRID, points, [])
    assert len(GRID) == 4
    assert made.observed == [None, None, 9, 7]
    assert made.low == [None, None, 4.0, None]
    assert made.high == [None, None, 22.0, None]
    assert (made.level, made.marks) == ("", [])


def test_marks_are_the_spans_outside_that_touch_the_chart() -> None:
    lasting = anomaly("a1", start_ms=NOW - HOUR_MS)
    past = over(anomaly("a2", start_ms=NOW - 2 * MINUTE_MS))
    gone = anomaly("a3", start_ms=NOW - 5 * HOUR_MS, over_ms=NOW - 4 * HOUR_MS)
    to_come = anomaly("a4", start_ms=NOW + HOUR_MS)
    strange = anomaly("a5", series="failed", level=AlertLevel.CRITICAL)
    made = lane("denied", "Denied", GRID, [], [lasting, past, gone, to_come, strange])
    assert {(one.id, one.end) for one in made.marks} == {("a1", None), ("a2", (NOW + 9 * MINUTE_MS) // 1000)}
    assert made.level == "warn"


def test_what_grew_worse_from_the_same_minute_is_marked_once() -> None:
    grown = anomaly("a2", level=AlertLevel.CRITICAL)
    made = lane(
        "denied", "Denied", GRID, [], [anomaly("a1"), grown, over(anomaly("a3", level=AlertLevel.CRITICAL))]
    )
    assert [(one.id, one.level) for one in made.marks] == [("a2", "crit")]
    assert made.level == "crit"


def test_the_table_is_newest_first_and_leaves_out_what_nobody_knows() -> None:
    points = [point("denied", 9, NOW - 2 * MINUTE_MS), point("failed", 3, NOW)]
    rows = table(GRID, ["denied", "failed"], points)
    assert [(minute, [one and one.observed for one in found]) for minute, found in rows] == [
        (NOW, [None, 3]),
        (NOW - 2 * MINUTE_MS, [9, None]),
    ]


def test_the_minutes_to_come_follow_the_grid_and_have_a_place_each() -> None:
    ranges = tuple(Range(float(n), 0.0, 9.0) for n in range(3))
    forecast = Forecast("live", NOW + 2 * MINUTE_MS, {"denied": ranges})
    coming = minutes_after(GRID, 3)
    assert [*coming] == [NOW + n * MINUTE_MS for n in (1, 2, 3)]
    ahead = minutes_ahead(forecast, "denied", coming)
    assert ahead == [None, ranges[0], ranges[1]]
    assert lane("denied", "Denied", GRID, [], [], ahead).ahead == ahead
    assert minutes_ahead(forecast, "failed", coming) == [None, None, None]
    assert table_ahead(coming, ["failed", "denied"], forecast) == [
        (NOW + 3 * MINUTE_MS, [None, ranges[1]]),
        (NOW + 2 * MINUTE_MS, [None, ranges[0]]),
    ]


@pytest.mark.parametrize(
    ("end_ms", "span"),
    [
        (None, (NOW - 2 * HOUR_MS, None)),
        (NOW - 10 * MINUTE_MS, (NOW - 2 * HOUR_MS, None)),
        (NOW - 45 * MINUTE_MS, (NOW - 2 * HOUR_MS, NOW - 15 * MINUTE_MS)),
    ],
)
def test_a_chart_shows_an_hour_before_and_half_an_hour_after(
    end_ms: int | None, span: tuple[int, int | None]
) -> None:
    assert chart_span(NOW - HOUR_MS, end_ms, NOW) == span


def test_a_chart_is_at_most_twelve_hours_long() -> None:
    assert chart_span(NOW - 48 * HOUR_MS, None, NOW) == (NOW - 12 * HOUR_MS, None)


@given(st.tuples(FINITE, FINITE).map(sorted), FINITE)
def test_a_range_plot_stays_on_its_axis_and_tells_inside_from_outside(
    bounds: list[float], value: float
) -> None:
    low, high = bounds
    plot = range_plot(low, high, value, median=value)
    assert plot.middle is None or plot.start - 0.01 <= plot.middle <= plot.start + plot.width + 0.01
    assert 0 <= plot.start <= 94.01
    assert 0 < plot.width <= 100
    assert 5.9 <= plot.value <= 94.1
    assert plot.outside == (not low <= value <= high)


def test_a_single_value_lies_in_the_middle() -> None:
    assert range_plot(2, 2, 2).value == 50.0


def test_the_median_is_ticked_where_it_is_known() -> None:
    assert range_plot(0, 10, 20).middle is None
    plot = range_plot(0, 10, 20, median=5)
    assert plot.middle == pytest.approx(plot.start + plot.width / 2, abs=0.02)
