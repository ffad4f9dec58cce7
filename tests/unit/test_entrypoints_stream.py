"""The live stream: what comes is told with its kind, and who loses the line misses nothing."""

from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from pydantic import BaseModel
from starlette.requests import Request
from starlette.types import Message as AsgiMessage

from guardian.bus.base import ALERTS, ANOMALIES, VERDICTS, Message
from guardian.bus.log import LogBus
from guardian.domain.errors import TooMany
from guardian.entrypoints.stream import MAX_CLIENTS, Stream


class Figures(BaseModel):
    active: int = 3


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[LogBus]:
    found = LogBus(tmp_path)
    yield found
    found.close()


def publish(bus: LogBus, topic: str, *values: bytes) -> None:
    bus.publish(topic, [Message("k", value) for value in values])


def request(last_event_id: str) -> Request:
    async def receive() -> AsgiMessage:
        await anyio.sleep(60)
        return {"type": "http.disconnect"}

    headers = [(b"last-event-id", last_event_id.encode())] if last_event_id else []
    return Request({"type": "http", "method": "GET", "path": "/stream", "headers": headers}, receive)


def heard(bus: LogBus, last_event_id: str = "", events: int = 0) -> list[dict[str, str]]:
    """The first frame, and then as many events that are no statistics, by field."""

    async def listen() -> list[dict[str, str]]:
        frames: list[dict[str, str]] = []
        with anyio.fail_after(20):
            stream = Stream(bus, Figures).events(request(last_event_id))
            async for raw in stream:
                frame = dict(line.split(": ", 1) for line in raw.decode().strip().split("\n"))
                if frame.get("event") != "stats":
                    frames.append(frame)
                if len(frames) > events:
                    break
            await stream.aclose()  # type: ignore[attr-defined]
        return frames

    return anyio.run(listen)


def test_what_comes_is_told_with_its_kind(bus: LogBus) -> None:
    publish(bus, VERDICTS, b"old")
    begin = heard(bus)[0]
    publish(bus, VERDICTS, b"v")
    publish(bus, ALERTS, b"a")
    events = heard(bus, begin["id"], 2)[1:]
    assert [(one["event"], one["data"]) for one in events] == [("verdict", "v"), ("alert", "a")]


def test_who_lost_the_line_goes_on_in_every_kind_with_one_never_heard_before_too(bus: LogBus) -> None:
    begin = heard(bus)[0]
    publish(bus, VERDICTS, b"v1", b"v2")
    first = heard(bus, begin["id"], 1)[-1]
    assert first["data"] == "v1"
    publish(bus, ANOMALIES, b"meanwhile")
    rest = heard(bus, first["id"], 2)[1:]
    assert [one["data"] for one in rest] == ["v2", "meanwhile"]
    assert heard(bus, rest[-1]["id"])[0]["id"] == rest[-1]["id"]


@pytest.mark.parametrize("foreign", ["", "7", "a.b.c.d", "1.2.3", "-.-.-.-", "²." * 3 + "²", "9" * 400])
def test_an_id_that_is_not_ours_begins_at_the_end(bus: LogBus, foreign: str) -> None:
    publish(bus, VERDICTS, b"old")
    assert heard(bus, foreign)[0]["id"] == "1.0.0.0"


def test_an_id_of_the_future_begins_at_the_end_too(bus: LogBus) -> None:
    publish(bus, VERDICTS, b"old")
    begin = heard(bus, f"{10**17}.5.5.5")[0]
    assert begin["id"] == "1.0.0.0"


def test_more_listeners_than_one_door_serves_are_told_to_come_later(bus: LogBus) -> None:
    stream = Stream(bus, Figures)
    listening = [stream.events(request("")) for _ in range(MAX_CLIENTS)]

    async def crowd() -> None:
        for one in listening:
            await anext(one)
        with pytest.raises(TooMany):
            stream.admit()
        for one in listening:
            await one.aclose()  # type: ignore[attr-defined]
        stream.admit()

    anyio.run(crowd)
