"""For all that people may try: one version is live and one on trial at most; nobody approves their own."""

from hypothesis import given
from hypothesis import strategies as st

from guardian.domain.errors import Refused
from guardian.scoring.rules.book import at_work
from guardian.scoring.rules.lifecycle import TRIALS, Asked, Move, RuleLife, State, drafted, moved
from guardian.scoring.rules.ruleset import Contents, RuleSet
from rule_samples import AT, rule

PEOPLE = ("ana", "bea", "cyd")
deeds = st.lists(
    st.tuples(st.sampled_from(("draft", *Move)), st.sampled_from(PEOPLE), st.none() | st.integers(1, 4)),
    max_size=40,
)


def after(life: RuleLife, deed: str, who: str, version: int | None, number: int) -> RuleLife:
    if deed == "draft":
        return drafted(life, rule(f"amount > {number}"), who, AT + number)
    percent = 10 + number if deed == Move.PART else None
    return moved(life, Asked(Move(deed), who, "why", percent, version), AT + number)


@given(deeds=deeds)
def test_any_sequence_of_deeds_keeps_the_rules_of_the_house(
    deeds: list[tuple[str, str, int | None]],
) -> None:
    life = drafted(None, rule(), "ana", AT)
    for number, (deed, who, version) in enumerate(deeds):
        try:
            following = after(life, deed, who, version, number)
        except Refused:
            continue
        assert len(following.history) == len(life.history) + 1
        life = following
        states = [one.state for one in life.versions]
        assert states.count(State.LIVE) <= 1
        assert sum(state in TRIALS for state in states) <= 1
        assert [one.number for one in life.versions] == list(range(1, len(states) + 1))
        for one in life.versions:
            if one.state in (State.LIVE, *TRIALS):
                assert one.approved_by
                assert one.approved_by not in one.authors
        RuleSet(Contents(tuple(at_work(life))))
