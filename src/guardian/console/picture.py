"""What is known right now: the newest judged minute, what is open, and how old the picture is."""

from collections.abc import Mapping, Sequence

import msgspec

from guardian.alerting import policy
from guardian.console.view import ConsoleView
from guardian.domain.alert import Alert, AlertState
from guardian.domain.anomaly import WHOLE_SYSTEM, Anomaly
from guardian.domain.clock import HOUR_MS, MINUTE_MS
from guardian.domain.incident import Incident
from guardian.domain.segment import segment_of
from guardian.domain.transaction import LIVE
from guardian.domain.verdict import AlertLevel
from guardian.domain.window import SeriesPoint
from guardian.incidents import lifecycle
from guardian.storage.base import RecordQuery

STALE_MS = 3 * MINUTE_MS
QUIET_MS = MINUTE_MS
# How far back the newest judged minute is looked for, from now and from the newest event
LOOK_BACK_MS = 10 * MINUTE_MS
RECENT_MS = 8 * HOUR_MS
MOST = 50
MAIN_SERIES = ("approved", "denied", "failed", "reversed")
OPEN_ALERTS = tuple(map(str, policy.OPEN_STATES))
OPEN_INCIDENTS = tuple(map(str, lifecycle.OPEN_STATES))
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
    waiting: int = 0
    """Accepted, not judged yet."""

    @property
    def lag_ms(self) -> int | None:
        """How far the newest event lies behind."""
        return None if self.event_ms is None else max(0, self.now_ms - self.event_ms)

    @property
    def silent(self) -> bool:
        """Nothing has come for a while, which is judged like everything else."""
        return self.lag_ms is not None and self.lag_ms > QUIET_MS

    @property
    def judged_ms(self) -> int | None:
        """The newest judged minute."""
        return max((point.minute_ms for point in self.points.values()), default=None)

    @property
    def age_ms(self) -> int | None:
        """How old the end of the newest judged minute is; the newest event while none was judged."""
        judged_ms = self.judged_ms
        known_ms = self.event_ms if judged_ms is None else judged_ms + MINUTE_MS
        return None if known_ms is None else max(0, self.now_ms - known_ms)

    @property
    def stale(self) -> bool:
        """The picture is too old to be called live."""
        return self.age_ms is not None and self.age_ms > STALE_MS

    @property
    def learnt(self) -> dict[str, SeriesPoint]:
        """The series that have a range to be trusted."""
        return {name: point for name, point in self.points.items() if not point.learning}

    def outside(self) -> list[str]:
        """The series whose newest minute is outside, whether it is called unusual or not."""
        return [name for name, point in self.learnt.items() if not inside(point)]

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

    @property
    def stamp(self) -> str:
        """Changes when charts must be drawn again: another minute, or other anomalies."""
        newest = self.anomalies[0].anomaly_id if self.anomalies else ""
        return f"{self.judged_ms or 0}.{len(self.anomalies)}.{newest}"

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
        calm = [name for name, point in self.learnt.items() if inside(point)]
        return [
            name
            for name in calm
            if name not in shown and not name.startswith("auth_") and not segment_of(name)
        ]


def inside(point: SeriesPoint) -> bool:
    """Whether the minute lies in its range, in whole numbers as the range is shown."""
    return round(point.low) <= point.observed <= round(point.high)


def take(view: ConsoleView) -> Picture:
    """Read the stores."""
    now_ms = view.clock.now_ms()
    incidents = open_incidents(view)
    return Picture(
        now_ms=now_ms,
        event_ms=newest_event(view),
        points=newest_points(view, now_ms),
        anomalies=[one for one in open_anomalies(view) if one.paged or not segment_of(one.series)],
        incidents=incidents,
        worst_alert=worst_alert(alerts_of(view, incidents[0])) if incidents else None,
        waiting=view.waiting(),
    )


def open_anomalies(view: ConsoleView) -> Sequence[Anomaly]:
    """What is out of range now; a segment that another explains among it, which calls nobody."""
    return view.anomalies.find(RecordQuery("", source=LIVE, states=("open",), limit=MOST)).items


def newest_event(view: ConsoleView) -> int | None:
    """When the newest live event happened."""
    return next((one.event_ms for one in view.minutes.progress() if one.source == LIVE), None)


def newest_points(view: ConsoleView, now_ms: int) -> dict[str, SeriesPoint]:
    """The newest judged minute of each series of the last minutes that are known."""
    points = view.minutes.points(LIVE, None, now_ms - LOOK_BACK_MS, now_ms)
    event_ms = newest_event(view)
    if not points and event_ms is not None:
        points = view.minutes.points(LIVE, None, event_ms - LOOK_BACK_MS, event_ms + MINUTE_MS)
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
    """The most serious that is not over, of those the one that has lasted longest."""
    order = list(LEVEL_MARKS)

    def rank(alert: Alert) -> tuple[bool, int, int]:
        return alert.state is AlertState.RESOLVED, order.index(alert.level), alert.onset_ms

    return min(alerts, key=rank, default=None)


def worst_mark(anomalies: Sequence[Anomaly]) -> str:
    """The colour of the most serious."""
    marks = {LEVEL_MARKS[anomaly.level] for anomaly in anomalies}
    return "crit" if "crit" in marks else "warn" if "warn" in marks else ""
