"""The port of short-lived state: counters, locks and caches that expire."""

from typing import Protocol

import msgspec


class Rate(msgspec.Struct, frozen=True):
    """`burst` at once, then one every `every_ms`."""

    burst: int
    every_ms: int


class State(Protocol):
    """What several processes share for a while; losing it costs accuracy, never history.

    Promises: each method is atomic, also among threads; nothing is seen after its expiry; a lock
    is removed only by the value that took it; a rate is never exceeded over any span.
    """

    def incr(self, key: str, window_ms: int, by: int = 1) -> int:
        """The count of the window that began with the first increment, with this one."""
        ...

    def get(self, key: str) -> bytes | None:
        """What was put and has not expired."""
        ...

    def put(self, key: str, value: bytes, ttl_ms: int) -> None:
        """Set it until it expires."""
        ...

    def add(self, key: str, value: bytes, ttl_ms: int) -> bool:
        """Set it unless it is there: the taking of a lock."""
        ...

    def remove(self, key: str, value: bytes) -> bool:
        """Remove it if it still holds `value`: the release of a lock."""
        ...

    def take(self, key: str, rate: Rate) -> int:
        """Milliseconds to wait before asking again; 0 when the rate allows it now, and it is taken."""
        ...
