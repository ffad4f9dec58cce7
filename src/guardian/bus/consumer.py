"""A loop body for stages that handle whole records: take, decode, handle, mark."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import msgspec

from guardian.bus.base import Batch, Bus, Message, dead_letters_of, parked

Noun = TypeVar("Noun")


class Consumer(Generic[Noun]):
    """Gives `handle` what a topic holds, at least once; what cannot be decoded is parked."""

    def __init__(
        self, bus: Bus, topic: str, group: str, noun: type[Noun], handle: Callable[[Sequence[Noun]], None]
    ) -> None:
        self._bus = bus
        self._topic = topic
        self._decoder = msgspec.json.Decoder(noun)
        self._handle = handle
        self._subscription = bus.subscribe(topic, group)
        self._unhandled: Batch | None = None

    def step(self, wait_s: float = 0.2) -> int:
        """Handle one batch; how many records it held. What `handle` raises leaves it to be tried again."""
        batch = self._unhandled or self._subscription.take(500, wait_s)
        if batch is None:
            return 0
        self._unhandled = batch
        self._handle(self._decoded(batch))
        self._subscription.mark(batch.partition, batch.positions[-1])
        self._unhandled = None
        return len(batch.values)

    def lag(self) -> int:
        """Records not yet taken."""
        return self._subscription.lag()

    def close(self) -> None:
        """Let go of the subscription."""
        self._subscription.close()

    def _decoded(self, batch: Batch) -> list[Noun]:
        nouns: list[Noun] = []
        letters: list[Message] = []
        for index, (position, value) in enumerate(zip(batch.positions, batch.values, strict=True)):
            try:
                nouns.append(self._decoder.decode(value))
            except (msgspec.DecodeError, UnicodeDecodeError):
                letters.append(parked(value, batch.headers.get(index), "unreadable", position))
        if letters:
            self._bus.publish(dead_letters_of(self._topic), letters)
        return nouns
