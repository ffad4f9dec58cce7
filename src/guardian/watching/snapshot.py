"""A detector's checkpoint: MessagePack of its state and names, under a version."""

from typing import Final

import msgspec

from guardian.domain.anomaly import Anomaly
from guardian.domain.errors import Poisoned
from guardian.watching.state import LAYOUT, State, state_of

VERSION: Final = 3
"""Raise it whenever the shape or meaning of the state changes."""


class Snapshot(msgspec.Struct, frozen=True):
    """All a detector remembers."""

    source: str
    next_minute_ms: int | None
    budget_decades: float
    statuses: dict[str, int]
    codes: dict[str, int]
    open: dict[int, tuple[Anomaly, ...]]
    state: bytes
    version: int = VERSION


def pack(snapshot: Snapshot) -> bytes:
    """As bytes."""
    return msgspec.msgpack.encode(snapshot)


def unpack(data: bytes) -> tuple[Snapshot, State]:
    """Raises Poisoned when the bytes are damaged or of another version."""
    try:
        snapshot = msgspec.msgpack.decode(data, type=Snapshot)
    except msgspec.MsgspecError as error:
        raise Poisoned("a detector checkpoint cannot be read") from error
    if snapshot.version != VERSION:
        raise Poisoned("a detector checkpoint is of another version")
    if len(snapshot.state) != LAYOUT.itemsize:
        raise Poisoned("a detector checkpoint has another layout than this version")
    return snapshot, state_of(snapshot.state)
