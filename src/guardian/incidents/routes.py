"""GET /incidents, one incident, and what people do with it."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict

from guardian.alerting.routes import Moment, MomentQuery, optional_iso
from guardian.domain.clock import iso
from guardian.domain.errors import NotFound
from guardian.domain.incident import Incident, IncidentState
from guardian.incidents.desk import IncidentDesk
from guardian.incidents.stage import INCIDENT_KIND
from guardian.security.identity import Principal
from guardian.security.openapi import problem_responses
from guardian.storage.base import RecordQuery
from guardian.storage.collection import Collection
from guardian.watching.routes import moment

Priority = Literal["P1", "P2", "P3", "P4"]
IncidentId = Annotated[str, Path(min_length=1, max_length=32)]


class TimelineLine(BaseModel):
    """One thing that happened."""

    at: Moment
    actor: str
    what: str


class IncidentLine(BaseModel):
    """An incident as it is published."""

    id: str
    source: str
    state: IncidentState
    priority: Priority
    title: str
    onset_at: Moment
    opened_at: Moment
    updated_at: Moment
    alert_ids: list[str]
    owner: str | None
    acknowledged_at: Moment | None
    resolved_at: Moment | None
    timeline: list[TimelineLine]


class IncidentPage(BaseModel):
    """Newest first."""

    items: list[IncidentLine]
    next_cursor: str | None


class IncidentFilter(BaseModel):
    """Which incidents, by when they were opened; `until` is exclusive."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    state: IncidentState | None = None
    priority: Priority | None = None
    source: Annotated[str | None, Query(min_length=1, max_length=64)] = None
    since: MomentQuery = None
    until: MomentQuery = None
    limit: Annotated[int, Query(ge=1, le=500)] = 50
    cursor: Annotated[str | None, Query(max_length=200)] = None


def incident_line(incident: Incident) -> IncidentLine:
    """The published form."""
    story = [TimelineLine(at=iso(one.at_ms), actor=one.actor, what=one.what) for one in incident.timeline]
    return IncidentLine.model_validate(
        {
            "id": incident.incident_id,
            "source": incident.source,
            "state": incident.state,
            "priority": incident.priority,
            "title": incident.title,
            "onset_at": iso(incident.onset_ms),
            "opened_at": iso(incident.opened_ms),
            "updated_at": iso(incident.updated_ms),
            "alert_ids": list(incident.alert_ids),
            "owner": incident.owner,
            "acknowledged_at": optional_iso(incident.acknowledged_ms),
            "resolved_at": optional_iso(incident.resolved_ms),
            "timeline": story,
        }
    )


def incident_query(asked: IncidentFilter) -> RecordQuery:
    """As the store is asked. Raises Invalid on a bad time."""
    return RecordQuery(
        kind=INCIDENT_KIND,
        source=asked.source,
        states=(str(asked.state),) if asked.state else (),
        levels=(asked.priority,) if asked.priority else (),
        since_ms=moment("since", asked.since),
        until_ms=moment("until", asked.until),
        limit=asked.limit,
        cursor=asked.cursor,
    )


def routes(desk: IncidentDesk, incidents: Collection[Incident], requires: Callable[[str], Any]) -> APIRouter:
    """Reading with the scope read, acting with the scope operate."""
    router = APIRouter(tags=["incidents"])
    _reading(router, incidents, requires)
    _acting(router, desk, requires)
    return router


def _reading(router: APIRouter, incidents: Collection[Incident], requires: Callable[[str], Any]) -> None:
    reader = [Depends(requires("read"))]

    @router.get(
        "/incidents",
        dependencies=reader,
        responses=problem_responses(401, 403, 422, 503),
        operation_id="list_incidents",
    )
    def list_incidents(asked: Annotated[IncidentFilter, Query()]) -> IncidentPage:
        """Incidents, newest first."""
        page = incidents.find(incident_query(asked))
        return IncidentPage(items=[incident_line(one) for one in page.items], next_cursor=page.next_cursor)

    @router.get(
        "/incidents/{incident_id}",
        dependencies=reader,
        responses=problem_responses(401, 403, 404, 422, 503),
        operation_id="get_incident",
    )
    def get_incident(incident_id: IncidentId) -> IncidentLine:
        """One incident with its timeline."""
        kept = incidents.get(incident_id)
        if kept is None:
            raise NotFound("There is no such incident.")
        return incident_line(kept[0])


def _acting(router: APIRouter, desk: IncidentDesk, requires: Callable[[str], Any]) -> None:
    operator = Depends(requires("operate"))
    refusals = problem_responses(401, 403, 404, 409, 422, 503)

    @router.post(
        "/incidents/{incident_id}/acknowledge", responses=refusals, operation_id="acknowledge_incident"
    )
    def acknowledge(incident_id: IncidentId, principal: Annotated[Principal, operator]) -> IncidentLine:
        """Take it on: you own it from now on."""
        return incident_line(desk.acknowledge(incident_id, principal.subject))

    @router.post("/incidents/{incident_id}/resolve", responses=refusals, operation_id="resolve_incident")
    def resolve(incident_id: IncidentId, principal: Annotated[Principal, operator]) -> IncidentLine:
        """Declare it over."""
        return incident_line(desk.resolve(incident_id, principal.subject))
