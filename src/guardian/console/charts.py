"""What the charts draw: columns of minutes for the browser, and the range plot of a verdict."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from guardian.console.picture import LEVEL_MARKS
from guardian.domain.anomaly import Anomaly
from guardian.domain.clock import HOUR_MS, MINUTE_MS
from guardian.domain.forecast import Forecast, Range
from guardian.domain.window import SeriesPoint

EDGE_PERCENT = 6.0
BEFORE_MS, AFTER_MS, LONGEST_SHOWN_MS = HOUR_MS, HOUR_MS // 2, 12 * HOUR_MS


class ChartMark(msgspec.Struct, frozen=True):
    """A span outside the range; `end` is None while it lasts. Times are seconds, as uPlot wants."""

    id: str
    start: int
    end: int | None
    level: str


class ChartLane(msgspec.Struct, frozen=True):
    """One series on the minutes of the chart; None where no minute was judged."""

    series: str
    label: str
    level: str
    observed: list[int | None]
    low: list[float | None]
    high: list[float | None]
    marks: list[ChartMark]
    ahead: list[Range | None]
    """What is forecast of the minutes to come."""


class Chart(msgspec.Struct, frozen=True):
    """All lanes over the same minutes, and the same minutes to come.

    `silent_since` is the last known one of an old picture.
    """

    minutes: list[int]
    ahead: list[int]
    silent_since: int | None
    lanes: list[ChartLane]


def minutes_between(since_ms: int, until_ms: int) -> range:
    """The whole minutes of the span, the last one included."""
    first = since_ms - since_ms % MINUTE_MS
    return range(first, until_ms + 1, MINUTE_MS)


def minutes_after(grid: range, minutes: int) -> range:
    """So many minutes from the grid's last one on."""
    return range(grid[-1] + MINUTE_MS, grid[-1] + (minutes + 1) * MINUTE_MS, MINUTE_MS)


def chart_span(start_ms: int, end_ms: int | None, now_ms: int) -> tuple[int, int | None]:
    """From an hour before to half an hour after, at most twelve hours; no end while it would be to come."""
    until_ms = now_ms if end_ms is None else end_ms + AFTER_MS
    since_ms = max(start_ms - BEFORE_MS, min(until_ms, now_ms) - LONGEST_SHOWN_MS)
    return since_ms, until_ms if until_ms < now_ms else None


def lane(
    series: str,
    label: str,
    grid: range,
    points: Iterable[SeriesPoint],
    anomalies: Iterable[Anomaly],
    ahead: Sequence[Range | None] = (),
) -> ChartLane:
    """The points of a series laid on the grid, with the spans outside, and what is forecast after it."""
    known = {point.minute_ms: point for point in points if point.series == series}
    found = [known.get(minute) for minute in grid]
    outside = [one for one in anomalies if one.series == series and overlaps(one, grid)]
    open_now = [LEVEL_MARKS[one.level] for one in outside if one.over_ms is None]
    return ChartLane(
        series=series,
        label=label,
        level="crit" if "crit" in open_now else "warn" if "warn" in open_now else "",
        observed=[None if point is None else point.observed for point in found],
        low=[None if point is None or point.learning else point.low for point in found],
        high=[None if point is None or point.learning else point.high for point in found],
        marks=[mark(one) for one in one_per_start(outside)],
        ahead=[*ahead],
    )


def minutes_ahead(forecast: Forecast, series: str, grid: range) -> list[Range | None]:
    """What is forecast of a series, a place for every minute of the grid."""
    known = dict(forecast.of(series, grid.start, grid.stop))
    return [known.get(minute) for minute in grid]


def one_per_start(anomalies: Iterable[Anomaly]) -> list[Anomaly]:
    """Of those that began in the same minute the open one, else the gravest: it grew out of the others."""
    order = list(LEVEL_MARKS)
    grave = sorted(anomalies, key=lambda one: (one.over_ms is not None, order.index(one.level)))
    return list({one.start_ms: one for one in reversed(grave)}.values())


def overlaps(anomaly: Anomaly, grid: range) -> bool:
    """Whether any of it lies on the chart."""
    return anomaly.start_ms < grid.stop and (anomaly.over_ms is None or anomaly.over_ms >= grid.start)


def mark(anomaly: Anomaly) -> ChartMark:
    """An anomaly as the chart shows it."""
    end = None if anomaly.over_ms is None else anomaly.over_ms // 1000
    return ChartMark(anomaly.anomaly_id, anomaly.start_ms // 1000, end, LEVEL_MARKS[anomaly.level])


class RangePlot(msgspec.Struct, frozen=True):
    """Places in per cent of the width: where the usual range begins, its width, where the value is.

    `middle` is where the median is, which the range holds, where that is known.
    """

    start: float
    width: float
    value: float
    outside: bool
    middle: float | None = None


def range_plot(low: float, high: float, value: float, median: float | None = None) -> RangePlot:
    """The usual range and the value on one axis, with an edge left free on both sides."""
    least, most = min(low, value), max(high, value)
    span = most - least
    if span <= 0:
        return RangePlot(40.0, 20.0, 50.0, False)

    def place(at: float) -> float:
        return round(EDGE_PERCENT + (at - least) / span * (100 - 2 * EDGE_PERCENT), 2)

    width = max(1.0, round(place(high) - place(low), 2))
    middle = None if median is None else place(min(max(median, low), high))
    return RangePlot(place(low), width, place(value), not low <= value <= high, middle)


Row = tuple[int, list[SeriesPoint | None]]
RowAhead = tuple[int, list[Range | None]]


def table(grid: range, series: Sequence[str], points: Iterable[SeriesPoint]) -> list[Row]:
    """Newest minute first, a point or None per series; minutes nothing is known of are left out."""
    by_minute: dict[int, Mapping[str, SeriesPoint]] = {}
    for point in points:
        by_minute[point.minute_ms] = {**by_minute.get(point.minute_ms, {}), point.series: point}
    known = [minute for minute in reversed(grid) if minute in by_minute]
    return [(minute, [by_minute[minute].get(name) for name in series]) for minute in known]


def table_ahead(grid: range, series: Sequence[str], forecast: Forecast) -> list[RowAhead]:
    """The minutes to come, farthest first, those of which nothing is forecast left out."""
    columns = [minutes_ahead(forecast, name, grid) for name in series]
    rows = [(minute, [column[n] for column in columns]) for n, minute in enumerate(grid)]
    return [row for row in reversed(rows) if any(row[1])]
