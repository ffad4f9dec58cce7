"""Anomalies and alerts: the lists, one anomaly with its chart and cause, and how right the pages were."""

from collections.abc import Callable

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from guardian.cases.quality import DIMENSIONS
from guardian.console.charts import chart_span
from guardian.console.desk import Desk, Reader
from guardian.console.drill_table import drill_table, size_of
from guardian.console.view import ConsoleView
from guardian.domain.alert import Alert, AlertState
from guardian.domain.anomaly import Anomaly, Finding
from guardian.domain.clock import DAY_MS
from guardian.domain.errors import NotFound
from guardian.domain.transaction import LIVE
from guardian.domain.verdict import AlertLevel
from guardian.storage.base import RecordQuery
from guardian.watching.outlook import NOMINAL

PER_PAGE = 50
LEVELS = (str(AlertLevel.CRITICAL), str(AlertLevel.WARNING))
ANOMALY_STATES = ("open", "over")
SPANS = ("7", "30", "90")
USUAL_SPAN = 30
ALERT_STATES = tuple(map(str, AlertState))


def register(router: APIRouter, desk: Desk) -> None:
    """The pages of anomalies and alerts."""

    def anomalies(reader: Reader) -> Response:
        query = listed(reader, ANOMALY_STATES, reader.asked("source", 64) or LIVE)
        page = desk.view.anomalies.find(query)
        return desk.page(reader, "anomalies.html", page=page, states=ANOMALY_STATES, levels=LEVELS)

    def anomaly(reader: Reader) -> Response:
        found = desk.view.anomalies.get(reader.named("anomaly_id"))
        if found is None:
            raise NotFound("There is no anomaly of that id.")
        return desk.page(reader, "anomaly.html", **anomaly_facts(desk.view, found[0], reader))

    def alerts(reader: Reader) -> Response:
        page = desk.view.alerts.find(listed(reader, ALERT_STATES, None))
        return desk.page(reader, "alerts.html", page=page, states=ALERT_STATES, levels=LEVELS)

    def quality(reader: Reader) -> Response:
        days = int(asked) if (asked := reader.asked("days")) in SPANS else USUAL_SPAN
        report = desk.view.quality(days)
        drill = None if report.drill is None else drill_table(report.drill)
        facts: dict[str, object] = {"report": report, "nominal": NOMINAL, "drill": drill, "size_of": size_of}
        facts |= {"verdicts": desk.view.verdict_quality(days), "dimensions": DIMENSIONS}
        return desk.page(reader, "quality.html", **facts, days=days, spans=SPANS)

    for path, handler in (
        ("/console/anomalies", anomalies),
        ("/console/anomalies/{anomaly_id}", anomaly),
        ("/console/alerts", alerts),
        ("/console/quality", quality),
    ):
        router.add_api_route(path, desk.reading(handler), methods=["GET"], response_model=None)
    for finding in Finding:
        path = f"/console/anomalies/{{anomaly_id}}/{finding}"
        router.add_api_route(
            path, desk.doing(_answer(desk.view, finding)), methods=["POST"], response_model=None
        )


def _answer(view: ConsoleView, finding: Finding) -> Callable[[Reader], Response]:
    def deed(reader: Reader) -> Response:
        anomaly_id = reader.named("anomaly_id")
        view.answer(anomaly_id, finding, reader.principal.subject)
        return RedirectResponse(f"/console/anomalies/{anomaly_id}?done=answered", status_code=303)

    return deed


def listed(reader: Reader, states: tuple[str, ...], source: str | None) -> RecordQuery:
    """The filters of a list; a value that is not offered filters nothing."""
    state, level = reader.asked("state"), reader.asked("level")
    return RecordQuery(
        kind="",
        source=source,
        states=(state,) if state in states else (),
        levels=(level,) if level in LEVELS else (),
        limit=PER_PAGE,
        cursor=reader.asked("cursor", 200) or None,
    )


def anomaly_facts(view: ConsoleView, anomaly: Anomaly, reader: Reader) -> dict[str, object]:
    """One anomaly with the span its chart covers, and the alert it was folded into."""
    end_ms = anomaly.over_ms or reader.formats.now_ms
    return {
        "anomaly": anomaly,
        "alert": alert_of(view, anomaly),
        "span": chart_span(anomaly.start_ms, anomaly.over_ms, reader.formats.now_ms),
        "lasts_ms": max(0, end_ms - anomaly.start_ms),
    }


def alert_of(view: ConsoleView, anomaly: Anomaly) -> Alert | None:
    """The alert that holds the anomaly, among those of its source since it began."""
    since_ms = anomaly.start_ms - DAY_MS
    query = RecordQuery("", source=anomaly.source, since_ms=since_ms, limit=200)
    found = view.alerts.find(query).items
    return next((alert for alert in found if anomaly.anomaly_id in alert.anomaly_ids), None)
