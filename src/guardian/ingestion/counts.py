"""POST /counts: minute counts from systems that export only those."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from guardian.bus.base import COUNTS, Bus, Message
from guardian.domain.clock import MINUTE_MS, Clock
from guardian.domain.errors import Conflict, Invalid
from guardian.domain.transaction import LIVE
from guardian.domain.window import MinuteCounts
from guardian.ingestion.schema import AHEAD_MS, BEHIND_MS, COUNTED_NAMES, import_time_refusal
from guardian.observability.masking import looks_like_pan
from guardian.observability.traces import carried
from guardian.security.openapi import Moment, problem_responses

MAX_COUNT = 1_000_000_000
Name = Annotated[str, Field(min_length=1, max_length=32)]
Count = Annotated[int, Field(ge=0, le=MAX_COUNT, strict=True)]


class CountsIn(BaseModel):
    """What one source counted in one minute, under one view."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    minute: Moment = Field(description="Start of the minute, RFC 3339.")
    by: Literal["status", "auth_code"]
    counts: dict[Name, Count] = Field(max_length=1_000, description="Empty says that nothing happened.")
    source: str = Field(default=LIVE, min_length=1, max_length=50)
    last: bool = Field(default=False, description="Nothing follows from this source.")


class CountsAccepted(BaseModel):
    """How many minutes were taken."""

    accepted: int


class CountsDoor:
    """Checks counts and makes them durable; `admit` raises when the system is overloaded."""

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        transaction_sources: Callable[[], frozenset[str]],
        admit: Callable[[], None] = lambda: None,
    ) -> None:
        self._admit = admit
        self._bus = bus
        self._clock = clock
        self._transaction_sources = transaction_sources

    def take(self, items: Sequence[CountsIn]) -> int:
        """Publish them all or none. Raises Invalid, Conflict or Unavailable."""
        self._admit()
        now_ms = self._clock.now_ms()
        counts = [self._minute(item, now_ms) for item in items]
        headers = carried()
        encoded = [Message(one.source, msgspec.json.encode(one), headers) for one in counts]
        if encoded:
            self._bus.publish(COUNTS, encoded)
        return len(encoded)

    def _minute(self, item: CountsIn, now_ms: int) -> MinuteCounts:
        if item.source in self._transaction_sources():
            raise Conflict("This source sends transactions; it cannot send counts too.")
        if any(looks_like_pan(text) for text in (item.source, *item.counts)):
            raise Invalid("Something here looks like a full card number.")
        if not item.source.isprintable() or item.source.isspace():
            raise Invalid("source: expected printable characters.")
        if not all(map(COUNTED_NAMES[item.by].fullmatch, item.counts)):
            raise Invalid(f"counts: expected short names of ASCII letters and digits for {item.by}.")
        return MinuteCounts(
            source=item.source,
            minute_ms=_whole_minute(item.minute, item.source, now_ms),
            by=item.by,
            counts=item.counts,
            received_ms=now_ms,
            last=item.last,
        )


def _whole_minute(minute: datetime, source: str, now_ms: int) -> int:
    minute_ms = int(minute.timestamp() * 1000)
    if minute_ms % MINUTE_MS:
        raise Invalid("minute: expected a whole minute.")
    if source == LIVE and not now_ms - BEHIND_MS <= minute_ms <= now_ms + AHEAD_MS:
        raise Invalid("minute: live counts lie between 7 days ago and 5 minutes ahead.")
    if reason := import_time_refusal(minute_ms, now_ms):
        raise Invalid(f"minute: {reason[1]}")
    return minute_ms


def routes(door: CountsDoor, requires: Callable[[str], Any]) -> APIRouter:
    """The route of counts."""
    router = APIRouter(tags=["ingest"])
    responses: Mapping[int | str, dict[str, Any]] = problem_responses(400, 401, 403, 409, 413, 415, 422, 503)

    @router.post(
        "/counts",
        status_code=202,
        response_model=CountsAccepted,
        responses=dict(responses),
        operation_id="post_counts",
        dependencies=[Depends(requires("write"))],
    )
    async def post_counts(body: CountsIn | list[CountsIn]) -> CountsAccepted:
        """Take minute counts of a source that exports only those."""
        items = body if isinstance(body, list) else [body]
        return CountsAccepted(accepted=await run_in_threadpool(door.take, items))

    return router
