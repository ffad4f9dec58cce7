"""What is known right now: the newest judged minute, what is open, and how old the picture is."""

from collections.abc import Mapping, Sequence

import msgspec

from guardian.console.view import ConsoleView
from guardian.domain.alert import Alert, AlertState
from guardian.domain.anomaly import WHOLE_SYSTEM, Anomaly
from guardian.domain.clock import HOUR_MS, MINUTE_MS
from guardian.domain.incident import Incident, IncidentState
from guardian.domain.transaction import LIVE
from guardian.domain.verdict import AlertLevel
from guardian.domain.window import SeriesPoint
from guardian.storage.base import RecordQuery

STALE_MS = 3 * MINUTE_MS
# The newest judged minute lies at most this far back, or nothing is said about "now"
LOOK_BACK_MS = 10 * MINUTE_MS
RECENT_MS = 8 * HOUR_MS
MOST = 50
MAIN_SERIES = ("approved", "denied", "failed", "reversed")
OPEN_ALERTS = (str(AlertState.OPEN), str(AlertState.ACKNOWLEDGED))
OPEN_INCIDENTS = tuple(
    str(state) for state in (IncidentState.DETECTED, IncidentState.TRIAGED, IncidentState.RESPONDING)
)
LEVEL_MARKS = {AlertLevel.CRITICAL: "crit", AlertLevel.WARNING: "warn", AlertLevel.NORMAL: ""}
PRIORITY_MARKS = {"P1": "crit", "P2": "crit", "P3": "warn", "P4": ""}


class Lane(msgspec.Struct, frozen=True):
    """One series now; `point` is None while no minute of it was judged, `mark` crit or warn."""

    series: str
    point: SeriesPoint | None
    mark: str


class Picture(msgspec.Struct, frozen=True):
    """The live source at one moment."""

    now_ms: int
    event_ms: int | None
    """The newest event known."""
    points: Mapping[str, SeriesPoint]
    """The newest judged minute of each series."""
    anomalies: Sequence[Anomaly]
    """Those that are not over."""
    incidents: Sequence[Incident]
    """The open ones, worst first."""
    worst_alert: Alert | None
    """Of the worst incident."""

    @property
    def lag_ms(self) -> int | None:
        """How far the newest event lies behind."""
        return None if self.event_ms is None else max(0, self.now_ms - self.event_ms)

    @property
    def stale(self) -> bool:
        """The picture is too old to be called live."""
        return self.lag_ms is not None and self.lag_ms > STALE_MS

    @property
    def judged_ms(self) -> int | None:
        """The newest judged minute."""
        return max((point.minute_ms for point in self.points.values()), default=None)

    @property
    def learning(self) -> int:
        """How many series have no range to be trusted yet."""
        return sum(point.learning for point in self.points.values())

    @property
    def worst(self) -> Incident | None:
        """The incident the page speaks of."""
        return self.incidents[0] if self.incidents else None

    @property
    def mark(self) -> str:
        """The colour of now: crit, warn or none."""
        if self.worst is not None:
            return PRIORITY_MARKS.get(self.worst.priority, "warn")
        return worst_mark(self.anomalies)

    def mark_of(self, series: str) -> str:
        """The colour of a series now."""
        return worst_mark([anomaly for anomaly in self.anomalies if anomaly.series == series])

    def lanes(self) -> list[Lane]:
        """The main statuses, then whatever else is outside its range."""
        others = {anomaly.series for anomaly in self.anomalies} - {*MAIN_SERIES}
        shown = [*MAIN_SERIES, *sorted(others & self.points.keys())]
        return [Lane(series, self.points.get(series), self.mark_of(series)) for series in shown]

    def quiet(self) -> list[str]:
        """Other statuses that are inside their range; codes are too many to name."""
        shown = {lane.series for lane in self.lanes()} | {WHOLE_SYSTEM}
        return [name for name in self.points if name not in shown and not name.startswith("auth_")]


def take(view: ConsoleView) -> Picture:
    """Read the stores."""
    now_ms = view.clock.now_ms()
    incidents = open_incidents(view)
    return Picture(
        now_ms=now_ms,
        event_ms=newest_event(view),
        points=newest_points(view, now_ms),
        anomalies=view.anomalies.find(RecordQuery("", source=LIVE, states=("open",), limit=MOST)).items,
        incidents=incidents,
        worst_alert=worst_alert(alerts_of(view, incidents[0])) if incidents else None,
    )


def newest_event(view: ConsoleView) -> int | None:
    """When the newest live event happened."""
    return next((one.event_ms for one in view.minutes.progress() if one.source == LIVE), None)


def newest_points(view: ConsoleView, now_ms: int) -> dict[str, SeriesPoint]:
    """The newest judged minute of each series of the last minutes that are known."""
    event_ms = newest_event(view)
    until_ms = now_ms if event_ms is None else min(now_ms, event_ms) + MINUTE_MS
    points = view.minutes.points(LIVE, None, until_ms - LOOK_BACK_MS, until_ms)
    return {point.series: point for point in points}


def open_incidents(view: ConsoleView) -> list[Incident]:
    """Worst first, then oldest first."""
    found = view.incidents.find(RecordQuery("", states=OPEN_INCIDENTS, limit=MOST)).items
    return sorted(found, key=lambda incident: (incident.priority, incident.onset_ms))


def alerts_of(view: ConsoleView, incident: Incident) -> list[Alert]:
    """The alerts that were folded into it."""
    found = (view.alerts.get(alert_id) for alert_id in incident.alert_ids)
    return [entry[0] for entry in found if entry is not None]


def worst_alert(alerts: Sequence[Alert]) -> Alert | None:
    """The most serious, of those the one that has lasted longest."""
    order = list(LEVEL_MARKS)
    return min(alerts, key=lambda alert: (order.index(alert.level), alert.onset_ms), default=None)


def worst_mark(anomalies: Sequence[Anomaly]) -> str:
    """The colour of the most serious."""
    marks = {LEVEL_MARKS[anomaly.level] for anomaly in anomalies}
    return "crit" if "crit" in marks else "warn" if "warn" in marks else ""
