"""What the coming minutes should bring."""

from collections.abc import Iterator

import msgspec

from guardian.domain.clock import MINUTE_MS


class Range(msgspec.Struct, frozen=True, array_like=True):
    """What one minute of a series should bring; low and high are its central 99 %."""

    expected: float
    low: float
    high: float


class Forecast(msgspec.Struct, frozen=True):
    """A range a minute and series, for the minutes from `first_ms` on; no series while they are learnt.

    It is made without what is going on: a disturbance is expected to be over.
    """

    source: str
    first_ms: int
    series: dict[str, tuple[Range, ...]]

    def of(self, series: str, since_ms: int, until_ms: int) -> Iterator[tuple[int, Range]]:
        """The minutes of a series in since <= minute < until, oldest first; none of a series unknown."""
        for n, one in enumerate(self.series.get(series, ())):
            minute_ms = self.first_ms + n * MINUTE_MS
            if since_ms <= minute_ms < until_ms:
                yield minute_ms, one

    def at(self, minute_ms: int) -> dict[str, Range]:
        """Every series' range of a minute; none of a minute outside."""
        n = (minute_ms - self.first_ms) // MINUTE_MS
        return {name: ranges[n] for name, ranges in self.series.items() if 0 <= n < len(ranges)}
