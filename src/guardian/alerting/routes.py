"""GET /alerts and GET /alerts/{id}."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from guardian.alerting.stage import ALERT_KIND
from guardian.domain.alert import Alert, AlertState
from guardian.domain.clock import iso
from guardian.domain.errors import NotFound
from guardian.domain.verdict import AlertLevel
from guardian.security.openapi import problem_responses
from guardian.storage.base import RecordQuery
from guardian.storage.collection import Collection
from guardian.watching.routes import moment

Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
MomentQuery = Annotated[str | None, Query(max_length=40, description="RFC 3339")]


class AlertLine(BaseModel):
    """An alert as it is published; observed and expected are counts a minute."""

    id: str
    fingerprint: str
    source: str
    series: str
    status: str
    level: AlertLevel
    state: AlertState
    title: str
    onset_at: Moment
    opened_at: Moment
    updated_at: Moment
    repeats: int
    observed: float
    expected: float
    anomaly_ids: list[str]
    incident_id: str | None
    acknowledged_at: Moment | None
    acknowledged_by: str | None
    resolved_at: Moment | None
    reasons: list[str]


class AlertPage(BaseModel):
    """Newest first."""

    items: list[AlertLine]
    next_cursor: str | None


class AlertFilter(BaseModel):
    """Which alerts, by when they were opened; `until` is exclusive."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    state: AlertState | None = None
    level: AlertLevel | None = None
    source: Annotated[str | None, Query(min_length=1, max_length=64)] = None
    since: MomentQuery = None
    until: MomentQuery = None
    limit: Annotated[int, Query(ge=1, le=500)] = 50
    cursor: Annotated[str | None, Query(max_length=200)] = None


def optional_iso(ms: int | None) -> str | None:
    """RFC 3339, or None where there is no time."""
    return None if ms is None else iso(ms)


def alert_line(alert: Alert) -> AlertLine:
    """The published form."""
    return AlertLine(
        id=alert.alert_id,
        fingerprint=alert.fingerprint,
        source=alert.source,
        series=alert.series,
        status=alert.status,
        level=alert.level,
        state=alert.state,
        title=alert.title,
        onset_at=iso(alert.onset_ms),
        opened_at=iso(alert.opened_ms),
        updated_at=iso(alert.updated_ms),
        repeats=alert.repeats,
        observed=alert.observed,
        expected=alert.expected,
        anomaly_ids=list(alert.anomaly_ids),
        incident_id=alert.incident_id,
        acknowledged_at=optional_iso(alert.acknowledged_ms),
        acknowledged_by=alert.acknowledged_by,
        resolved_at=optional_iso(alert.resolved_ms),
        reasons=list(alert.reasons),
    )


def alert_query(asked: AlertFilter) -> RecordQuery:
    """As the store is asked. Raises Invalid on a bad time."""
    return RecordQuery(
        kind=ALERT_KIND,
        source=asked.source,
        states=(str(asked.state),) if asked.state else (),
        levels=(str(asked.level),) if asked.level else (),
        since_ms=moment("since", asked.since),
        until_ms=moment("until", asked.until),
        limit=asked.limit,
        cursor=asked.cursor,
    )


def routes(alerts: Collection[Alert], requires: Callable[[str], Any]) -> APIRouter:
    """Both routes, scope read."""
    router = APIRouter(tags=["alerts"], dependencies=[Depends(requires("read"))])

    @router.get("/alerts", responses=problem_responses(401, 403, 422, 503), operation_id="list_alerts")
    def list_alerts(asked: Annotated[AlertFilter, Query()]) -> AlertPage:
        """Alerts, newest first."""
        page = alerts.find(alert_query(asked))
        return AlertPage(items=[alert_line(alert) for alert in page.items], next_cursor=page.next_cursor)

    @router.get(
        "/alerts/{alert_id}",
        responses=problem_responses(401, 403, 404, 422, 503),
        operation_id="get_alert",
    )
    def get_alert(alert_id: Annotated[str, Path(min_length=1, max_length=64)]) -> AlertLine:
        """One alert."""
        kept = alerts.get(alert_id)
        if kept is None:
            raise NotFound("There is no such alert.")
        return alert_line(kept[0])

    return router
