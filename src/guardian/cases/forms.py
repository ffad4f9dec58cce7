"""Cases, answers and labels as they are published."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from pydantic import BaseModel

from guardian.domain.case import Case, CaseState, Deed, Disposition, GroupKind
from guardian.domain.clock import iso
from guardian.domain.label import EventName, Origin, Seen, Standing, Statement
from guardian.domain.transaction import currency_exponent
from guardian.domain.verdict import AlertLevel


class GroupOut(BaseModel):
    """What the transactions have in common."""

    kind: GroupKind
    value: str
    merchant_id: str | None


class AmountOut(BaseModel):
    """A sum in one currency, as a decimal."""

    currency: str
    amount: str


class RuleOut(BaseModel):
    """How many of the transactions a rule fired on."""

    rule_id: str
    n: int


class StoryLine(BaseModel):
    """One deed of a person or the machine."""

    at: str
    actor: str
    deed: Deed
    text: str


class LabelOut(BaseModel):
    """What stands of a transaction."""

    is_fraud: bool
    kind: str
    known_at: str
    by: str


class MemberOut(BaseModel):
    """A transaction of the case."""

    transaction_id: str
    merchant_id: str
    timestamp: str
    label: LabelOut | None


class CaseLine(BaseModel):
    """A case as lists show it."""

    id: str
    source: str
    group: GroupOut
    state: CaseState
    level: AlertLevel
    score: float
    transactions: int
    amounts: list[AmountOut]
    rules: list[RuleOut]
    first_at: str
    last_at: str
    opened_at: str
    owner: str | None
    disposition: Disposition | None
    closed_at: str | None
    follows: str | None


class CaseOut(CaseLine):
    """A case with its story and its newest transactions."""

    story: list[StoryLine]
    newest: list[MemberOut]


class CasePage(BaseModel):
    """By their newest transaction, newest first."""

    items: list[CaseLine]
    next_cursor: str | None


class StatementOut(BaseModel):
    """What somebody said of a transaction, and how it came in."""

    transaction_id: str
    merchant_id: str
    source: str
    is_fraud: bool
    kind: str
    known_at: str
    by: str
    at: str
    origin: Origin


def case_line(case: Case) -> CaseLine:
    """The published form."""
    return CaseLine.model_validate(_facts(case))


def case_form(case: Case, newest: Sequence[Seen], labels: Mapping[EventName, Standing | None]) -> CaseOut:
    """The published form with everything."""
    story = [
        {"at": iso(one.at_ms), "actor": one.actor, "deed": one.deed, "text": one.text} for one in case.story
    ]
    members = [member_line(one, labels.get(one.name)) for one in newest]
    return CaseOut.model_validate({**_facts(case), "story": story, "newest": members})


def member_line(one: Seen, label: Standing | None) -> MemberOut:
    """A transaction of a case."""
    return MemberOut(
        transaction_id=one.name.transaction_id,
        merchant_id=one.name.merchant_id,
        timestamp=iso(one.event_ms),
        label=None if label is None else label_line(label),
    )


def label_line(label: Standing) -> LabelOut:
    """The published form."""
    return LabelOut(is_fraud=label.is_fraud, kind=label.kind, known_at=iso(label.known_ms), by=label.by)


def statement_form(one: Statement) -> StatementOut:
    """The published form."""
    return StatementOut(
        transaction_id=one.transaction_id,
        merchant_id=one.merchant_id,
        source=one.source,
        is_fraud=one.is_fraud,
        kind=one.kind,
        known_at=iso(one.known_ms),
        by=one.by,
        at=iso(one.at_ms),
        origin=one.origin,
    )


def _facts(case: Case) -> dict[str, object]:
    group = case.group
    return {
        "id": case.case_id,
        "source": case.source,
        "group": {"kind": group.kind, "value": group.value, "merchant_id": group.merchant_id or None},
        "state": case.state,
        "level": case.level,
        "score": case.score,
        "transactions": case.n,
        "amounts": [
            {"currency": one.currency, "amount": _decimal(one.amount_minor, one.currency)}
            for one in case.amounts
        ],
        "rules": [{"rule_id": one.rule_id, "n": one.n} for one in case.rules],
        "first_at": iso(case.first_ms),
        "last_at": iso(case.last_ms),
        "opened_at": iso(case.opened_ms),
        "owner": case.owner,
        "disposition": case.disposition,
        "closed_at": None if case.closed_ms is None else iso(case.closed_ms),
        "follows": case.follows,
    }


def _decimal(minor: int, currency: str) -> str:
    return str(Decimal(minor).scaleb(-currency_exponent(currency)))
