"""The stage: keep alerts as anomalies come and end, and publish each change."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, cast

from guardian.alerting.policy import FoldedAlert, applied, fingerprint_of, home, opened
from guardian.domain.alert import Alert
from guardian.domain.anomaly import Anomaly
from guardian.domain.clock import Clock
from guardian.domain.errors import Conflict
from guardian.storage.base import Record, RecordQuery, Records
from guardian.storage.collection import Collection

ALERT_KIND: Final = "alert"
TRIES: Final = 5
"""An alert has few writers; more collisions in a row than this are a fault, not bad luck."""
Publish = Callable[[Sequence[Alert]], None]


def alert_collection(records: Records) -> Collection[Alert]:
    """The alerts as documents, each with what folding remembers."""
    return Collection[Alert](records, ALERT_KIND, FoldedAlert, _describe)


def _describe(alert: Alert) -> Record:
    return Record(
        kind=ALERT_KIND,
        record_id=alert.alert_id,
        at_ms=alert.opened_ms,
        doc=b"",
        source=alert.source,
        state=str(alert.state),
        level=str(alert.level),
        label=alert.fingerprint,
    )


class AlertStage:
    """Turns anomalies that are meant for a person into alerts.

    Promises: a fingerprint has one open alert at most; an anomaly delivered again changes nothing
    and publishes the alert as it stands, so that no change is lost by a crash before publishing.
    """

    def __init__(self, alerts: Collection[Alert], publish: Publish, clock: Clock) -> None:
        self._alerts = alerts
        self._publish = publish
        self._clock = clock

    def handle(self, anomalies: Sequence[Anomaly]) -> None:
        """Apply anomalies in their order. Raises Unavailable."""
        changes = [self._apply(anomaly) for anomaly in anomalies if anomaly.paged]
        told = [alert for alert in changes if alert is not None]
        if told:
            self._publish(told)

    def _apply(self, anomaly: Anomaly) -> Alert | None:
        for _ in range(TRIES):
            try:
                return self._attempt(anomaly)
            except Conflict:
                continue
        raise Conflict("The alert keeps changing; it is tried again later.")

    def _attempt(self, anomaly: Anomaly) -> Alert | None:
        now_ms = self._clock.now_ms()
        found = home(anomaly, self._history(anomaly), now_ms)
        if found is not None:
            return self._update(found.alert_id, anomaly, now_ms)
        if anomaly.over_ms is not None:
            return None
        alert = opened(anomaly, now_ms)
        if not self._alerts.insert(alert):
            raise Conflict("Another worker has just opened it.")
        return alert

    def _update(self, alert_id: str, anomaly: Anomaly, now_ms: int) -> Alert:
        kept = self._alerts.get(alert_id)
        if kept is None:
            raise Conflict("The alert has just been removed.")
        alert, version = cast("FoldedAlert", kept[0]), kept[1]  # what our collection decodes into
        following = applied(alert, anomaly, now_ms)
        if following is not alert:
            self._alerts.update(following, version)
        return following

    def _history(self, anomaly: Anomaly) -> Iterator[Alert]:
        """Every alert of the fingerprint, newest first: they are few, and so is what asks."""
        cursor: str | None = None
        while True:
            label = fingerprint_of(anomaly)
            page = self._alerts.find(RecordQuery(ALERT_KIND, label=label, cursor=cursor))
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return
