"""The port of cases: many change at once, each with the transactions that joined it."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from guardian.domain.label import EventName, Seen
from guardian.storage.base import Record


class CaseChanges(msgspec.Struct, frozen=True):
    """Records that are new, records changed from their version, and by case the events that join it."""

    added: Sequence[Record]
    changed: Sequence[Record]
    members: Mapping[str, Sequence[Seen]]


class Casebook(Protocol):
    """Cases are records; this adds which case holds which event.

    Promises: changes are kept together, durably, or not at all; an event belongs to one case, for good;
    nothing is kept of changes made from a version that has changed, or of an event that has a case.
    """

    def holding(self, names: Sequence[EventName]) -> Mapping[EventName, str]:
        """By event the id of the case that holds it; events without one are absent."""
        ...

    def newest(self, kind: str, labels: Sequence[str], states: Sequence[str]) -> Mapping[str, Record]:
        """By label its newest record in one of the states, else its newest in any."""
        ...

    def keep(self, changes: CaseChanges) -> None:
        """All of it in one write. Raises Conflict or Unavailable."""
        ...

    def members(self, case_id: str, limit: int) -> Sequence[Seen]:
        """The first so many events that joined it, in the order they joined."""
        ...

    def newest_members(self, case_id: str, limit: int) -> Sequence[Seen]:
        """Its newest events, newest first."""
        ...

    def purge(self, kind: str, before_ms: int) -> int:
        """Remove cases whose time is before that, with their events; how many cases went."""
        ...
