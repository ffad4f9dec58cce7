"""GET /anomalies and GET /series."""

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict

from guardian.domain.anomaly import Anomaly, Finding, Nature
from guardian.domain.clock import DAY_MS, HOUR_MS, Clock, SystemClock, from_iso, iso
from guardian.domain.errors import Invalid
from guardian.domain.transaction import LIVE
from guardian.domain.verdict import AlertLevel
from guardian.security.openapi import problem_responses
from guardian.storage.base import MinuteStore, RecordQuery
from guardian.storage.collection import Collection
from guardian.watching.anomalies import ANOMALY_KIND
from guardian.watching.outlook import MINUTES_SHOWN, Outlooks
from guardian.watching.outlook_forms import ForecastOut, forecast_form

DEFAULT_SPAN_MS = 3 * HOUR_MS
LONGEST_SPAN_MS = 31 * DAY_MS
MOST_HOURS_AHEAD = MINUTES_SHOWN // 60
EARLIEST_MS = 0
LATEST_MS = 253_402_300_799_000


class StepLine(BaseModel):
    """One value of a cause, narrowing those before it; `extra` in counts a minute."""

    dimension: str
    value: str
    extra: float
    share: float
    usual: float


class SegmentLine(BaseModel):
    """What carries a part of the change, and how it was narrowed down to it."""

    where: dict[str, str]
    extra: float
    share: float
    usual: float
    path: list[StepLine]


class MoneyLine(BaseModel):
    """Approvals lost × average ticket, in minor units an hour, with its central 95 %."""

    currency: str
    per_hour_minor: int
    low_minor: int
    high_minor: int


class CauseLine(BaseModel):
    """What carries the change of a series, in counts a minute; without segments it lies everywhere alike."""

    change: float
    segments: list[SegmentLine]
    money: MoneyLine | None


class AnomalyLine(BaseModel):
    """An anomaly as it is published; rates are counts a minute over the window."""

    id: str
    ts: str
    source: str
    series: str
    status: str
    start: str
    level: AlertLevel
    paged: bool
    shadowed: bool
    score: float
    observed: float
    expected: float
    low: float
    high: float
    direction: str
    window_minutes: int
    over: str | None
    reasons: list[str]
    nature: Nature | None
    cause: CauseLine | None
    answer: Finding | None


class AnomalyPage(BaseModel):
    """Newest first."""

    items: list[AnomalyLine]
    next_cursor: str | None


class SeriesLine(BaseModel):
    """One judged minute of one series; low and high are the central 99 % expected before it."""

    ts: str
    series: str
    observed: int
    expected: float
    low: float
    high: float
    learning: bool


class SeriesPage(BaseModel):
    """Oldest first. `forecast` is null unless it was asked for, and of a source that sent nothing yet."""

    items: list[SeriesLine]
    forecast: ForecastOut | None = None


class Span(BaseModel):
    """What to list: a source and a span of RFC 3339 times, `until` exclusive."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    source: Annotated[str, Query(min_length=1, max_length=64)] = LIVE
    since: Annotated[str | None, Query(max_length=40)] = None
    until: Annotated[str | None, Query(max_length=40)] = None


class AnomalyFilter(Span):
    """Which anomalies."""

    level: AlertLevel | None = None
    series: Annotated[str | None, Query(max_length=200)] = None
    limit: Annotated[int, Query(ge=1, le=500)] = 50
    cursor: Annotated[str | None, Query(max_length=200)] = None


class SeriesFilter(Span):
    """Which series; all of them when none is named."""

    series: Annotated[list[str] | None, Query(max_length=50)] = None
    ahead: Annotated[int, Query(ge=0, le=MOST_HOURS_AHEAD)] = 0
    """Hours of forecast to add, from the first minute that is not judged yet."""


def moment(name: str, text: str | None) -> int | None:
    """Milliseconds of an RFC 3339 time. Raises Invalid, naming the field, when it is none."""
    if text is None:
        return None
    try:
        ms = from_iso(text)
    except (ValueError, OverflowError) as error:
        raise Invalid(f"{name} is not an RFC 3339 time") from error
    if not EARLIEST_MS <= ms <= LATEST_MS:
        raise Invalid(f"{name} is out of range")
    return ms


def series_span(span: Span, now_ms: int) -> tuple[int, int]:
    """The span to draw, the last three hours unless told. Raises Invalid when empty or over 31 days."""
    since_ms, until_ms = moment("since", span.since), moment("until", span.until)
    if until_ms is None:
        until_ms = now_ms if since_ms is None else max(now_ms, since_ms)
    if since_ms is None:
        since_ms = max(EARLIEST_MS, until_ms - DEFAULT_SPAN_MS)
    if not 0 <= until_ms - since_ms <= LONGEST_SPAN_MS:
        raise Invalid("until must follow since by at most 31 days")
    return since_ms, until_ms


def routes(
    anomalies: Collection[Anomaly],
    minutes: MinuteStore,
    outlooks: Outlooks,
    requires: Callable[[str], Any],
    clock: Clock | None = None,
) -> APIRouter:
    """Both routes, scope read."""
    router = APIRouter(tags=["watching"], dependencies=[Depends(requires("read"))])
    watch = clock or SystemClock()

    @router.get("/anomalies", responses=problem_responses(401, 403, 422, 503), operation_id="list_anomalies")
    def list_anomalies(query: Annotated[AnomalyFilter, Query()]) -> AnomalyPage:
        """Disturbances of the stream, newest first."""
        page = anomalies.find(anomaly_query(query))
        lines = [AnomalyLine.model_validate(anomaly.line()) for anomaly in page.items]
        return AnomalyPage(items=lines, next_cursor=page.next_cursor)

    @router.get("/series", responses=problem_responses(401, 403, 422, 503), operation_id="list_series")
    def list_series(query: Annotated[SeriesFilter, Query()]) -> SeriesPage:
        """Observed counts per minute inside the range that was expected before; with `ahead` the next hours.

        A forecast comes with its measured coverage: how many of the minutes that came lay inside theirs.
        """
        since_ms, until_ms = series_span(query, watch.now_ms())
        points = minutes.points(query.source, query.series, since_ms, until_ms)
        named = [(iso(point.minute_ms), msgspec.structs.asdict(point)) for point in points]
        outlook = outlooks.of(query.source) if query.ahead else None
        return SeriesPage(
            items=[SeriesLine(ts=ts, **_shown(point)) for ts, point in named],
            forecast=None if outlook is None else forecast_form(outlook, query.ahead, query.series),
        )

    return router


def _shown(point: dict[str, Any]) -> dict[str, Any]:
    return {name: point[name] for name in SeriesLine.model_fields if name != "ts"}


def anomaly_query(query: AnomalyFilter) -> RecordQuery:
    """As the store is asked. Raises Invalid on a bad time."""
    return RecordQuery(
        kind=ANOMALY_KIND,
        source=query.source,
        levels=(str(query.level),) if query.level else (),
        label=query.series,
        since_ms=moment("since", query.since),
        until_ms=moment("until", query.until),
        limit=query.limit,
        cursor=query.cursor,
    )
