"""The life of a rule: the table of moves, the second person, one version live and one on trial."""

import msgspec
import pytest

from guardian.domain.errors import Conflict, Forbidden, Invalid
from guardian.scoring.rules.lifecycle import MOVES, Asked, Move, RuleLife, State, drafted, moved, seeded
from rule_samples import AT, rule

PATH = (Move.SUBMIT, Move.SHADOW, Move.PART, Move.LIVE)


def asked(move: Move, actor: str = "bea", **changes: object) -> Asked:
    percent = 10 if move is Move.PART else None
    return Asked(**({"move": move, "actor": actor, "reason": "why", "percent": percent} | changes))  # type: ignore[arg-type]


def along(life: RuleLife, *moves: Move, actor: str = "bea") -> RuleLife:
    for move in moves:
        life = moved(life, asked(move, actor), AT)
    return life


def draft() -> RuleLife:
    return drafted(None, rule(), "ana", AT)


def states(life: RuleLife) -> list[str]:
    return [str(one.state) for one in life.versions]


def test_a_rule_goes_from_draft_over_review_and_trial_to_live() -> None:
    life = along(draft(), *PATH)
    assert states(life) == ["live"]
    assert [one.what for one in life.history] == ["drafted", *map(str, PATH)]
    assert life.history[3].percent == 10
    assert (life.newest.approved_by, life.newest.percent) == ("bea", 100)
    assert life.live == life.shown == life.newest


@pytest.mark.parametrize("move", list(Move))
@pytest.mark.parametrize("state", list(State))
def test_every_move_that_is_not_in_the_table_is_refused(move: Move, state: State) -> None:
    life = draft()
    version = type(life.newest)(1, rule(), ("ana",), AT, state)
    life = RuleLife("one", (version,), life.history)
    if state in MOVES[move][0]:
        assert moved(life, asked(move), AT).newest.state is MOVES[move][1]
    else:
        with pytest.raises(Conflict, match="No version can make this move"):
            moved(life, asked(move), AT)


def test_nobody_lets_their_own_version_count_but_may_take_it_back() -> None:
    waiting = along(draft(), Move.SUBMIT, actor="ana")
    for move in (Move.SHADOW, Move.PART):
        with pytest.raises(Forbidden, match="second person"):
            moved(waiting, asked(move, "ana"), AT)
    shadow = along(waiting, Move.SHADOW)
    for move in (Move.PART, Move.LIVE):
        with pytest.raises(Forbidden, match="second person"):
            moved(shadow, asked(move, "ana"), AT)
    live = along(shadow, Move.LIVE)
    assert states(along(live, Move.SHADOW, actor="ana")) == ["shadow"]
    assert states(along(live, Move.PAUSE, Move.ROLL_BACK, actor="ana")) == ["rolled_back"]
    assert states(along(waiting, Move.RETURN, actor="ana")) == ["draft"]


def test_whoever_edits_a_draft_is_an_author_of_it() -> None:
    life = drafted(draft(), rule("amount > 7"), "bea", AT)
    assert life.newest.authors == ("ana", "bea")
    with pytest.raises(Forbidden):
        along(life, Move.SUBMIT, Move.SHADOW)
    assert states(along(life, Move.SUBMIT, Move.SHADOW, actor="cyd")) == ["shadow"]


def test_a_new_version_is_tried_beside_the_live_one_and_then_takes_its_place() -> None:
    life = drafted(seeded(rule(), "because", AT), rule("amount > 7"), "ana", AT)
    assert states(life) == ["live", "draft"]
    trial = along(life, Move.SUBMIT, Move.PART)
    assert states(trial) == ["live", "part"]
    assert (trial.live, trial.trial) == trial.versions
    assert states(along(trial, Move.LIVE)) == ["replaced", "live"]
    assert states(along(trial, Move.ROLL_BACK)) == ["live", "rolled_back"]
    assert states(along(trial, Move.LIVE, Move.ROLL_BACK)) == ["live", "rolled_back"]
    assert states(along(trial, Move.LIVE, Move.PAUSE, Move.ROLL_BACK)) == ["live", "rolled_back"]


def test_one_version_is_on_trial_at_most() -> None:
    life = along(draft(), Move.SUBMIT, Move.SHADOW)
    life = along(drafted(life, rule("amount > 7"), "ana", AT), Move.SUBMIT, Move.PART)
    assert states(life) == ["replaced", "part"]
    back = along(life, Move.ROLL_BACK)
    assert states(back) == ["replaced", "rolled_back"]  # the first never was live
    assert back.shown == back.newest


def test_a_version_that_waits_is_not_edited_and_a_rule_keeps_its_id() -> None:
    with pytest.raises(Conflict, match="waits for its review"):
        drafted(along(draft(), Move.SUBMIT), rule(), "ana", AT)
    with pytest.raises(Invalid, match="keeps its id"):
        drafted(draft(), rule(rule_id="two"), "ana", AT)


def test_a_move_names_a_version_or_takes_the_newest_that_can_make_it() -> None:
    trial = along(
        drafted(seeded(rule(), "because", AT), rule("amount > 7"), "ana", AT), Move.SUBMIT, Move.SHADOW
    )
    assert states(moved(trial, asked(Move.PAUSE, version=1), AT)) == ["paused", "shadow"]
    assert states(moved(trial, asked(Move.PAUSE), AT)) == ["live", "paused"]
    with pytest.raises(Conflict):
        moved(trial, asked(Move.PAUSE, version=3), AT)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reason": " "}, "Say why"),
        ({"reason": "x" * 501}, "Say why"),
        ({"percent": 10}, "nothing else does"),
        ({"move": Move.PART, "percent": None}, "needs its percentage"),
        ({"move": Move.PART, "percent": 0}, "1 to 99"),
        ({"move": Move.PART, "percent": 100}, "1 to 99"),
    ],
)
def test_a_move_says_why_and_a_part_how_large(change: dict[str, object], message: str) -> None:
    with pytest.raises(Invalid, match=message):
        moved(along(draft(), Move.SUBMIT), msgspec.structs.replace(asked(Move.SHADOW), **change), AT)
