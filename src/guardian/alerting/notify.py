"""The stage: tell one receiver of incidents, and again until it has taken the message."""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from guardian.alerting.deliveries import (
    DELAYS_MS,
    DELIVERY_KIND,
    Delivery,
    DeliveryState,
    answered,
    delivery_collection,
    delivery_of,
    events,
    put_off,
    told_collection,
    told_of,
)
from guardian.alerting.webhook import Deliver
from guardian.domain.clock import Clock
from guardian.domain.errors import GuardianError
from guardian.domain.incident import Incident
from guardian.observability.logs import get_logger
from guardian.storage.base import RecordQuery, Records

PER_TURN: Final = 20
"""Attempts in one turn: a receiver that hangs must not hold the stage for long."""
_log = get_logger(__name__)


class NotifyStage:
    """Tells when an incident opens, re-opens, becomes more urgent or is resolved.

    Promises: each event is one message under one id; a message is kept before it is sent, sent
    again after a restart until it is taken, and never again once it was.
    """

    def __init__(
        self,
        records: Records,
        deliver: Deliver,
        clock: Clock,
        delays_ms: Sequence[int] = DELAYS_MS,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._told = told_collection(records)
        self._deliveries = delivery_collection(records)
        self._deliver = deliver
        self._clock = clock
        self._delays_ms = delays_ms
        self._jitter = jitter

    def handle(self, incidents: Sequence[Incident]) -> None:
        """Keep what is to be told of these, and tell it. Raises Unavailable."""
        for incident in incidents:
            self._keep(incident)
        self.retry_due()

    def retry_due(self) -> int:
        """Attempt what is due, new messages first; how many were attempted. Raises Unavailable."""
        now_ms = self._clock.now_ms()
        due = [delivery for delivery in self._pending() if delivery.next_ms <= now_ms]
        due.sort(key=lambda delivery: (delivery.attempts > 0, delivery.created_ms, delivery.delivery_id))
        for delivery in due[:PER_TURN]:
            self._attempt(delivery.delivery_id)
        return len(due[:PER_TURN])

    def _keep(self, incident: Incident) -> None:
        kept = self._told.get(incident.incident_id)
        after = told_of(incident)
        before = None if kept is None else kept[0]
        for event in events(before, after):
            self._deliveries.insert(delivery_of(event, incident, self._clock.now_ms()))
        if kept is None:
            self._told.insert(after)
        elif after.entries > kept[0].entries:
            self._told.update(after, kept[1])

    def _pending(self) -> Iterator[Delivery]:
        cursor: str | None = None
        while True:
            query = RecordQuery(DELIVERY_KIND, states=(str(DeliveryState.PENDING),), cursor=cursor)
            page = self._deliveries.find(query)
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    def _attempt(self, delivery_id: str) -> None:
        kept = self._deliveries.get(delivery_id)
        if kept is None or kept[0].state is not DeliveryState.PENDING:
            return
        delivery, version = kept
        following = self._tried(delivery)
        if following.state is DeliveryState.FAILED:
            _log.error("delivery_failed", delivery=delivery_id, attempts=following.attempts)
        self._deliveries.update(following, version)

    def _tried(self, delivery: Delivery) -> Delivery:
        status: int | None = None
        try:
            status = self._deliver(delivery.delivery_id, delivery.body.encode())
            decided = answered(delivery, status, self._clock.now_ms())
            error = f"The receiver answered {status}."
        except GuardianError as failure:
            decided, error = None, str(failure)
        if decided is not None:
            return decided
        _log.warning("delivery_put_off", delivery=delivery.delivery_id, reason=error)
        waiting = put_off(delivery, self._clock.now_ms(), self._delays_ms, self._jitter())
        return msgspec.structs.replace(waiting, last_status=status, last_error=error)
