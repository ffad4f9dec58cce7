"""Requests of one turn of the event loop are published together, and each is told what became of it."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from guardian.bus.base import TRANSACTIONS, Done, Message
from guardian.bus.log import LogBus
from guardian.domain.errors import Unavailable
from guardian.ingestion.outbox import Outbox


class CountingBus(LogBus):
    """The real log, which also notes how many records each hand-over brought."""

    handed_over: list[int]

    def publish_soon(self, topic: str, messages: Sequence[Message], done: Done) -> None:
        self.handed_over.append(len(messages))
        super().publish_soon(topic, messages, done)


def messages(*texts: str) -> list[Message]:
    return [Message("key", text.encode()) for text in texts]


def test_requests_of_one_turn_are_handed_over_once_and_keep_their_order(tmp_path: Path) -> None:
    bus = CountingBus(tmp_path)
    bus.handed_over = []
    outbox = Outbox(bus, TRANSACTIONS)

    async def accept() -> None:
        await asyncio.gather(outbox.publish(messages("a", "b")), outbox.publish(messages("c")))
        await outbox.publish(messages("d"))

    asyncio.run(accept())
    batch = bus.subscribe(TRANSACTIONS, "group").take(10, 1.0)
    bus.close()
    assert bus.handed_over == [3, 1]
    assert batch is not None
    assert list(batch.values) == [b"a", b"b", b"c", b"d"]


def test_a_failure_of_the_disk_reaches_every_request(tmp_path: Path) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, os.strerror(28))

    bus = LogBus(tmp_path, sync=full)
    outbox = Outbox(bus, TRANSACTIONS)

    async def accept() -> Sequence[BaseException | None]:
        both = (outbox.publish(messages("a")), outbox.publish(messages("b")))
        return await asyncio.gather(*both, return_exceptions=True)

    assert [type(one) for one in asyncio.run(accept())] == [Unavailable, Unavailable]
    bus.close()


def test_a_closed_bus_refuses_every_request(tmp_path: Path) -> None:
    bus = LogBus(tmp_path)
    bus.publish(TRANSACTIONS, messages("before"))
    log = bus._topic(TRANSACTIONS)
    log.close()
    outbox = Outbox(bus, TRANSACTIONS)
    with pytest.raises(Unavailable):
        asyncio.run(outbox.publish(messages("after")))


def test_a_request_that_was_given_up_takes_nobody_with_it(tmp_path: Path) -> None:
    bus = LogBus(tmp_path)
    outbox = Outbox(bus, TRANSACTIONS)

    async def accept() -> None:
        given_up = asyncio.ensure_future(outbox.publish(messages("a")))
        kept = asyncio.ensure_future(outbox.publish(messages("b")))
        await asyncio.sleep(0)
        given_up.cancel()
        async with asyncio.timeout(10):
            await kept

    asyncio.run(accept())
    bus.close()
