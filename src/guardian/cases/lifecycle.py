"""The life of a case: how it grows, its legal moves, and the labels it becomes. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from guardian.domain.case import (
    Case,
    CaseState,
    Deed,
    Disposition,
    Entry,
    Flagged,
    Group,
    RuleCount,
    Sum,
)
from guardian.domain.errors import Conflict, Invalid
from guardian.domain.label import Origin, Seen, Statement
from guardian.domain.verdict import LEVELS, AlertLevel

MACHINE: Final = "guardian"
MOST_ENTRIES: Final = 500
MOVES: dict[CaseState, frozenset[CaseState]] = {
    CaseState.OPEN: frozenset({CaseState.CLAIMED, CaseState.CLOSING, CaseState.CLOSED}),
    CaseState.CLAIMED: frozenset({CaseState.OPEN, CaseState.CLOSING, CaseState.CLOSED}),
    CaseState.CLOSING: frozenset({CaseState.CLOSED}),
    CaseState.CLOSED: frozenset(),
}
OPEN_STATES = (CaseState.OPEN, CaseState.CLAIMED)
FRAUD: dict[Disposition, bool | None] = {
    Disposition.FRAUD: True,
    Disposition.NOT_FRAUD: False,
    Disposition.EXPECTED: False,
    Disposition.UNDECIDED: None,
}
"""What a disposition says of the transactions: fraud, not fraud, or nothing."""


def opened(case_id: str, group: Group, first: Flagged, now_ms: int, follows: str | None) -> Case:
    """A case without transactions yet."""
    return Case(
        case_id=case_id,
        source=first.name.source,
        group=group,
        state=CaseState.OPEN,
        level=first.level,
        score=first.score,
        first_ms=first.event_ms,
        last_ms=first.event_ms,
        opened_ms=now_ms,
        follows=follows,
        story=(Entry(now_ms, MACHINE, Deed.OPENED),),
    )


def grown(case: Case, flagged: Sequence[Flagged]) -> Case:
    """With these transactions, none of which it holds yet."""
    return msgspec.structs.replace(
        case,
        n=case.n + len(flagged),
        first_ms=min(case.first_ms, *(one.event_ms for one in flagged)),
        last_ms=max(case.last_ms, *(one.event_ms for one in flagged)),
        level=worst((case.level, *(one.level for one in flagged))),
        score=max(case.score, *(one.score for one in flagged)),
        amounts=_amounts(case.amounts, flagged),
        rules=_rules(case.rules, flagged),
    )


def worst(levels: Iterable[AlertLevel]) -> AlertLevel:
    """The most serious."""
    return max(levels, key=LEVELS.index)


def claimed(case: Case, actor: str, now_ms: int) -> Case:
    """Taken by a person; the very same case when it is theirs already. Raises Conflict."""
    if case.state is CaseState.CLAIMED:
        if case.owner != actor:
            raise Conflict("Somebody else has taken the case.")
        return case
    taken = msgspec.structs.replace(_moved(case, CaseState.CLAIMED), owner=actor)
    return _told(taken, Entry(now_ms, actor, Deed.CLAIMED))


def released(case: Case, actor: str, now_ms: int) -> Case:
    """Back in the queue. Raises Conflict."""
    if case.state is not CaseState.CLAIMED:
        raise Conflict("Nobody has taken the case.")
    back = msgspec.structs.replace(_moved(case, CaseState.OPEN), owner=None)
    return _told(back, Entry(now_ms, actor, Deed.RELEASED))


def noted(case: Case, actor: str, text: str, now_ms: int) -> Case:
    """With a note, in any state. Raises Conflict when there are too many."""
    if len(case.story) >= MOST_ENTRIES:
        raise Conflict("The case holds as many notes as it may.")
    return _told(case, Entry(now_ms, actor, Deed.NOTED, text))


def closed(case: Case, actor: str, disposition: Disposition, now_ms: int) -> Case:
    """Decided; it is closing until the labels are kept, where there are any. Raises Conflict."""
    if case.state is CaseState.CLAIMED and case.owner not in (actor, None) and actor != MACHINE:
        raise Conflict("Somebody else has taken the case.")
    says_nothing = FRAUD[disposition] is None
    over = _moved(case, CaseState.CLOSED if says_nothing else CaseState.CLOSING)
    owner = case.owner if actor == MACHINE else actor
    over = msgspec.structs.replace(over, owner=owner, disposition=disposition, closed_ms=now_ms)
    return _told(over, Entry(now_ms, actor, Deed.CLOSED, str(disposition)))


def limited(case: Case, seen: int | None, chosen: Sequence[str]) -> Case:
    """Only of the first `seen`, or of the chosen transactions, the disposition is meant. Raises Invalid."""
    if seen is not None and not 0 < seen <= case.n:
        raise Invalid("seen: expected how many of its transactions were shown.")
    return msgspec.structs.replace(case, seen=case.n if seen is None else seen, chosen=tuple(chosen))


def finished(case: Case, labelled: int, now_ms: int) -> Case:
    """Its labels are kept."""
    over = _moved(case, CaseState.CLOSED)
    entry = Entry(now_ms, MACHINE, Deed.LABELLED, str(labelled))
    return msgspec.structs.replace(over, story=(*over.story, entry))


def labels(case: Case, members: Sequence[Seen]) -> list[Statement]:
    """What its disposition says of these, known since it was closed; the same whenever it is asked."""
    is_fraud = None if case.disposition is None else FRAUD[case.disposition]
    if is_fraud is None or case.closed_ms is None:
        return []
    by, kind = case.owner or MACHINE, str(case.disposition)
    meant = [one for one in members if not case.chosen or one.name.transaction_id in case.chosen]
    return [
        Statement(
            transaction_id=one.name.transaction_id,
            is_fraud=is_fraud,
            known_ms=case.closed_ms,
            by=by,
            at_ms=case.closed_ms,
            origin=Origin.CASE,
            kind=kind,
            source=one.name.source,
            merchant_id=one.name.merchant_id,
            event_ms=one.event_ms,
        )
        for one in meant
    ]


def news_ms(case: Case) -> int:
    """When anything last happened to it."""
    return max(case.last_ms, case.touched_ms or 0)


def _moved(case: Case, to: CaseState) -> Case:
    if to not in MOVES[case.state]:
        raise Conflict(f"A case that is {case.state} cannot become {to}.")
    return msgspec.structs.replace(case, state=to)


def _told(case: Case, entry: Entry) -> Case:
    return msgspec.structs.replace(case, story=(*case.story, entry), touched_ms=entry.at_ms)


def _amounts(known: Sequence[Sum], flagged: Sequence[Flagged]) -> tuple[Sum, ...]:
    sums = Counter({one.currency: one.amount_minor for one in known})
    for one in flagged:
        sums[one.currency] += one.amount_minor
    return tuple(Sum(currency, minor) for currency, minor in sorted(sums.items()))


def _rules(known: Sequence[RuleCount], flagged: Sequence[Flagged]) -> tuple[RuleCount, ...]:
    counts = Counter({one.rule_id: one.n for one in known})
    counts.update(rule for one in flagged for rule in one.rules)
    return tuple(RuleCount(rule, n) for rule, n in sorted(counts.items(), key=lambda one: (-one[1], one[0])))
