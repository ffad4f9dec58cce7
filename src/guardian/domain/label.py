"""What people and banks say a transaction was: statements, and the one that stands."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import msgspec


class Origin(StrEnum):
    """How a statement came in. Only reports are made without looking at what was flagged."""

    REPORTED = "reported"
    ANSWER = "answer"
    CASE = "case"


class EventName(msgspec.Struct, frozen=True, gc=False, order=True):
    """What names one event: the id is a merchant's own, within a source."""

    source: str
    merchant_id: str
    transaction_id: str


class Seen(msgspec.Struct, frozen=True, gc=False):
    """An event that is kept, and when it happened."""

    name: EventName
    event_ms: int


class Statement(msgspec.Struct, frozen=True, gc=False):
    """Somebody said, at `at_ms`, that a transaction was fraud or not, which was known from `known_ms` on.

    `source` and `merchant_id` are empty where they were not said, until the transaction is known;
    `event_ms` is None as long.
    """

    transaction_id: str
    is_fraud: bool
    known_ms: int
    by: str
    at_ms: int
    origin: Origin
    kind: str = ""
    source: str = ""
    merchant_id: str = ""
    event_ms: int | None = None

    @property
    def name(self) -> EventName:
        """The event it speaks of, as far as it is known."""
        return EventName(self.source, self.merchant_id, self.transaction_id)


class Standing(msgspec.Struct, frozen=True, gc=False):
    """What stands of a transaction. `reported` when a report said so, whoever else did."""

    name: EventName
    event_ms: int
    is_fraud: bool
    kind: str
    known_ms: int
    by: str
    reported: bool


def standing(statements: Sequence[Statement], seen: Seen) -> Standing | None:
    """The newest by `known_ms` decides, since the first of those that say the same without a break.

    Nothing is known of an event before it happened.
    """
    if not statements:
        return None
    history = sorted(statements, key=lambda one: one.known_ms)
    last = history[-1]
    run = [last]
    for one in reversed(history[:-1]):
        if one.is_fraud != last.is_fraud:
            break
        run.append(one)
    return Standing(
        name=seen.name,
        event_ms=seen.event_ms,
        is_fraud=last.is_fraud,
        kind=last.kind,
        known_ms=max(run[-1].known_ms, seen.event_ms),
        by=last.by,
        reported=any(one.origin is Origin.REPORTED for one in run),
    )


def attached(statement: Statement, seen: Sequence[Seen], default_source: str) -> Seen | None:
    """The one event it can mean, or None when there is none. Raises LookupError when there are several.

    Without a source, one of `default_source` comes first.
    """
    fit = [one for one in seen if fits(statement, one.name)]
    if len(fit) > 1 and not statement.source:
        fit = [one for one in fit if one.name.source == default_source] or fit
    if len(fit) > 1:
        raise LookupError("several events")
    return fit[0] if fit else None


def fits(statement: Statement, name: EventName) -> bool:
    """Whether it may speak of that event."""
    return (
        statement.transaction_id == name.transaction_id
        and statement.source in ("", name.source)
        and statement.merchant_id in ("", name.merchant_id)
    )


def of_event(statement: Statement, seen: Seen) -> Statement:
    """The statement with the event it means."""
    facts: dict[str, Any] = {"source": seen.name.source, "merchant_id": seen.name.merchant_id}
    return msgspec.structs.replace(statement, event_ms=seen.event_ms, **facts)
