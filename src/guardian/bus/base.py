"""The port of the bus: durable topics, consumer groups, order per key, redelivery."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

TRANSACTIONS = "guardian.transactions.v1"
COUNTS = "guardian.counts.v1"
VERDICTS = "guardian.verdicts.v1"
ANOMALIES = "guardian.anomalies.v1"
ALERTS = "guardian.alerts.v1"
INCIDENTS = "guardian.incidents.v1"
TOPICS = (TRANSACTIONS, COUNTS, VERDICTS, ANOMALIES, ALERTS, INCIDENTS)


def dead_letters_of(topic: str) -> str:
    """The topic that parks the records of `topic` which can never be processed."""
    return f"{topic}.dlq"


Headers = Mapping[str, str]
REASON, POSITION = "reason", "position"
PARKING_HEADERS = frozenset({REASON, POSITION})
Done = Callable[[BaseException | None], None]


class Message(msgspec.Struct, frozen=True, gc=False):
    """A record to publish: messages of one key keep their order."""

    key: str
    value: bytes
    headers: Headers | None = None


def parked(value: bytes, headers: Headers | None, reason: str, position: int) -> Message:
    """The dead letter of a record: with its own headers, why it is one and where it stood."""
    return Message("", value, {**(headers or {}), REASON: reason, POSITION: str(position)})


class Batch(msgspec.Struct, frozen=True):
    """Consecutive records of one partition. `headers` is sparse, by index into `values`."""

    partition: int
    positions: Sequence[int]
    values: Sequence[bytes]
    headers: Mapping[int, Headers]


class Subscription(Protocol):
    """One group's reading of one topic.

    Promises: records of a key come in the order in which they were published; everything not yet
    marked is delivered again to the next subscription of the group; nothing marked is; another
    group sees every record too.
    """

    def take(self, limit: int, wait_s: float) -> Batch | None:
        """Up to `limit` next records, or None when none came within `wait_s` seconds."""
        ...

    def mark(self, partition: int, position: int) -> None:
        """Everything up to and including `position` is done."""
        ...

    def seek(self, partition: int, position: int) -> None:
        """Deliver from `position` on (used by a stage that keeps its position in its own store)."""
        ...

    def lag(self) -> int:
        """Records published but not yet taken."""
        ...

    def close(self) -> None:
        """Give the subscription up; unmarked records go to the next one."""
        ...


class Bus(Protocol):
    """Durable topics.

    Promises: when `done` is called with None (or `publish` returns) the records survive the death
    of every process, and a power loss; a failed publish leaves nothing half-written and raises, or
    hands over, Unavailable.
    """

    def publish(self, topic: str, messages: Sequence[Message]) -> None:
        """Publish and wait until durable. Raises Unavailable."""
        ...

    def publish_soon(self, topic: str, messages: Sequence[Message], done: Done) -> None:
        """Publish without waiting; `done` is called from another thread when durable or failed."""
        ...

    def subscribe(self, topic: str, group: str, from_start: bool = True) -> Subscription:
        """Read `topic` as `group`; a group that is new begins at the start, or at the end.

        The group "" is a looker-on: nothing is remembered of it and nothing kept for it.
        """
        ...

    def advance(self, topic: str, position: int) -> None:
        """The next record gets this position or a later one; what is there keeps its own. Raises Unavailable.

        For a store that was restored without its log: it takes nothing for kept that is new.
        """
        ...

    def backlog_bytes(self, topic: str) -> int:
        """Bytes accepted by `publish_soon` that are not durable yet."""
        ...

    def close(self) -> None:
        """Flush what was accepted and stop."""
        ...
