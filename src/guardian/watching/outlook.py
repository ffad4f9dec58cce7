"""A source's forecast as it is kept, and how many of the minutes that came lay inside theirs."""

from collections.abc import Sequence
from typing import Final

import msgspec

from guardian.domain.clock import DAY_MS, MINUTE_MS
from guardian.domain.forecast import Forecast
from guardian.domain.window import SeriesPoint
from guardian.storage.base import Record, Records
from guardian.storage.collection import Collection

OUTLOOK_KIND: Final = "outlook"
MINUTES_SHOWN: Final = 180
MINUTES_AHEAD: Final = 60
"""How long before its first minute a promise is made."""
PROMISED: Final = 5
"""Minutes a promise holds for; the next one follows on."""
NOMINAL: Final = 0.99
DAYS: Final = 7


class Held(msgspec.Struct, frozen=True, array_like=True):
    """Minutes that came, and those of them inside the range forecast an hour before."""

    inside: int = 0
    minutes: int = 0


class Day(msgspec.Struct, frozen=True):
    """What was held of one UTC day, per series."""

    start_ms: int
    held: dict[str, Held]


class Outlook(msgspec.Struct, frozen=True):
    """One source: the forecast shown, what was promised of minutes to come, and what was held."""

    forecast: Forecast
    next_ms: int = 0
    """The first minute not counted yet: judged again after a failure, a minute counts once."""
    promises: tuple[Forecast, ...] = ()
    days: tuple[Day, ...] = ()


class SeriesCoverage(msgspec.Struct, frozen=True):
    """How many minutes of a series lay inside the range forecast an hour before."""

    series: str
    inside: int
    minutes: int

    @property
    def share(self) -> float:
        """Of all its minutes; NOMINAL was meant."""
        return self.inside / self.minutes


class Coverage(msgspec.Struct, frozen=True):
    """What was measured since the beginning of a UTC day, the total first; nothing yet without series."""

    since_ms: int | None
    series: tuple[SeriesCoverage, ...]

    def of(self, series: str) -> SeriesCoverage | None:
        """One series; None before a minute of it was measured."""
        return next((one for one in self.series if one.series == series), None)


def counted(outlook: Outlook, minute_ms: int, points: Sequence[SeriesPoint]) -> Outlook:
    """The minute has come: was it as promised? Minutes in disturbances count like all others."""
    if minute_ms < outlook.next_ms:
        return outlook
    ranges = {name: one for promise in outlook.promises for name, one in promise.at(minute_ms).items()}
    seen = [(point.series, point.observed) for point in points if point.series in ranges]
    inside = {series: ranges[series].low <= observed <= ranges[series].high for series, observed in seen}
    return msgspec.structs.replace(
        outlook, next_ms=minute_ms + MINUTE_MS, days=_added(outlook.days, minute_ms, inside)
    )


def _added(days: tuple[Day, ...], minute_ms: int, inside: dict[str, bool]) -> tuple[Day, ...]:
    if not inside:
        return days
    start_ms = minute_ms - minute_ms % DAY_MS
    earlier = tuple(day for day in days if start_ms - DAYS * DAY_MS < day.start_ms < start_ms)
    held = dict(next((day.held for day in days if day.start_ms == start_ms), {}))
    for series, one in inside.items():
        before = held.get(series, Held())
        held[series] = Held(before.inside + one, before.minutes + 1)
    return (*earlier, Day(start_ms, held))


def promise_due(minute_ms: int) -> bool:
    """Whether the minutes an hour after this one are to be promised now that it comes."""
    return minute_ms // MINUTE_MS % PROMISED == 0


def promised(outlook: Outlook, promise: Forecast) -> Outlook:
    """Put down a promise; those whose minutes are over go."""
    if outlook.promises and promise.first_ms <= outlook.promises[-1].first_ms:
        return outlook
    last_ms = outlook.next_ms - PROMISED * MINUTE_MS
    waiting = (one for one in outlook.promises if one.first_ms > last_ms)
    return msgspec.structs.replace(outlook, promises=(*waiting, promise))


def coverage(outlook: Outlook | None) -> Coverage:
    """Of the last days that were measured, every series."""
    days = () if outlook is None else outlook.days
    sums: dict[str, Held] = {}
    for day in days:
        for series, held in day.held.items():
            before = sums.get(series, Held())
            sums[series] = Held(before.inside + held.inside, before.minutes + held.minutes)
    measured = (SeriesCoverage(series, held.inside, held.minutes) for series, held in sums.items())
    return Coverage(days[0].start_ms if days else None, tuple(measured))


class Outlooks:
    """One document a source, which the watch stage alone writes."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._kept = Collection(records, OUTLOOK_KIND, Outlook, _describe)

    def of(self, source: str) -> Outlook | None:
        """The source's; None before its first minute was judged. Raises Unavailable."""
        found = self._kept.get(source)
        return None if found is None else found[0]

    def keep(self, outlook: Outlook) -> None:
        """Replace the source's. Raises Unavailable."""
        found = self._kept.get(outlook.forecast.source)
        if found is None:
            self._kept.insert(outlook)
        else:
            self._kept.update(outlook, found[1])

    def forget(self, source: str) -> None:
        """The source is gone. Raises Unavailable."""
        self._records.delete(OUTLOOK_KIND, source)


def _describe(outlook: Outlook) -> Record:
    forecast = outlook.forecast
    return Record(OUTLOOK_KIND, forecast.source, forecast.first_ms, doc=b"", source=forecast.source)
