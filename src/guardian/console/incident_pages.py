"""Incidents: the list, one with its story, and the two deeds on it."""

from collections.abc import Callable

import msgspec
from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from guardian.console.charts import chart_span
from guardian.console.desk import Desk, Reader
from guardian.console.picture import OPEN_INCIDENTS, alerts_of, open_incidents, worst_alert
from guardian.domain.errors import NotFound
from guardian.domain.incident import Incident, IncidentState
from guardian.storage.base import RecordQuery

PER_PAGE = 50
CLOSED = (str(IncidentState.RESOLVED), str(IncidentState.POSTMORTEM))
STAGES = tuple(IncidentState)


class Stage(msgspec.Struct, frozen=True):
    """One step of the life of an incident: past, now or still to come."""

    state: IncidentState
    place: str
    at_ms: int | None


def register(router: APIRouter, desk: Desk) -> None:
    """The pages and deeds of incidents."""
    view = desk.view

    def incidents(reader: Reader) -> Response:
        query = RecordQuery("", states=CLOSED, limit=PER_PAGE, cursor=reader.asked("cursor", 200) or None)
        return desk.page(reader, "incidents.html", open=open_incidents(view), page=view.incidents.find(query))

    def incident(reader: Reader) -> Response:
        return desk.page(reader, "incident.html", **incident_facts(desk, reader))

    for path, handler in (("/console/incidents", incidents), ("/console/incidents/{incident_id}", incident)):
        router.add_api_route(path, desk.reading(handler), methods=["GET"], response_model=None)
    for name, done, act in (
        ("acknowledge", "acknowledged", view.acknowledge),
        ("resolve", "resolved", view.resolve),
    ):
        path = f"/console/incidents/{{incident_id}}/{name}"
        router.add_api_route(path, desk.doing(_deed(act, done)), methods=["POST"], response_model=None)


def _deed(act: Callable[[str, str], Incident], done: str) -> Callable[[Reader], Response]:
    def deed(reader: Reader) -> Response:
        incident_id = reader.named("incident_id")
        act(incident_id, reader.principal.subject)
        return RedirectResponse(f"/console/incidents/{incident_id}?done={done}", status_code=303)

    return deed


def incident_facts(desk: Desk, reader: Reader) -> dict[str, object]:
    """One incident with its alerts and the chart of the worst of them. Raises NotFound."""
    entry = desk.view.incidents.get(reader.named("incident_id"))
    if entry is None:
        raise NotFound("There is no incident of that id.")
    incident, now_ms = entry[0], reader.formats.now_ms
    alerts = alerts_of(desk.view, incident)
    end_ms = incident.resolved_ms or now_ms
    span = chart_span(incident.onset_ms, incident.resolved_ms, now_ms)
    return {
        "incident": incident,
        "alerts": alerts,
        "worst": worst_alert(alerts),
        "stages": stages(incident),
        "is_open": str(incident.state) in OPEN_INCIDENTS,
        "end_ms": end_ms,
        "span": span,
        "story": incident.timeline[::-1],
    }


def stages(incident: Incident) -> list[Stage]:
    """The five steps; times are given only where the incident holds them."""
    now = STAGES.index(incident.state)
    times = {
        IncidentState.DETECTED: incident.opened_ms,
        IncidentState.TRIAGED: incident.acknowledged_ms,
        IncidentState.RESOLVED: incident.resolved_ms,
    }
    places = ["past" if n < now else "now" if n == now else "" for n in range(len(STAGES))]
    return [Stage(state, place, times.get(state)) for state, place in zip(STAGES, places, strict=True)]
