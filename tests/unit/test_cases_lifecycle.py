"""How a case grows, moves and becomes labels; which transactions belong together."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from alerting_samples import NOW
from guardian.cases import policy
from guardian.cases.lifecycle import (
    MACHINE,
    MOST_ENTRIES,
    claimed,
    closed,
    finished,
    grown,
    labels,
    limited,
    news_ms,
    noted,
    opened,
    released,
)
from guardian.cases.policy import BURST_CARDS, BURST_MS, LASTS_MS, MOST_PLACES, Bursts, group_of, own_group
from guardian.domain.case import Case, CaseState, Disposition, Flagged, GroupKind, RuleCount, Sum
from guardian.domain.errors import Conflict, Invalid
from guardian.domain.label import Seen
from guardian.domain.verdict import AlertLevel
from labelling import flagged


def case(*more: Flagged, **changes: Any) -> Case:
    first = flagged("a")
    made = grown(opened("C-1", own_group(first), first, NOW, None), [first, *more])
    return msgspec.structs.replace(made, **changes)


def test_a_case_counts_sums_and_keeps_the_worst() -> None:
    critical = flagged("b", event_ms=NOW + 5, level=AlertLevel.CRITICAL, score=0.99, currency="USD", rules=())
    grew = grown(case(critical), [flagged("c", event_ms=NOW - 5, rules=("other", "card_velocity_1h"))])
    assert (grew.n, grew.level, grew.score) == (3, AlertLevel.CRITICAL, 0.99)
    assert (grew.first_ms, grew.last_ms) == (NOW - 5, NOW + 5)
    assert grew.amounts == (Sum("BRL", 200), Sum("USD", 100))
    assert grew.rules == (RuleCount("card_velocity_1h", 2), RuleCount("other", 1))


@given(some.lists(some.integers(0, 5), min_size=1, max_size=30), some.integers(1, 10))
def test_a_case_is_the_same_in_whatever_batches_it_grew(offsets: list[int], size: int) -> None:
    of = [flagged(str(at), event_ms=NOW + offset, score=offset / 5) for at, offset in enumerate(offsets)]
    whole, parts = grown(case(), of), case()
    for start in range(0, len(of), size):
        parts = grown(parts, of[start : start + size])
    assert parts == whole


def test_one_person_claims_and_the_other_is_refused() -> None:
    mine = claimed(case(), "ana", NOW)
    assert (mine.state, mine.owner) == (CaseState.CLAIMED, "ana")
    assert claimed(mine, "ana", NOW + 1) is mine
    with pytest.raises(Conflict):
        claimed(mine, "bia", NOW)
    with pytest.raises(Conflict):
        closed(mine, "bia", Disposition.FRAUD, NOW)
    back = released(mine, "bia", NOW)
    assert (back.state, back.owner) == (CaseState.OPEN, None)
    with pytest.raises(Conflict):
        released(back, "ana", NOW)


def test_a_closed_case_takes_notes_and_nothing_else() -> None:
    over = finished(closed(case(), "ana", Disposition.FRAUD, NOW), 1, NOW)
    assert noted(over, "bia", "late news", NOW).story[-1].text == "late news"
    for move in (claimed, released):
        with pytest.raises(Conflict):
            move(over, "ana", NOW)
    with pytest.raises(Conflict):
        closed(over, "ana", Disposition.EXPECTED, NOW)
    with pytest.raises(Conflict):
        finished(over, 1, NOW)


def test_notes_are_bounded() -> None:
    full = case(story=case().story * MOST_ENTRIES)
    with pytest.raises(Conflict):
        noted(full, "ana", "one more", NOW)


@pytest.mark.parametrize(
    ("disposition", "state", "is_fraud"),
    [
        (Disposition.FRAUD, CaseState.CLOSING, True),
        (Disposition.NOT_FRAUD, CaseState.CLOSING, False),
        (Disposition.EXPECTED, CaseState.CLOSING, False),
        (Disposition.UNDECIDED, CaseState.CLOSED, None),
    ],
)
def test_a_disposition_is_a_label_unless_undecided(
    disposition: Disposition, state: CaseState, is_fraud: bool | None
) -> None:
    over = closed(case(), "ana", disposition, NOW + 9)
    assert over.state is state
    said = labels(over, [Seen(flagged("a").name, NOW)])
    assert [(one.is_fraud, one.known_ms, one.by, one.kind) for one in said] == (
        [] if is_fraud is None else [(is_fraud, NOW + 9, "ana", str(disposition))]
    )


def test_only_the_chosen_are_labelled() -> None:
    over = closed(limited(case(flagged("b")), None, ["b"]), "ana", Disposition.FRAUD, NOW)
    said = labels(over, [Seen(flagged(name).name, NOW) for name in "ab"])
    assert [one.transaction_id for one in said] == ["b"]
    assert labels(case(), []) == []


@pytest.mark.parametrize("seen", [0, 3])
def test_nobody_has_seen_none_or_more_than_there_are(seen: int) -> None:
    with pytest.raises(Invalid):
        limited(case(flagged("b")), seen, ())


def test_what_a_person_does_is_news_too() -> None:
    assert news_ms(case()) == NOW
    assert news_ms(noted(case(), "ana", "waiting for the bank", NOW + 7)) == NOW + 7


def test_the_machine_may_give_up_what_somebody_took() -> None:
    assert closed(claimed(case(), "ana", NOW), MACHINE, Disposition.UNDECIDED, NOW).owner == "ana"


def burst(n: int, **changes: Any) -> list[Flagged]:
    return [flagged(f"t{at}", card=f"card-{at}", event_ms=NOW + at, **changes) for at in range(n)]


def test_many_cards_of_a_bin_at_a_merchant_are_one_group_and_few_are_not() -> None:
    few, many = burst(BURST_CARDS - 1), burst(BURST_CARDS)
    assert {group_of(one, Bursts().see(few), {}).kind for one in few} == {GroupKind.CARD}
    assert len({group_of(one, Bursts().see(many), {}).key for one in many}) == 1
    assert not Bursts().see(burst(BURST_CARDS, card_bin=None))


def test_a_burst_is_seen_over_batches_but_not_over_hours() -> None:
    bursts = Bursts()
    many = burst(BURST_CARDS)
    assert [bool(bursts.see([one])) for one in many] == [False] * (BURST_CARDS - 1) + [True]
    assert bursts.see([many[-1]]), "seen again it is the same burst"
    slow = Bursts()
    later = [msgspec.structs.replace(one, event_ms=NOW + at * BURST_MS) for at, one in enumerate(many)]
    assert not any(slow.see([one]) for one in later)


def test_one_more_card_joins_a_burst_that_lasts() -> None:
    one = flagged("x", card="card-x")
    group = policy.burst_group(one)
    assert group is not None
    lasting = opened("C-1", group, one, NOW, None)
    late = msgspec.structs.replace(one, event_ms=NOW + LASTS_MS + 1)
    over = msgspec.structs.replace(lasting, state=CaseState.CLOSED)
    chosen = [
        group_of(given, frozenset(), {group.key: known})
        for given, known in ((one, lasting), (late, lasting), (one, over))
    ]
    assert [found.kind for found in chosen] == [GroupKind.BIN, GroupKind.CARD, GroupKind.CARD]


def test_without_a_card_it_is_the_merchants() -> None:
    assert own_group(flagged("a", card=None)).key == "merchant::m1"
    assert group_of(flagged("a", card=None), frozenset(), {}).kind is GroupKind.MERCHANT


def test_what_is_remembered_of_bursts_is_bounded() -> None:
    bursts = Bursts()
    for start in range(0, MOST_PLACES + 100, 100):
        bursts.see([flagged("a", card_bin=f"{at:06d}") for at in range(start, start + 100)])
    assert len(bursts._cards) == MOST_PLACES
