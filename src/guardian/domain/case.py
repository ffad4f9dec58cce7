"""A case: flagged transactions of one card, merchant or burst that a person looks at together."""

from enum import StrEnum

import msgspec

from guardian.domain.label import EventName
from guardian.domain.verdict import AlertLevel


class CaseState(StrEnum):
    """`closing` lasts until what was decided stands on every transaction."""

    OPEN = "open"
    CLAIMED = "claimed"
    CLOSING = "closing"
    CLOSED = "closed"


class Disposition(StrEnum):
    """What a case was found to be; undecided says nothing of its transactions."""

    FRAUD = "fraud"
    NOT_FRAUD = "not_fraud"
    EXPECTED = "expected"
    UNDECIDED = "undecided"


class GroupKind(StrEnum):
    """What the transactions of a case have in common; a BIN at one merchant when many cards are tried."""

    CARD = "card"
    MERCHANT = "merchant"
    BIN = "bin"


class Group(msgspec.Struct, frozen=True, gc=False):
    """Whose transactions they are. `merchant_id` only where the group is of one merchant."""

    kind: GroupKind
    value: str
    merchant_id: str = ""

    @property
    def key(self) -> str:
        """One text for each group."""
        return f"{self.kind}:{self.merchant_id}:{self.value}"


class Flagged(msgspec.Struct, frozen=True, gc=False):
    """What a case needs of a flagged transaction."""

    name: EventName
    event_ms: int
    level: AlertLevel
    score: float
    amount_minor: int
    currency: str
    rules: tuple[str, ...]
    card: str | None
    card_bin: str | None


class Sum(msgspec.Struct, frozen=True, gc=False):
    """Money in one currency."""

    currency: str
    amount_minor: int


class RuleCount(msgspec.Struct, frozen=True, gc=False):
    """How many of the transactions a rule fired on."""

    rule_id: str
    n: int


class Deed(StrEnum):
    """What happens to a case."""

    OPENED = "opened"
    CLAIMED = "claimed"
    RELEASED = "released"
    NOTED = "noted"
    CLOSED = "closed"
    LABELLED = "labelled"


class Entry(msgspec.Struct, frozen=True):
    """One deed of a person or the machine. Entries are only ever added."""

    at_ms: int
    actor: str
    deed: Deed
    text: str = ""
    """A person's words, the disposition, or how many were labelled."""


class Case(msgspec.Struct, frozen=True):
    """It holds `n` transactions; its disposition is meant of the first `seen` of them, or of the `chosen`."""

    case_id: str
    source: str
    group: Group
    state: CaseState
    level: AlertLevel
    """The worst."""
    score: float
    """The highest."""
    first_ms: int
    last_ms: int
    """When the newest of the transactions happened."""
    opened_ms: int
    n: int = 0
    amounts: tuple[Sum, ...] = ()
    rules: tuple[RuleCount, ...] = ()
    owner: str | None = None
    touched_ms: int | None = None
    """When a person last did anything."""
    disposition: Disposition | None = None
    closed_ms: int | None = None
    seen: int = 0
    chosen: tuple[str, ...] = ()
    follows: str | None = None
    """The case of the same group before this one."""
    story: tuple[Entry, ...] = ()
