"""POST /labels: what banks and analysts found transactions to be."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from guardian.domain.clock import Clock
from guardian.domain.errors import Invalid
from guardian.domain.label import Origin, Seen, Statement, attached, of_event
from guardian.domain.transaction import LIVE
from guardian.ingestion.schema import AHEAD_MS, refuse
from guardian.observability.masking import looks_like_pan
from guardian.security.identity import Principal
from guardian.security.openapi import Moment, problem_responses
from guardian.storage.base import AuditLog, EventStore
from guardian.storage.labels import LabelStore

MAX_LABELS = 10_000


class LabelIn(BaseModel):
    """What became of a transaction; `merchant_id` and `source` tell it from others of the same id."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    transaction_id: str = Field(min_length=1, max_length=64)
    is_fraud: Annotated[bool, Field(strict=True)]
    kind: str = Field(default="", max_length=32, description="Such as chargeback.")
    known_at: Moment | None = Field(default=None, description="Since when that is known; now when absent.")
    merchant_id: str = Field(default="", max_length=50)
    source: str = Field(default="", max_length=50)


class LabelFault(BaseModel):
    """A label that was not taken, and why."""

    index: int
    errors: list[dict[str, str]]


class LabelsTaken(BaseModel):
    """How many labels are kept. Those of `unknown` wait until their transaction comes."""

    accepted: int
    unknown: list[int]
    rejected: list[LabelFault]


class LabelDoor:
    """Checks labels and keeps them durably; good ones are kept when others are bad."""

    def __init__(self, labels: LabelStore, events: EventStore, audit: AuditLog, clock: Clock) -> None:
        self._labels = labels
        self._events = events
        self._audit = audit
        self._clock = clock

    def take(self, items: Sequence[LabelIn], by: Principal) -> LabelsTaken:
        """Keep what is sound, and say what is unknown and what is not sound. Raises Unavailable."""
        now_ms = self._clock.now_ms()
        seen = self._events.seen(list({item.transaction_id for item in items}))
        kept: list[Statement] = []
        unknown: list[int] = []
        rejected: list[LabelFault] = []
        for index, item in enumerate(items):
            try:
                statement = _statement(item, by.subject, now_ms)
                found = _attached(statement, seen.get(item.transaction_id, ()))
            except Invalid as refusal:
                errors = [dict(one) for one in refusal.errors]
                rejected.append(LabelFault(index=index, errors=errors))
                continue
            if found.event_ms is None:
                unknown.append(index)
            kept.append(found)
        self._labels.keep(kept)
        answer = LabelsTaken(accepted=len(kept), unknown=unknown, rejected=rejected)
        if by.kind == "person":
            self._audit.append(now_ms, by.subject, "labels import", f"{len(items)} labels", _counted(answer))
        return answer


def _counted(answer: LabelsTaken) -> dict[str, str]:
    facts = (answer.accepted, len(answer.unknown), len(answer.rejected))
    return dict(zip(("accepted", "unknown", "rejected"), map(str, facts), strict=True))


def _statement(item: LabelIn, by: str, now_ms: int) -> Statement:
    """Raises Invalid, naming the field."""
    for name in ("transaction_id", "kind", "merchant_id", "source"):
        text = getattr(item, name)
        if looks_like_pan(text):
            raise refuse(f"/{name}", "card_number", "Looks like a full card number; send the id.")
        if not text.isprintable():
            raise refuse(f"/{name}", "printable", "Expected printable characters.")
    known_ms = now_ms if item.known_at is None else int(item.known_at.timestamp() * 1000)
    if not 0 <= known_ms <= now_ms + AHEAD_MS:
        raise refuse("/known_at", "time", "Expected a time after 1970 and not ahead of the clock.")
    place = item.kind, item.source, item.merchant_id
    return Statement(item.transaction_id, item.is_fraud, known_ms, by, now_ms, Origin.REPORTED, *place)


def _attached(statement: Statement, seen: Sequence[Seen]) -> Statement:
    """With its event, where that is known. Raises Invalid when several fit, or it came before."""
    try:
        event = attached(statement, seen, LIVE)
    except LookupError as error:
        detail = "Several transactions have this id; name merchant_id or source."
        raise refuse("/transaction_id", "ambiguous", detail) from error
    if event is None:
        return statement
    if statement.known_ms < event.event_ms - AHEAD_MS:
        raise refuse("/known_at", "before", "Earlier than the transaction itself.")
    return of_event(statement, event)


def routes(door: LabelDoor, requires: Callable[[str], Any]) -> APIRouter:
    """The route of labels."""
    router = APIRouter(tags=["labels"])
    Many = Annotated[list[LabelIn], Field(min_length=1, max_length=MAX_LABELS)]

    @router.post(
        "/labels",
        responses=problem_responses(400, 401, 403, 413, 415, 422, 503),
        operation_id="post_labels",
    )
    async def post_labels(
        body: LabelIn | Many, principal: Annotated[Principal, Depends(requires("write"))]
    ) -> LabelsTaken:
        """Keep what became known of transactions, up to 10 000 at once; durable when answered."""
        items = body if isinstance(body, list) else [body]
        return await run_in_threadpool(door.take, items, principal)

    return router
