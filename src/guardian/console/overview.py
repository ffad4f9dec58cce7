"""The overview, its live parts, and the data of every chart."""

from collections.abc import Mapping
from urllib.parse import quote

import msgspec
from fastapi import APIRouter
from starlette.responses import Response

from guardian.console.charts import (
    Chart,
    lane,
    minutes_after,
    minutes_ahead,
    minutes_between,
    table,
    table_ahead,
)
from guardian.console.desk import Desk, Reader
from guardian.console.picture import MAIN_SERIES, MOST, RECENT_MS, Picture, alerts_of, take
from guardian.console.view import ConsoleView
from guardian.domain.alert import AlertState
from guardian.domain.anomaly import WHOLE_SYSTEM, Anomaly
from guardian.domain.clock import HOUR_MS, MINUTE_MS
from guardian.domain.errors import Invalid
from guardian.domain.forecast import Forecast
from guardian.domain.transaction import LIVE
from guardian.storage.base import RecordQuery
from guardian.watching.outlook import MINUTES_SHOWN, coverage

HOURS = (1, 3, 8)
DEFAULT_HOURS = 3
MOST_SERIES = 20
LONGEST_CHART_MS = 24 * HOUR_MS
PAST_FOR_AHEAD = 3
"""Minutes shown of the past for one of the minutes to come; the table shows all that is forecast."""
TABLE_STEP_MS = 15 * MINUTE_MS
LATEST_MS = 253_402_300_799_000
# An anomaly that began before the chart may still last in it
BEFORE_MS = 24 * HOUR_MS
MOST_MARKS = 200
NO_FORECAST = Forecast(LIVE, 0, {})


def register(router: APIRouter, desk: Desk) -> None:
    """Overview, fragments, chart data and the table of minutes."""

    def overview(reader: Reader) -> Response:
        return desk.page(reader, "overview.html", **facts(desk, reader, take(desk.view)))

    def fragments(reader: Reader) -> Response:
        picture = take(desk.view)
        response = desk.page(reader, "fragments.html", **facts(desk, reader, picture))
        response.headers["X-Lanes"] = lane_names(picture)
        return response

    def lanes(reader: Reader) -> Response:
        return desk.page(reader, "part_lanes.html")

    def minutes(reader: Reader) -> Response:
        return desk.page(reader, "minutes.html", **minute_table(desk.view, reader))

    def data(reader: Reader) -> Response:
        body = msgspec.json.encode(chart(desk.view, reader))
        return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})

    for path, handler in (
        ("/console/overview", overview),
        ("/console/fragments/overview", fragments),
        ("/console/fragments/lanes", lanes),
        ("/console/minutes", minutes),
        ("/console/data/series", data),
    ):
        router.add_api_route(path, desk.reading(handler), methods=["GET"], response_model=None)


def lane_names(picture: Picture) -> str:
    """Which lanes there are, so that the browser knows when to lay them out anew."""
    return quote(",".join(lane.series for lane in picture.lanes()), safe=",_*=.")


def facts(desk: Desk, reader: Reader, picture: Picture) -> dict[str, object]:
    """What the overview shows beside the frame."""
    view, now_ms = desk.view, reader.formats.now_ms
    recent = view.anomalies.find(RecordQuery("", source=LIVE, since_ms=now_ms - RECENT_MS, limit=12)).items
    worst, outlook = picture.worst, view.outlooks.of(LIVE)
    return {
        "picture": picture,
        "hours": asked_hours(reader),
        "stats": view.stats(),
        "total": picture.points.get(WHOLE_SYSTEM),
        "open_count": len(picture.anomalies),
        "acknowledged_alerts": view.alerts.count(RecordQuery("", states=(str(AlertState.ACKNOWLEDGED),))),
        "forecast": bool(outlook and outlook.forecast.series),
        "held": coverage(outlook).of(WHOLE_SYSTEM),
        "recent": recent,
        "recent_since_ms": now_ms - RECENT_MS,
        "incident_alerts": alerts_of(view, worst) if worst else [],
    }


def asked_hours(reader: Reader) -> int:
    """1, 3 or 8; three unless asked."""
    text = reader.asked("hours", 2)
    return int(text) if text in map(str, HOURS) else DEFAULT_HOURS


