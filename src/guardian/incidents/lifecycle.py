"""The life of an incident: legal moves, priority, title and timeline. Pure."""

from collections.abc import Sequence

import msgspec

from guardian.alerting.policy import FoldedAlert, is_open
from guardian.domain.alert import Alert
from guardian.domain.anomaly import WHOLE_SYSTEM
from guardian.domain.clock import MINUTE_MS
from guardian.domain.errors import Conflict
from guardian.domain.incident import Incident, IncidentState, TimelineEntry
from guardian.domain.verdict import AlertLevel

MACHINE = "guardian"
JOIN_MS = 30 * MINUTE_MS
"""An alert this soon after the last activity belongs to the same disturbance."""
MOVES: dict[IncidentState, frozenset[IncidentState]] = {
    IncidentState.DETECTED: frozenset(
        {IncidentState.TRIAGED, IncidentState.RESPONDING, IncidentState.RESOLVED}
    ),
    IncidentState.TRIAGED: frozenset({IncidentState.RESPONDING, IncidentState.RESOLVED}),
    IncidentState.RESPONDING: frozenset({IncidentState.RESOLVED}),
    IncidentState.RESOLVED: frozenset(
        {IncidentState.TRIAGED, IncidentState.RESPONDING, IncidentState.POSTMORTEM}
    ),
    IncidentState.POSTMORTEM: frozenset(),
}
OPEN_STATES = (IncidentState.DETECTED, IncidentState.TRIAGED, IncidentState.RESPONDING)


def moved(incident: Incident, to: IncidentState) -> Incident:
    """The incident in its next state. Raises Conflict when the move is not in the table."""
    if to not in MOVES[incident.state]:
        raise Conflict(f"An incident that is {incident.state} cannot become {to}.")
    return msgspec.structs.replace(incident, state=to)


def priority_of(alerts: Sequence[Alert]) -> str:
    """P1 when the whole system is critical, P2 when a series is, P3 for warnings, else P4."""
    critical = [alert for alert in alerts if alert.level is AlertLevel.CRITICAL]
    if critical:
        return "P1" if any(alert.series == WHOLE_SYSTEM for alert in critical) else "P2"
    return "P3" if any(alert.level is AlertLevel.WARNING for alert in alerts) else "P4"


def title_of(alerts: Sequence[Alert]) -> str:
    """The worst alert's numbers, and how many more there are."""
    worst = min(alerts, key=lambda alert: (priority_of([alert]), alert.opened_ms))
    more = len(alerts) - 1
    return worst.title + (f", and {more} more" if more else "")


def joins(incident: Incident, its_alerts: Sequence[Alert], now_ms: int) -> bool:
    """Whether a new alert of the same source is part of this incident."""
    if incident.state not in OPEN_STATES:
        return False
    return any(map(is_open, its_alerts)) or now_ms - incident.updated_ms < JOIN_MS


def opened(incident_id: str, alert: Alert, now_ms: int) -> Incident:
    """A new incident of one alert, triaged by the machine."""
    priority = priority_of([alert])
    entries = (f"Detected: {alert.title}", f"Triaged as {priority}")
    detected = Incident(
        incident_id=incident_id,
        source=alert.source,
        state=IncidentState.DETECTED,
        priority=priority,
        title=title_of([alert]),
        onset_ms=alert.onset_ms,
        opened_ms=now_ms,
        updated_ms=now_ms,
        alert_ids=(alert.alert_id,),
        timeline=tuple(TimelineEntry(now_ms, MACHINE, what) for what in entries),
    )
    return moved(detected, IncidentState.TRIAGED)


def followed(incident: Incident, alerts: Sequence[Alert], now_ms: int) -> Incident:
    """The incident brought in line with how its alerts stand; the very same one when it is already.

    It depends on how the alerts stand and not on how often that was told.
    """
    following = _reopened(incident, alerts, now_ms)
    following = _joined(following, alerts, now_ms)
    if following.state in OPEN_STATES:
        following = _worsened(following, alerts, now_ms)
        if not any(map(is_open, alerts)):
            following = _over(following, alerts, now_ms)
    return following


def acknowledged(incident: Incident, actor: str, now_ms: int) -> Incident:
    """Taken on by a person, who owns it from now on. Raises Conflict."""
    if incident.state not in OPEN_STATES:
        raise Conflict("The incident is over.")
    noted = _noted(moved(incident, IncidentState.RESPONDING), actor, "Acknowledged", now_ms)
    return msgspec.structs.replace(noted, owner=actor, acknowledged_ms=now_ms)


def resolved(incident: Incident, actor: str, now_ms: int) -> Incident:
    """Declared over by a person. Raises Conflict."""
    over = _noted(moved(incident, IncidentState.RESOLVED), actor, "Resolved", now_ms)
    return msgspec.structs.replace(over, resolved_ms=now_ms)


def _noted(incident: Incident, actor: str, what: str, now_ms: int) -> Incident:
    timeline = (*incident.timeline, TimelineEntry(now_ms, actor, what))
    return msgspec.structs.replace(incident, timeline=timeline, updated_ms=now_ms)


def _joined(incident: Incident, alerts: Sequence[Alert], now_ms: int) -> Incident:
    for alert in alerts:
        if alert.alert_id not in incident.alert_ids:
            noted = _noted(incident, MACHINE, f"Joined: {alert.title}", now_ms)
            incident = msgspec.structs.replace(noted, alert_ids=(*incident.alert_ids, alert.alert_id))
    return incident


def _worsened(incident: Incident, alerts: Sequence[Alert], now_ms: int) -> Incident:
    """Priority only rises; the title follows the worst alert."""
    priority = min(incident.priority, priority_of(alerts))
    if priority != incident.priority:
        raised = _noted(incident, MACHINE, f"Raised from {incident.priority} to {priority}", now_ms)
        incident = msgspec.structs.replace(raised, priority=priority)
    title = title_of(alerts)
    if title != incident.title:
        incident = msgspec.structs.replace(_noted(incident, MACHINE, f"Now: {title}", now_ms), title=title)
    return incident


def _over(incident: Incident, alerts: Sequence[Alert], now_ms: int) -> Incident:
    what = "Resolved: every alert is over"
    over = _noted(moved(incident, IncidentState.RESOLVED), MACHINE, what, now_ms)
    # the time of the alerts, not ours: one that comes back while we look must count as later
    ended_ms = max((alert.resolved_ms or now_ms for alert in alerts), default=now_ms)
    return msgspec.structs.replace(over, resolved_ms=ended_ms)


def _reopened(incident: Incident, alerts: Sequence[Alert], now_ms: int) -> Incident:
    if incident.state is not IncidentState.RESOLVED or not _came_back(incident, alerts):
        return incident
    taken = incident.acknowledged_ms is not None
    back = moved(incident, IncidentState.RESPONDING if taken else IncidentState.TRIAGED)
    return msgspec.structs.replace(_noted(back, MACHINE, "Re-opened: it came back", now_ms), resolved_ms=None)


def _came_back(incident: Incident, alerts: Sequence[Alert]) -> bool:
    """Whether an alert re-opened, joined late, or became more urgent than what was resolved."""
    still_open = [alert for alert in alerts if is_open(alert)]
    if still_open and priority_of(still_open) < incident.priority:
        return True
    return any(
        alert.alert_id not in incident.alert_ids or _reopened_ms(alert) >= (incident.resolved_ms or 0)
        for alert in still_open
    )


def _reopened_ms(alert: Alert) -> int:
    reopened_ms = alert.reopened_ms if isinstance(alert, FoldedAlert) else None
    return -1 if reopened_ms is None else reopened_ms
