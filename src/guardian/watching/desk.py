"""Where people say whether a page was right: through the API and the console alike."""

import msgspec

from guardian.domain.anomaly import Anomaly, Answer, Finding
from guardian.domain.clock import Clock
from guardian.domain.errors import NotFound
from guardian.storage.base import AuditLog
from guardian.storage.collection import Collection
from guardian.watching.cases import Cases


class AnomalyDesk:
    """Keeps the answer of a person and writes it into the audit log; the last answer counts.

    What was a problem becomes a case of the fire drills.
    """

    def __init__(self, anomalies: Collection[Anomaly], cases: Cases, audit: AuditLog, clock: Clock) -> None:
        self._anomalies = anomalies
        self._cases = cases
        self._audit = audit
        self._clock = clock

    def answer(self, anomaly_id: str, finding: Finding, actor: str) -> Anomaly:
        """What the actor found it to be. Raises NotFound, Conflict or Unavailable."""
        kept = self._anomalies.get(anomaly_id)
        if kept is None:
            raise NotFound("There is no such anomaly.")
        anomaly, version = kept
        now_ms = self._clock.now_ms()
        answered = msgspec.structs.replace(anomaly, answer=Answer(finding, actor, now_ms))
        self._anomalies.update(answered, version)
        before = str(anomaly.answer.finding) if anomaly.answer is not None else "none"
        self._audit.append(now_ms, actor, "anomaly answer", anomaly_id, {"from": before, "to": str(finding)})
        self._cases.follow(answered)
        return answered