def chart(view: ConsoleView, reader: Reader) -> Chart:
    """The series asked for (`series`, repeated) over `hours`, or from `since` to `until` (else now) in ms."""
    names = reader.request.query_params.getlist("series")[:MOST_SERIES] or [*MAIN_SERIES]
    picture = take(view)
    since_ms, until_ms = _span(reader, picture)
    grid = minutes_between(since_ms, until_ms)
    points = view.minutes.points(LIVE, names, since_ms, until_ms + MINUTE_MS)
    anomalies = anomalies_between(view, since_ms, until_ms)
    label = reader.words.capital
    forecast = NO_FORECAST if reader.asked("since") else forecast_of(view, picture)
    following = minutes_after(grid, len(grid) // PAST_FOR_AHEAD if forecast.series else 0)
    lanes = [
        lane(
            name,
            label(name),
            grid,
            [point for point in points if point.series == name],
            anomalies,
            minutes_ahead(forecast, name, following),
        )
        for name in names
    ]
    newest = max((point.minute_ms for point in points), default=None)
    silent = picture.stale and not reader.asked("until")
    return Chart(
        minutes=[minute // 1000 for minute in grid],
        ahead=[minute // 1000 for minute in following],
        silent_since=newest // 1000 if silent and newest is not None else None,
        lanes=lanes,
    )


def forecast_of(view: ConsoleView, picture: Picture) -> Forecast:
    """What is forecast of live traffic; nothing on its first day, or in an old picture."""
    outlook = None if picture.stale else view.outlooks.of(LIVE)
    return NO_FORECAST if outlook is None else outlook.forecast


def anomalies_between(view: ConsoleView, since_ms: int, until_ms: int) -> list[Anomaly]:
    """Those that may touch the span, the open ones included."""
    span = RecordQuery(
        "", source=LIVE, since_ms=since_ms - BEFORE_MS, until_ms=until_ms + HOUR_MS, limit=MOST_MARKS
    )
    lasting = RecordQuery("", source=LIVE, states=("open",), limit=MOST)
    found: Mapping[str, Anomaly] = {
        one.anomaly_id: one for query in (span, lasting) for one in view.anomalies.find(query).items
    }
    return list(found.values())


def minute_table(view: ConsoleView, reader: Reader) -> dict[str, object]:
    """The chart as a table, newest minute first."""
    hours = asked_hours(reader)
    picture = take(view)
    names = [one.series for one in picture.lanes()]
    since_ms, until_ms = _ending_at(picture, hours * HOUR_MS)
    points = view.minutes.points(LIVE, names, since_ms, until_ms + MINUTE_MS)
    grid, forecast = minutes_between(since_ms, until_ms), forecast_of(view, picture)
    first = until_ms - until_ms % TABLE_STEP_MS + TABLE_STEP_MS
    coming = range(first, forecast.first_ms + MINUTES_SHOWN * MINUTE_MS, TABLE_STEP_MS)
    return {
        "hours": hours,
        "names": names,
        "coming": table_ahead(coming, names, forecast),
        "rows": table(grid, names, points),
    }


def _span(reader: Reader, picture: Picture) -> tuple[int, int]:
    since, until = reader.asked("since", 15), reader.asked("until", 15)
    if not since and not until:
        return _ending_at(picture, asked_hours(reader) * HOUR_MS)
    if not since.isdecimal() or (until and not until.isdecimal()):
        raise Invalid("since and until are epoch milliseconds.")
    since_ms, until_ms = int(since), int(until) if until else _ending_at(picture, 0)[1]
    if not 0 <= since_ms < until_ms <= LATEST_MS or until_ms - since_ms > LONGEST_CHART_MS:
        raise Invalid("until must follow since by at most 24 hours.")
    return since_ms, until_ms


def _ending_at(picture: Picture, span_ms: int) -> tuple[int, int]:
    """Up to the newest judged minute, or to this minute while nothing comes any more."""
    judged = picture.judged_ms
    end_ms = judged if judged is not None and not picture.stale else picture.now_ms
    return end_ms - span_ms, end_ms
