"""What is told of an incident, to whom it was told already, and when it is tried again."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import msgspec

from guardian.domain.clock import DAY_MS, HOUR_MS, MINUTE_MS, iso
from guardian.domain.incident import Incident, IncidentState
from guardian.storage.base import Record, Records
from guardian.storage.collection import Collection

DELIVERY_KIND: Final = "delivery"
TOLD_KIND: Final = "told"
# about three days in all, as Standard Webhooks recommends
DELAYS_MS: Final = (
    5_000,
    30_000,
    2 * MINUTE_MS,
    10 * MINUTE_MS,
    HOUR_MS,
    5 * HOUR_MS,
    12 * HOUR_MS,
    DAY_MS,
    DAY_MS,
)
GONE: Final = 410
_OVER = frozenset({IncidentState.RESOLVED, IncidentState.POSTMORTEM})


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class Delivery(msgspec.Struct, frozen=True):
    """One message and its attempts; the body is kept, so that every attempt says the same."""

    delivery_id: str
    incident_id: str
    event: str
    body: str
    created_ms: int
    next_ms: int
    state: DeliveryState = DeliveryState.PENDING
    attempts: int = 0
    last_status: int | None = None
    last_error: str | None = None
    delivered_ms: int | None = None


class Told(msgspec.Struct, frozen=True):
    """What was last told of an incident; `entries` is the length its timeline had, which only grows."""

    incident_id: str
    entries: int
    priority: str
    over: bool


def delivery_collection(records: Records) -> Collection[Delivery]:
    """The delivery log."""
    return Collection(records, DELIVERY_KIND, Delivery, _describe)


def told_collection(records: Records) -> Collection[Told]:
    """What was told, by incident."""
    return Collection(records, TOLD_KIND, Told, lambda one: Record(TOLD_KIND, one.incident_id, 0, b""))


def _describe(delivery: Delivery) -> Record:
    return Record(
        kind=DELIVERY_KIND,
        record_id=delivery.delivery_id,
        at_ms=delivery.created_ms,
        doc=b"",
        state=str(delivery.state),
        label=delivery.incident_id,
    )


def told_of(incident: Incident) -> Told:
    """What is told once this state of the incident is."""
    return Told(
        incident_id=incident.incident_id,
        entries=len(incident.timeline),
        priority=incident.priority,
        over=incident.state in _OVER,
    )


def events(before: Told | None, after: Told) -> Sequence[str]:
    """What happened between the two; nothing when `after` is not newer."""
    if before is None:
        return ("incident.opened", "incident.resolved") if after.over else ("incident.opened",)
    if after.entries <= before.entries:
        return ()
    happened = (
        ("incident.reopened", before.over and not after.over),
        ("incident.priority_raised", after.priority < before.priority),
        ("incident.resolved", after.over and not before.over),
    )
    return tuple(event for event, true in happened if true)


def delivery_of(event: str, incident: Incident, now_ms: int) -> Delivery:
    """The message of one event; its id is the same however often the incident is delivered."""
    name = event.removeprefix("incident.")
    facts = (incident.incident_id, str(incident.opened_ms), str(len(incident.timeline)), name)
    body = {"type": event, "timestamp": iso(incident.updated_ms), "data": _data(incident)}
    return Delivery(
        delivery_id="msg_" + "_".join(facts),
        incident_id=incident.incident_id,
        event=event,
        body=msgspec.json.encode(body).decode(),
        created_ms=now_ms,
        next_ms=now_ms,
    )


def _data(incident: Incident) -> dict[str, object]:
    return {
        "incident_id": incident.incident_id,
        "source": incident.source,
        "state": incident.state,
        "priority": incident.priority,
        "title": incident.title,
        "onset_at": iso(incident.onset_ms),
        "opened_at": iso(incident.opened_ms),
        "resolved_at": None if incident.resolved_ms is None else iso(incident.resolved_ms),
        "owner": incident.owner,
        "alert_ids": incident.alert_ids,
    }


def answered(delivery: Delivery, status: int, now_ms: int) -> Delivery | None:
    """The delivery once the receiver has decided: taken, or gone for good; None when it has not."""
    if 200 <= status < 300:
        state, delivered_ms = DeliveryState.DELIVERED, now_ms
    elif status == GONE:
        state, delivered_ms = DeliveryState.FAILED, None
    else:
        return None
    return msgspec.structs.replace(
        delivery,
        state=state,
        attempts=delivery.attempts + 1,
        last_status=status,
        last_error=None,
        delivered_ms=delivered_ms,
    )


def put_off(delivery: Delivery, now_ms: int, delays_ms: Sequence[int], jitter: float) -> Delivery:
    """Wait for the next attempt, a fifth longer or shorter; failed when none is left. `jitter` is 0 to 1."""
    attempts = delivery.attempts + 1
    if attempts > len(delays_ms):
        return msgspec.structs.replace(delivery, attempts=attempts, state=DeliveryState.FAILED)
    wait_ms = round(delays_ms[attempts - 1] * (0.8 + 0.4 * jitter))
    return msgspec.structs.replace(delivery, attempts=attempts, next_ms=now_ms + wait_ms)
