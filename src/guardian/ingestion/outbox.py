"""What the requests of one turn of the event loop accept goes to the bus together."""

import asyncio
from collections.abc import Sequence

from guardian.bus.base import Bus, Message
from guardian.domain.errors import GuardianError

Waiting = list[asyncio.Future[None]]


class Outbox:
    """Publishes to one topic: one hand-over to the log's thread, and one back, for many requests."""

    def __init__(self, bus: Bus, topic: str) -> None:
        self._bus = bus
        self._topic = topic
        self._messages: list[Message] = []
        self._waiting: Waiting = []
        self.pending_bytes = 0
        """Taken in this turn, so not yet in the backlog of the bus."""

    async def publish(self, messages: Sequence[Message]) -> None:
        """Wait until they are durable. Raises Unavailable."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._hand_over, loop)
        durable: asyncio.Future[None] = loop.create_future()
        self._messages += messages
        self.pending_bytes += sum(len(one.value) for one in messages)
        self._waiting.append(durable)
        await durable

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        messages, self._messages = self._messages, []
        waiting, self._waiting = self._waiting, []
        self.pending_bytes = 0

        def done(failure: BaseException | None) -> None:
            loop.call_soon_threadsafe(_settle, waiting, failure)

        try:
            self._bus.publish_soon(self._topic, messages, done)
        except GuardianError as failure:
            _settle(waiting, failure)


def _settle(waiting: Waiting, failure: BaseException | None) -> None:
    for durable in waiting:
        if durable.done():  # its request was cancelled
            continue
        if failure is None:
            durable.set_result(None)
        else:
            durable.set_exception(failure)
