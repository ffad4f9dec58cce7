"""GET /stream: server-sent events from the bus, resumable by Last-Event-ID."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from guardian.bus.base import ALERTS, ANOMALIES, INCIDENTS, VERDICTS, Batch, Bus, Subscription
from guardian.domain.errors import TooMany
from guardian.security.openapi import problem_responses

KINDS = (("verdict", VERDICTS), ("anomaly", ANOMALIES), ("alert", ALERTS), ("incident", INCIDENTS))
POLL_S = 0.3
STATS_S = 2.0
KEEP_ALIVE_S = 15.0
PER_POLL = 100
MAX_CLIENTS = 100


class Stream:
    """Hands the newest events to browsers and programs; each client reads the bus at its own pace."""

    def __init__(self, bus: Bus, stats: Callable[[], BaseModel]) -> None:
        self._bus = bus
        self._stats = stats
        self._clients = 0
        self.closing = False

    async def events(self, request: Request) -> AsyncIterator[bytes]:
        """The events of one client until it goes away."""
        self._clients += 1
        readers: list[_Reader] = []
        try:
            readers = await run_in_threadpool(self._readers, request.headers.get("last-event-id", ""))
            # the id of an empty event counts: nothing is missed by whoever loses the line before the first
            yield f"retry: 2000\nid: {_id(readers)}\n\n".encode()
            next_stats = quiet_since = 0.0
            clock = asyncio.get_running_loop().time
            while not self.closing and not await request.is_disconnected():
                for frame in await run_in_threadpool(poll, readers):
                    yield frame
                    quiet_since = clock()
                if clock() >= next_stats:
                    next_stats = clock() + STATS_S
                    stats = await run_in_threadpool(self._stats)
                    yield f"event: stats\ndata: {stats.model_dump_json()}\n\n".encode()
                    quiet_since = clock()
                elif clock() - quiet_since > KEEP_ALIVE_S:
                    yield b": still here\n\n"
                    quiet_since = clock()
                await asyncio.sleep(POLL_S)
        finally:
            self._clients -= 1
            for reader in readers:
                reader.subscription.close()

    def admit(self) -> None:
        """Raises TooMany beyond the number of clients one door serves."""
        if self._clients >= MAX_CLIENTS:
            raise TooMany("Too many are listening already.", retry_after_s=30)

    def _readers(self, last_event_id: str) -> list["_Reader"]:
        places = _places(last_event_id)
        readers = []
        for (kind, topic), place in zip(KINDS, places, strict=True):
            subscription = self._bus.subscribe(topic, "", from_start=False)
            subscription.seek(0, 0)
            end = subscription.lag()
            begin = end if place is None else min(place, end)
            subscription.seek(0, begin)
            readers.append(_Reader(kind, subscription, begin))
        return readers


class _Reader(msgspec.Struct):
    kind: str
    subscription: Subscription
    place: int


def poll(readers: list[_Reader]) -> list[bytes]:
    """What has come since the last look, each event with the place from which to resume."""
    frames = []
    for reader in readers:
        batch: Batch | None = reader.subscription.take(PER_POLL, 0.0)
        if batch is None:
            continue
        for position, value in zip(batch.positions, batch.values, strict=True):
            reader.place = position + 1
            frames.append(f"id: {_id(readers)}\nevent: {reader.kind}\ndata: ".encode() + value + b"\n\n")
    return frames


def _id(readers: list[_Reader]) -> str:
    """The place of every kind, from which to resume."""
    return ".".join(str(one.place) for one in readers)


def _places(last_event_id: str) -> list[int | None]:
    """Where each kind goes on; an id that is not ours begins at the end."""
    parts = last_event_id.split(".")
    if len(parts) != len(KINDS) or not all(part.isascii() and part.isdecimal() for part in parts):
        return [None] * len(KINDS)
    return [int(part[:18]) for part in parts]


def routes(stream: Stream, requires: Callable[[str], Any]) -> APIRouter:
    """The route of the events."""
    router = APIRouter(tags=["stream"])

    @router.get(
        "/stream",
        responses={200: {"content": {"text/event-stream": {}}}, **problem_responses(401, 403, 429)},
        response_class=StreamingResponse,
        operation_id="stream",
        dependencies=[Depends(requires("read"))],
    )
    async def get_stream(request: Request) -> StreamingResponse:
        """Server-sent events: verdict, anomaly, alert, incident, stats."""
        stream.admit()
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        return StreamingResponse(stream.events(request), media_type="text/event-stream", headers=headers)

    return router
