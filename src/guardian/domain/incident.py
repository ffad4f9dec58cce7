"""An incident: one disturbance, its alerts and its story."""

from enum import StrEnum

import msgspec


class IncidentState(StrEnum):
    """DETECT → TRIAGE → RESPOND → RESOLVE → POST-MORTEM, of which the spine moves the first four."""

    DETECTED = "detected"
    TRIAGED = "triaged"
    RESPONDING = "responding"
    RESOLVED = "resolved"
    POSTMORTEM = "postmortem"


class TimelineEntry(msgspec.Struct, frozen=True):
    """One thing that happened, by a machine or a person. Entries are only ever added."""

    at_ms: int
    actor: str
    what: str


class Incident(msgspec.Struct, frozen=True):
    """One disturbance; `onset_ms` is the estimated first bad minute of its first alert."""

    incident_id: str
    source: str
    state: IncidentState
    priority: str
    """P1 (worst) to P4."""
    title: str
    onset_ms: int
    opened_ms: int
    updated_ms: int
    alert_ids: tuple[str, ...] = ()
    owner: str | None = None
    acknowledged_ms: int | None = None
    resolved_ms: int | None = None
    timeline: tuple[TimelineEntry, ...] = ()
