"""What a person on call would have felt: the labelled incidents found, how soon, and every false page."""

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Final

import msgspec

from guardian.domain.anomaly import WHOLE_SYSTEM
from guardian.watching.budget import one_page

REPEAT_MINUTES: Final = 15
"""Repeats of a name within it are one notification."""
GRACE_MINUTES: Final = 3
AFTERSHOCK_MINUTES: Final = 30


class Labelled(msgspec.Struct, frozen=True):
    """A known incident, both minutes included. One that is not `high` is neither asked for nor false."""

    start: int
    end: int
    statuses: tuple[str, ...]
    high: bool = True

    def hit_by(self, minute: int, name: str) -> bool:
        """Whether an alert of that minute is of this incident."""
        in_time = self.start <= minute <= self.end + GRACE_MINUTES
        return in_time and (name == WHOLE_SYSTEM or WHOLE_SYSTEM in self.statuses or name in self.statuses)


class Felt(msgspec.Struct, frozen=True):
    """Delay in minutes per incident found (its place in the labels), and the pages."""

    delays: dict[int, int]
    pages: int
    false_pages: int
    aftershocks: int
    """Of the false pages, those within half an hour after an incident."""


def felt(incidents: Sequence[Labelled], alerts: Iterable[tuple[int, str]]) -> Felt:
    """Score alerts of (minute, status): one that names no status of an incident does not find it."""
    told = [
        (minute, [place for place, one in enumerate(incidents) if one.hit_by(minute, name)])
        for minute, name in notified(alerts)
    ]
    delays: dict[int, int] = {}
    for minute, hits in told:
        for place in hits:
            delays.setdefault(place, minute - incidents[place].start)
    pages = one_page(told, itemgetter(0))
    false = [page[0][0] for page in pages if not any(hits for _, hits in page)]
    ends = [one.end for one in incidents]
    late = [minute for minute in false if any(0 < minute - end <= AFTERSHOCK_MINUTES for end in ends)]
    of_high = {place: delay for place, delay in delays.items() if incidents[place].high}
    return Felt(of_high, len(pages), len(false), len(late))


def notified(alerts: Iterable[tuple[int, str]]) -> list[tuple[int, str]]:
    """In order of time, without the repeats of a name within 15 minutes of its last notification."""
    last: dict[str, int] = {}
    kept: list[tuple[int, str]] = []
    for minute, name in sorted(alerts, key=lambda one: one[0]):
        if name not in last or minute - last[name] >= REPEAT_MINUTES:
            last[name] = minute
            kept.append((minute, name))
    return kept
