"""The life of a rule: its versions, the moves between their states, who may make them. Pure."""

from enum import StrEnum
from typing import Final

import msgspec

from guardian.domain.errors import Conflict, Forbidden, Invalid
from guardian.scoring.rules.definition import Rule

MACHINE: Final = "guardian"
LONGEST_REASON: Final = 500


class State(StrEnum):
    """Where a version stands."""

    DRAFT = "draft"
    IN_REVIEW = "in_review"
    SHADOW = "shadow"
    PART = "part"
    LIVE = "live"
    PAUSED = "paused"
    ROLLED_BACK = "rolled_back"
    REPLACED = "replaced"


class Move(StrEnum):
    """What can be done with a version."""

    SUBMIT = "submit"
    RETURN = "return"
    SHADOW = "shadow"
    PART = "part"
    LIVE = "live"
    PAUSE = "pause"
    ROLL_BACK = "roll_back"


_AT_WORK: Final = frozenset({State.SHADOW, State.PART, State.LIVE})
MOVES: Final[dict[Move, tuple[frozenset[State], State]]] = {
    Move.SUBMIT: (frozenset({State.DRAFT}), State.IN_REVIEW),
    Move.RETURN: (frozenset({State.IN_REVIEW}), State.DRAFT),
    Move.SHADOW: (frozenset({State.IN_REVIEW, State.PART, State.LIVE, State.PAUSED}), State.SHADOW),
    Move.PART: (frozenset({State.IN_REVIEW, State.SHADOW, State.PART, State.PAUSED}), State.PART),
    Move.LIVE: (frozenset({State.SHADOW, State.PART, State.PAUSED}), State.LIVE),
    Move.PAUSE: (_AT_WORK, State.PAUSED),
    Move.ROLL_BACK: (_AT_WORK | {State.PAUSED}, State.ROLLED_BACK),
}
TRIALS: Final = (State.SHADOW, State.PART)
CLOSED: Final = (State.ROLLED_BACK, State.REPLACED)
_RAISING: Final = frozenset({Move.PART, Move.LIVE})


class Version(msgspec.Struct, frozen=True):
    """One wording of a rule. `expected_share` of all rows fired in the backtest when it began to count."""

    number: int
    rule: Rule
    authors: tuple[str, ...]
    at_ms: int
    state: State = State.DRAFT
    percent: int = 100
    approved_by: str = ""
    counted_since_ms: int = 0
    live_since_ms: int = 0
    expected_share: float | None = None


class Entry(msgspec.Struct, frozen=True):
    """One line of the history."""

    at_ms: int
    actor: str
    what: str
    version: int
    before: str
    after: str
    reason: str
    percent: int = 100


class RuleLife(msgspec.Struct, frozen=True):
    """A rule with all its versions, oldest first, and its history, oldest first."""

    rule_id: str
    versions: tuple[Version, ...]
    history: tuple[Entry, ...]

    @property
    def newest(self) -> Version:
        """The version that was written last."""
        return self.versions[-1]

    @property
    def live(self) -> Version | None:
        """The version that counts for whoever is on no trial."""
        return next((one for one in self.versions if one.state is State.LIVE), None)

    @property
    def trial(self) -> Version | None:
        """The version in shadow or on a part of the traffic."""
        return next((one for one in self.versions if one.state in TRIALS), None)

    @property
    def shown(self) -> Version:
        """What the rule is known by: the version at work, else the newest that is not closed."""
        opened = [one for one in self.versions if one.state not in CLOSED]
        return self.live or self.trial or (opened[-1] if opened else self.newest)


class Asked(msgspec.Struct, frozen=True):
    """A move as somebody asks for it; without a version, of the newest for which it is possible."""

    move: Move
    actor: str
    reason: str
    percent: int | None = None
    version: int | None = None
    expected_share: float | None = None


def drafted(life: RuleLife | None, rule: Rule, actor: str, now_ms: int) -> RuleLife:
    """The life with a draft of this wording. Raises Conflict while a version waits for its review."""
    if life is None:
        made = Version(1, rule, (actor,), now_ms)
        return RuleLife(rule.id, (made,), (Entry(now_ms, actor, "drafted", 1, "", State.DRAFT, ""),))
    if rule.id != life.rule_id:
        raise Invalid("A rule keeps its id; write another rule instead.")
    newest = life.newest
    if newest.state is State.IN_REVIEW:
        raise Conflict("This version waits for its review; return it to draft first.")
    if newest.state is State.DRAFT:
        authors = tuple(dict.fromkeys((*newest.authors, actor)))
        made = msgspec.structs.replace(newest, rule=rule, authors=authors, at_ms=now_ms)
        entry = Entry(now_ms, actor, "edited", made.number, State.DRAFT, State.DRAFT, "")
        return RuleLife(life.rule_id, (*life.versions[:-1], made), (*life.history, entry))
    made = Version(newest.number + 1, rule, (actor,), now_ms)
    entry = Entry(now_ms, actor, "drafted", made.number, "", State.DRAFT, "")
    return RuleLife(life.rule_id, (*life.versions, made), (*life.history, entry))


