"""A forecast and its measured coverage as they are published."""

from collections.abc import Collection

from pydantic import BaseModel

from guardian.domain.clock import HOUR_MS, iso
from guardian.watching.outlook import MINUTES_AHEAD, NOMINAL, Coverage, Outlook, coverage


class ForecastLine(BaseModel):
    """One coming minute of one series; low and high are the central 99 % of its count."""

    ts: str
    series: str
    expected: float
    low: float
    high: float


class SeriesCoverageLine(BaseModel):
    """Minutes of a series that came, and those of them inside the range forecast for them."""

    series: str
    minutes: int
    inside: int
    share: float


class CoverageOut(BaseModel):
    """How often the minutes that came lay inside the range forecast for them an hour before.

    Measured on every judged minute of the last seven days, those of disturbances included; `nominal` is
    what was meant. The range of a rare count holds more than that, as counts are whole.
    """

    minutes_ahead: int
    nominal: float
    since: str | None
    series: list[SeriesCoverageLine]


class ForecastOut(BaseModel):
    """The coming minutes, oldest first, as long as nothing happens: a disturbance is expected to be over.

    `learning`: on a source's first day there is no forecast.
    """

    learning: bool
    items: list[ForecastLine]
    coverage: CoverageOut


def coverage_form(measured: Coverage, series: Collection[str] | None = None) -> CoverageOut:
    """The coverage as it is published; of some series only, when they are named."""
    return CoverageOut(
        minutes_ahead=MINUTES_AHEAD,
        nominal=NOMINAL,
        since=None if measured.since_ms is None else iso(measured.since_ms),
        series=[
            SeriesCoverageLine(
                series=one.series, minutes=one.minutes, inside=one.inside, share=round(one.share, 4)
            )
            for one in measured.series
            if series is None or one.series in series
        ],
    )


def forecast_form(outlook: Outlook, hours: int, series: Collection[str] | None) -> ForecastOut:
    """So many hours from the first minute that is not judged yet; all series when None."""
    forecast = outlook.forecast
    names = [name for name in forecast.series if series is None or name in series]
    until_ms = forecast.first_ms + hours * HOUR_MS
    lines = sorted(
        (minute_ms, place, one)
        for place, name in enumerate(names)
        for minute_ms, one in forecast.of(name, forecast.first_ms, until_ms)
    )
    return ForecastOut(
        learning=not forecast.series,
        items=[
            ForecastLine(
                ts=iso(minute_ms), series=names[place], expected=one.expected, low=one.low, high=one.high
            )
            for minute_ms, place, one in lines
        ],
        coverage=coverage_form(coverage(outlook), series),
    )
