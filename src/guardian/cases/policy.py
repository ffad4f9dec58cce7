"""Which flagged transactions belong together. Pure, but for what is remembered of the last minutes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from guardian.cases.lifecycle import OPEN_STATES
from guardian.domain.case import Case, Flagged, Group, GroupKind
from guardian.domain.clock import HOUR_MS, MINUTE_MS
from guardian.domain.label import EventName
from guardian.domain.verdict import LEVELS
from guardian.storage.base import StoredTransaction

BURST_CARDS: Final = 5
"""So many cards of one BIN flagged at one merchant within BURST_MS are one attack."""
BURST_MS: Final = 10 * MINUTE_MS
LASTS_MS: Final = HOUR_MS
"""An attack goes on as long as one of its transactions follows another within this."""
MOST_PLACES: Final = 20_000
UNCOUNTED: Final = "~"
"""Before the id of a rule that fired without counting."""


def flagged_of(stored: StoredTransaction) -> Flagged:
    """What a case needs of it."""
    one, verdict = stored.transaction, stored.verdict
    return Flagged(
        name=name_of(stored),
        event_ms=one.event_ms,
        level=LEVELS[verdict.level],
        score=verdict.score,
        amount_minor=one.amount_minor,
        currency=one.currency,
        rules=verdict.counted,
        card=one.card_token,
        card_bin=one.card_bin,
    )


def name_of(stored: StoredTransaction) -> EventName:
    """What names it."""
    one = stored.transaction
    return EventName(one.source, one.merchant_id, one.transaction_id)


def own_group(one: Flagged) -> Group:
    """The card's, else the merchant's."""
    if one.card is not None:
        return Group(GroupKind.CARD, one.card)
    return Group(GroupKind.MERCHANT, one.name.merchant_id)


def burst_group(one: Flagged) -> Group | None:
    """The BIN's at its merchant, where both a BIN and a card are known."""
    if one.card is None or one.card_bin is None:
        return None
    return Group(GroupKind.BIN, one.card_bin, one.name.merchant_id)


def candidates(flagged: Iterable[Flagged]) -> list[Group]:
    """Every group any of them may belong to, once each."""
    groups = [group for one in flagged for group in (burst_group(one), own_group(one)) if group is not None]
    return list({group.key: group for group in groups}.values())


def group_of(one: Flagged, bursting: frozenset[str], known: Mapping[str, Case]) -> Group:
    """The burst it is part of, else its own."""
    burst = burst_group(one)
    if burst is None:
        return own_group(one)
    case = known.get(burst.key)
    lasts = case is not None and case.state in OPEN_STATES and abs(one.event_ms - case.last_ms) <= LASTS_MS
    return burst if lasts or burst.key in bursting else own_group(one)


class Bursts:
    """The cards that were flagged of each BIN at each merchant in the last minutes of event time."""

    def __init__(self) -> None:
        self._cards: dict[str, dict[str, int]] = {}

    def see(self, flagged: Sequence[Flagged]) -> frozenset[str]:
        """Remember them, and say which groups are bursts now; seeing them again changes nothing."""
        touched: dict[str, int] = {}
        for one in flagged:
            group = burst_group(one)
            if group is not None and one.card is not None:
                cards = self._cards.setdefault(group.key, {})
                cards[one.card] = max(one.event_ms, cards.get(one.card, 0))
                touched[group.key] = max(one.event_ms, touched.get(group.key, 0))
        for key, newest_ms in touched.items():
            self._forget(key, newest_ms - BURST_MS)
        while len(self._cards) > MOST_PLACES:
            del self._cards[next(iter(self._cards))]
        return frozenset(key for key in touched if len(self._cards.get(key, ())) >= BURST_CARDS)

    def _forget(self, key: str, before_ms: int) -> None:
        """Old cards go; the place moves to the end, so that the longest silent goes first."""
        cards = self._cards.pop(key)
        self._cards[key] = {card: at_ms for card, at_ms in cards.items() if at_ms >= before_ms}