def seeded(rule: Rule, reason: str, now_ms: int) -> RuleLife:
    """A rule that is live from the beginning, by the machine."""
    made = Version(
        1,
        rule,
        (MACHINE,),
        now_ms,
        State.LIVE,
        approved_by=MACHINE,
        counted_since_ms=now_ms,
        live_since_ms=now_ms,
    )
    return RuleLife(rule.id, (made,), (Entry(now_ms, MACHINE, "seeded", 1, "", State.LIVE, reason),))


def moved(life: RuleLife, asked: Asked, now_ms: int) -> RuleLife:
    """The life after the move, and what follows from it for other versions.

    Raises Invalid without a reason or with a wrong percentage, Conflict when no version can make the
    move, and Forbidden when an author would approve.
    """
    _refuse_bad(asked)
    version = version_of(life, asked)
    before, after = version.state, MOVES[asked.move][1]
    if asked.actor in version.authors and needs_second_person(before, asked.move):
        raise Forbidden("Nobody approves their own version: a second person must do this.")
    percent = (asked.percent or 100) if after is State.PART else 100
    changed = msgspec.structs.replace(version, state=after, percent=percent, **_since(version, asked, now_ms))
    entry = Entry(
        now_ms, asked.actor, asked.move, version.number, before, after, asked.reason.strip(), percent
    )
    others = (one for one in life.versions if one.number != version.number)
    versions = [changed, *(_giving_way(one, after) for one in others)]
    if asked.move is Move.ROLL_BACK and before in (State.LIVE, State.PAUSED):
        versions = _back(versions, version)
    return RuleLife(life.rule_id, tuple(sorted(versions, key=_number)), (*life.history, entry))


def version_of(life: RuleLife, asked: Asked) -> Version:
    """The version that the move is about. Raises Conflict."""
    able = [one for one in life.versions if one.state in MOVES[asked.move][0]]
    if asked.version is not None:
        able = [one for one in able if one.number == asked.version]
    if not able:
        states = ", ".join(sorted(MOVES[asked.move][0]))
        raise Conflict(f"No version can make this move; it takes one that is {states}.")
    return able[-1]


def needs_second_person(before: State, move: Move) -> bool:
    """Whether a move lets a version out of its review, or gives it more effect."""
    return (before is State.IN_REVIEW and move is not Move.RETURN) or move in _RAISING


def _refuse_bad(asked: Asked) -> None:
    if not 0 < len(asked.reason.strip()) <= LONGEST_REASON:
        raise Invalid(f"Say why, in 1 to {LONGEST_REASON} characters.")
    if (asked.percent is not None) != (asked.move is Move.PART):
        raise Invalid("A part of the traffic needs its percentage, and nothing else does.")
    if asked.percent is not None and not 1 <= asked.percent <= 99:
        raise Invalid("A part is 1 to 99 per cent; for all of it, go live.")


def _since(version: Version, asked: Asked, now_ms: int) -> dict[str, object]:
    facts: dict[str, object] = {}
    if version.state is State.IN_REVIEW and asked.move is not Move.RETURN:
        facts["approved_by"] = asked.actor
    if asked.move in _RAISING:
        facts |= {"counted_since_ms": now_ms, "expected_share": asked.expected_share}
    if asked.move is Move.LIVE:
        facts["live_since_ms"] = now_ms
    return facts


def _giving_way(other: Version, after: State) -> Version:
    """One version is live and one on trial at most."""
    live = after is State.LIVE and other.state in (State.LIVE, *TRIALS)
    trial = after in TRIALS and other.state in TRIALS
    return msgspec.structs.replace(other, state=State.REPLACED) if live or trial else other


def _back(versions: list[Version], gone: Version) -> list[Version]:
    """The version that was live before the one rolled back is live again."""
    if not gone.live_since_ms or any(one.state is State.LIVE for one in versions):
        return versions
    earlier = [
        one
        for one in versions
        if one.state is State.REPLACED and one.live_since_ms and one.number < gone.number
    ]
    if not earlier:
        return versions
    again = max(earlier, key=_number)
    return [msgspec.structs.replace(one, state=State.LIVE) if one is again else one for one in versions]


def _number(version: Version) -> int:
    return version.number
