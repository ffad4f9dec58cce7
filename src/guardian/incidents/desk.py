"""Where people act on incidents: through the API and the console alike."""

from collections.abc import Callable, Sequence

from guardian.domain.clock import Clock
from guardian.domain.errors import NotFound
from guardian.domain.incident import Incident
from guardian.incidents.lifecycle import acknowledged, resolved
from guardian.storage.base import AuditLog
from guardian.storage.collection import Collection


class IncidentDesk:
    """Acts for a person: keeps the change, writes it into the audit log, and publishes it."""

    def __init__(
        self,
        incidents: Collection[Incident],
        audit: AuditLog,
        publish: Callable[[Sequence[Incident]], None],
        clock: Clock,
    ) -> None:
        self._incidents = incidents
        self._audit = audit
        self._publish = publish
        self._clock = clock

    def acknowledge(self, incident_id: str, actor: str) -> Incident:
        """Take it on. Raises NotFound, Conflict or Unavailable."""
        return self._act(incident_id, actor, "incident acknowledge", acknowledged)

    def resolve(self, incident_id: str, actor: str) -> Incident:
        """Declare it over. Raises NotFound, Conflict or Unavailable."""
        return self._act(incident_id, actor, "incident resolve", resolved)

    def _act(
        self, incident_id: str, actor: str, action: str, change: Callable[[Incident, str, int], Incident]
    ) -> Incident:
        kept = self._incidents.get(incident_id)
        if kept is None:
            raise NotFound("There is no such incident.")
        incident, version = kept
        now_ms = self._clock.now_ms()
        following = change(incident, actor, now_ms)
        self._incidents.update(following, version)
        detail = {"from": str(incident.state), "to": str(following.state)}
        self._audit.append(now_ms, actor, action, incident_id, detail)
        self._publish([following])
        return following
