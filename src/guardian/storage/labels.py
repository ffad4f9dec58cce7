"""The port of labels. Times are UTC milliseconds."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import msgspec

from guardian.domain.label import EventName, Seen, Standing, Statement


class LabelCounts(msgspec.Struct, frozen=True):
    """How many statements are kept, and of how many of them the transaction is not known (yet)."""

    statements: int
    pending: int


class LabelStore(Protocol):
    """What was said of transactions: fraud or not, and from when on that was known.

    Promises: a statement is durable once kept; what is said again changes nothing; a statement that
    contradicts an earlier one is kept beside it, and the newest by `known_ms` stands.
    """

    def keep(self, statements: Sequence[Statement]) -> Sequence[bool]:
        """Write all of them or none; of each whether it was new. Raises Unavailable."""
        ...

    def history(self, names: Sequence[EventName]) -> Mapping[EventName, Sequence[Statement]]:
        """By event what was said of it, by when it was known, also before the event itself came."""
        ...

    def labelled(
        self, source: str, since_ms: int, until_ms: int, known_before_ms: int | None = None
    ) -> Iterator[Standing]:
        """What stands of events of that time, newest event first.

        With `known_before_ms`, as it was known before that moment and without anything learnt later.
        """
        ...

    def pending(self, after: int, limit: int) -> Sequence[tuple[int, Statement]]:
        """Statements without their event, each with its number, in the order of numbers after `after`."""
        ...

    def attach(self, events: Mapping[int, Seen]) -> None:
        """By number of a pending statement the event it speaks of."""
        ...

    def counts(self) -> LabelCounts:
        """Of all sources."""
        ...

    def purge(self, source: str, before_ms: int) -> int:
        """Remove what was said of older events of a source, and what waited in vain as long; how many."""
        ...
