"""How anomalies become alerts: fingerprint, folding, flapping, and when one is over. Pure."""

import json
from collections.abc import Iterable
from hashlib import blake2b

import msgspec

from guardian.domain.alert import Alert, AlertState
from guardian.domain.anomaly import WHOLE_SYSTEM, Anomaly
from guardian.domain.clock import MINUTE_MS
from guardian.domain.verdict import LEVELS, AlertLevel
from guardian.watching.reasons import number, percent, where

OPEN_STATES = (AlertState.OPEN, AlertState.ACKNOWLEDGED)
FLAP_MS = 10 * MINUTE_MS
"""A fingerprint that comes back sooner than this is the same disturbance."""


class FoldedAlert(Alert, frozen=True):
    """An alert with what folding needs to remember: which of its anomalies are not over yet."""

    open_ids: tuple[str, ...] = ()
    reopened_ms: int | None = None


def fingerprint(source: str, series: str, direction: str) -> str:
    """Sixteen hexadecimal digits that name one kind of disturbance of one source."""
    canonical = json.dumps([source, series, direction], separators=(",", ":"))
    return blake2b(canonical.encode(), digest_size=8).hexdigest()


def fingerprint_of(anomaly: Anomaly) -> str:
    """The fingerprint of what the anomaly says."""
    return fingerprint(anomaly.source, anomaly.series, anomaly.direction)


def alert_id_of(anomaly: Anomaly) -> str:
    """The id of the alert this anomaly would open: the same on every delivery."""
    return f"{fingerprint_of(anomaly)}-{anomaly.start_ms // MINUTE_MS}"


def title_of(anomaly: Anomaly) -> str:
    """What a person reads first, in numbers."""
    subject = "All transactions" if anomaly.series == WHOLE_SYSTEM else anomaly.series
    rates = f"{subject}: {number(anomaly.observed)} a minute, expected {number(anomaly.expected)}"
    heaviest = anomaly.cause.segments[:1] if anomaly.cause is not None else ()
    return rates + "".join(f"; {percent(steps[-1].share)} is {where(steps)}" for steps in heaviest)


def is_open(alert: Alert) -> bool:
    """Whether it still asks for attention."""
    return alert.state is not AlertState.RESOLVED


def higher(one: AlertLevel, other: AlertLevel) -> AlertLevel:
    """The worse of two levels."""
    return max(one, other, key=LEVELS.index)


def home(anomaly: Anomaly, alerts: Iterable[Alert], now_ms: int) -> Alert | None:
    """The alert of its fingerprint that the anomaly belongs to; None when it opens its own.

    The one that holds it already, else the open one, else the one of the same onset, else the one
    that was resolved less than ten minutes ago.
    """
    known = tuple(alerts)
    alert_id = alert_id_of(anomaly)
    for belongs in (
        lambda alert: anomaly.anomaly_id in alert.anomaly_ids,
        is_open,
        lambda alert: alert.alert_id == alert_id,
        lambda alert: alert.resolved_ms is not None and now_ms - alert.resolved_ms < FLAP_MS,
    ):
        for alert in known:
            if belongs(alert):
                return alert
    return None


def opened(anomaly: Anomaly, now_ms: int) -> FoldedAlert:
    """A new alert of one anomaly."""
    return FoldedAlert(
        alert_id=alert_id_of(anomaly),
        fingerprint=fingerprint_of(anomaly),
        source=anomaly.source,
        series=anomaly.series,
        status=anomaly.status,
        level=anomaly.level,
        state=AlertState.OPEN,
        title=title_of(anomaly),
        onset_ms=anomaly.start_ms,
        opened_ms=now_ms,
        updated_ms=now_ms,
        observed=anomaly.observed,
        expected=anomaly.expected,
        anomaly_ids=(anomaly.anomaly_id,),
        reasons=anomaly.reasons,
        open_ids=(anomaly.anomaly_id,),
    )


def applied(alert: FoldedAlert, anomaly: Anomaly, now_ms: int) -> FoldedAlert:
    """The alert after this anomaly; the very same one when it knew that already."""
    if anomaly.over_ms is not None:
        return _ended(alert, anomaly.anomaly_id, now_ms)
    if anomaly.anomaly_id in alert.anomaly_ids:
        return alert
    return _folded(alert, anomaly, now_ms)


def _folded(alert: FoldedAlert, anomaly: Anomaly, now_ms: int) -> FoldedAlert:
    reopening = not is_open(alert)
    calm = AlertState.OPEN if alert.acknowledged_ms is None else AlertState.ACKNOWLEDGED
    return msgspec.structs.replace(
        alert,
        level=higher(alert.level, anomaly.level),
        state=calm if reopening else alert.state,
        title=title_of(anomaly),
        updated_ms=now_ms,
        repeats=alert.repeats + 1,
        observed=anomaly.observed,
        expected=anomaly.expected,
        anomaly_ids=(*alert.anomaly_ids, anomaly.anomaly_id),
        resolved_ms=None,
        reasons=anomaly.reasons,
        open_ids=(*alert.open_ids, anomaly.anomaly_id),
        reopened_ms=now_ms if reopening else alert.reopened_ms,
    )


def _ended(alert: FoldedAlert, anomaly_id: str, now_ms: int) -> FoldedAlert:
    if anomaly_id not in alert.open_ids:
        return alert
    left = tuple(one for one in alert.open_ids if one != anomaly_id)
    ended = msgspec.structs.replace(alert, open_ids=left, updated_ms=now_ms)
    if left:
        return ended
    return msgspec.structs.replace(ended, state=AlertState.RESOLVED, resolved_ms=now_ms)
