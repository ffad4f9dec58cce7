"""The stage: one incident per disturbance, following its alerts; and the desk where people act."""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from guardian.domain.alert import Alert
from guardian.domain.clock import Clock
from guardian.domain.errors import Conflict
from guardian.domain.incident import Incident
from guardian.incidents.lifecycle import OPEN_STATES, followed, joins, opened
from guardian.storage.base import Record, RecordQuery, Records
from guardian.storage.collection import Collection

INCIDENT_KIND: Final = "incident"
TRIES: Final = 5
CANDIDATES: Final = 20
Publish = Callable[[Sequence[Incident]], None]


def incident_collection(records: Records) -> Collection[Incident]:
    """The incidents as documents; their level is the priority."""
    return Collection(records, INCIDENT_KIND, Incident, _describe)


def _describe(incident: Incident) -> Record:
    return Record(
        kind=INCIDENT_KIND,
        record_id=incident.incident_id,
        at_ms=incident.opened_ms,
        doc=b"",
        source=incident.source,
        state=str(incident.state),
        level=incident.priority,
    )


class IncidentStage:
    """Follows alerts with incidents.

    Promises: an alert belongs to one incident; what counts is how the alerts stand, so that being
    told again, or late, changes nothing and only publishes the incident as it stands.
    """

    def __init__(
        self,
        incidents: Collection[Incident],
        alerts: Collection[Alert],
        records: Records,
        publish: Publish,
        clock: Clock,
    ) -> None:
        self._incidents = incidents
        self._alerts = alerts
        self._records = records
        self._publish = publish
        self._clock = clock

    def handle(self, alerts: Sequence[Alert]) -> None:
        """Bring the incidents of these alerts in line. Raises Unavailable."""
        changes = [self._follow(alert_id) for alert_id in dict.fromkeys(one.alert_id for one in alerts)]
        told = [incident for incident in changes if incident is not None]
        if told:
            self._publish(told)

    def _follow(self, alert_id: str) -> Incident | None:
        for _ in range(TRIES):
            try:
                return self._attempt(alert_id)
            except Conflict:
                continue
        raise Conflict("The incident keeps changing; it is tried again later.")

    def _attempt(self, alert_id: str) -> Incident | None:
        kept = self._alerts.get(alert_id)
        if kept is None:
            return None
        alert = self._claimed(*kept)
        incident_id = alert.incident_id or ""
        found = self._incidents.get(incident_id)
        if found is None:
            self._open(incident_id, alert)
            return self._attempt(alert_id)
        incident, version = found
        following = followed(incident, self._alerts_of(incident, alert), self._clock.now_ms())
        if following is not incident:
            self._incidents.update(following, version)
        return following

    def _claimed(self, alert: Alert, version: int) -> Alert:
        """The alert with the number of its incident, kept before the incident is touched.

        A crash in between then leads to the same incident again.
        """
        if alert.incident_id is not None:
            return alert
        incident_id = self._open_incident_of(alert) or f"INC-{self._records.next_number('incident'):04d}"
        claimed = msgspec.structs.replace(alert, incident_id=incident_id)
        self._alerts.update(claimed, version)
        return claimed

    def _open(self, incident_id: str, alert: Alert) -> None:
        if not self._incidents.insert(opened(incident_id, alert, self._clock.now_ms())):
            raise Conflict("Another worker has just opened it.")

    def _open_incident_of(self, alert: Alert) -> str | None:
        query = RecordQuery(
            INCIDENT_KIND, source=alert.source, states=tuple(map(str, OPEN_STATES)), limit=CANDIDATES
        )
        for incident in self._incidents.find(query).items:
            if joins(incident, self._alerts_of(incident), self._clock.now_ms()):
                return incident.incident_id
        return None

    def _alerts_of(self, incident: Incident, *more: Alert) -> list[Alert]:
        ids = dict.fromkeys((*incident.alert_ids, *(alert.alert_id for alert in more)))
        kept = [self._alerts.get(alert_id) for alert_id in ids]
        return [one[0] for one in kept if one is not None]
