"""An alert: anomalies of one cause, folded, that a person should know of."""

from enum import StrEnum

import msgspec

from guardian.domain.verdict import AlertLevel


class AlertState(StrEnum):
    """Where an alert stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class Alert(msgspec.Struct, frozen=True):
    """Repeats of one fingerprint are folded into one alert; `repeats` counts them."""

    alert_id: str
    fingerprint: str
    source: str
    series: str
    status: str
    level: AlertLevel
    state: AlertState
    title: str
    onset_ms: int
    opened_ms: int
    updated_ms: int
    repeats: int = 0
    observed: float = 0.0
    expected: float = 0.0
    anomaly_ids: tuple[str, ...] = ()
    incident_id: str | None = None
    acknowledged_ms: int | None = None
    acknowledged_by: str | None = None
    resolved_ms: int | None = None
    reasons: tuple[str, ...] = ()
