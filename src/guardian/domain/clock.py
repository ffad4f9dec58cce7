"""Time as an argument: everything that asks for the time is given a clock."""

import time
from datetime import UTC, datetime
from typing import Protocol

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000


class Clock(Protocol):
    """Tells the time; tests turn their own."""

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch, UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000


class SetClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms

    def advance(self, ms: int) -> None:
        """Move the clock by `ms` milliseconds (may be negative)."""
        self._now_ms += ms


def floor_minute(ms: int) -> int:
    """The start of the minute that holds `ms`."""
    return ms - ms % MINUTE_MS


def iso(ms: int) -> str:
    """RFC 3339 in UTC with milliseconds only where there are any: 2026-11-19T05:47:12Z."""
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    text = moment.isoformat(timespec="milliseconds" if ms % 1000 else "seconds")
    return text.replace("+00:00", "Z")


def from_iso(text: str) -> int:
    """Milliseconds since the epoch of an RFC 3339 time; a time without a zone is read as UTC.

    Raises ValueError when the text is no time.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)
