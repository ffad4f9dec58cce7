"""What the pages of rules show: a line for each rule, the steps of its life, what can be done with it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import ndiff
from typing import Final

import msgspec

from guardian.domain.clock import DAY_MS
from guardian.domain.transaction import LIVE
from guardian.scoring.rules.lifecycle import MOVES, Move, RuleLife, State, Version, needs_second_person
from guardian.scoring.rules.report import Report
from guardian.scoring.rules.written import written
from guardian.security.identity import Principal
from guardian.storage.base import COUNTED, Firings, FiringStore

FIRED_DAYS: Final = 7
STEPS: Final = (State.DRAFT, State.IN_REVIEW, State.SHADOW, State.PART, State.LIVE)
DOTS: Final = {
    State.DRAFT: 0,
    State.IN_REVIEW: 1,
    State.SHADOW: 2,
    State.PART: 2,
    State.PAUSED: 2,
    State.LIVE: 3,
}
FILTERS: Final[dict[str, tuple[State, ...]]] = {
    "review": (State.IN_REVIEW,),
    "live": (State.LIVE,),
    "trial": (State.SHADOW, State.PART),
    "draft": (State.DRAFT,),
    "back": (State.PAUSED, State.ROLLED_BACK, State.REPLACED),
}
KEYS: Final = {Move.SUBMIT: "R", Move.SHADOW: "A", Move.PAUSE: "p", Move.ROLL_BACK: "z"}
AHEAD: Final = frozenset(
    {
        (State.DRAFT, Move.SUBMIT),
        (State.IN_REVIEW, Move.SHADOW),
        (State.SHADOW, Move.LIVE),
        (State.PART, Move.LIVE),
        (State.PAUSED, Move.LIVE),
    }
)
BAR_HEIGHT, BAR_GAP = 88.0, 0.25


class RuleRow(msgspec.Struct, frozen=True):
    """A rule in the list; `waits` when the reader may review a version of it."""

    life: RuleLife
    shown: Version
    also: Version | None
    waits: bool
    counted: int
    aside: int
    limited: bool

    @property
    def dots(self) -> list[str]:
        """The life in four steps: past, present, still to come."""
        now = DOTS.get(self.shown.state, 0)
        return ["on" if n < now else "cur" if n == now else "" for n in range(4)]


class Choice(msgspec.Struct, frozen=True):
    """A move that a version can make, and whether the reader may make it."""

    move: Move
    version: int
    key: str
    allowed: bool
    first: bool
    """What the rule waits for."""


class Bar(msgspec.Struct, frozen=True):
    """Firings of a day in the chart: place and height in percent and pixels."""

    x: float
    width: float
    y: float
    height: float
    at_ms: int
    fired: int


def rule_rows(lives: Iterable[RuleLife], fired: Sequence[Firings], who: Principal) -> list[RuleRow]:
    """What waits for the reader comes first, then by id."""
    counts: Counter[tuple[str, str]] = Counter()
    for one in fired:
        counts[one.rule_id, one.mode] += one.n
    rows = [_row(life, counts, who) for life in lives]
    return sorted(rows, key=lambda row: (not row.waits, row.life.rule_id))


def recent_firings(store: FiringStore, now_ms: int) -> Sequence[Firings]:
    """Of live traffic, of the last seven days."""
    return store.firings(LIVE, now_ms - FIRED_DAYS * DAY_MS, now_ms + DAY_MS)


def choices(life: RuleLife, who: Principal) -> list[Choice]:
    """The moves that can be made, each with the newest version that can make it."""
    found: list[Choice] = []
    for move, (states, _) in MOVES.items():
        able = [one for one in life.versions if one.state in states]
        if able:
            allowed = _may(able[-1], move, who)
            first = allowed and (able[-1].state, move) in AHEAD and not any(one.first for one in found)
            found.append(Choice(move, able[-1].number, KEYS.get(move, ""), allowed, first))
    return found


def changes(life: RuleLife | None) -> list[tuple[str, str]]:
    """The newest version against the live one, line by line: kept, added or gone; empty when they are one."""
    if life is None or life.live is None or life.live.number == life.newest.number:
        return []
    before, after = written(life.live.rule).splitlines(), written(life.newest.rule).splitlines()
    signs = {" ": "", "+": "add", "-": "bad"}
    return [(signs[line[0]], line[2:]) for line in ndiff(before, after) if line[0] in signs]


def bars(report: Report) -> list[Bar]:
    """A bar for each day that had firings, over the span of the report."""
    most = max((day.fired for day in report.days), default=0)
    days = max(1, -(-(report.until_ms - report.since_ms) // DAY_MS) + 1)
    first_ms = report.since_ms - report.since_ms % DAY_MS
    width = 100 / days
    return [
        Bar(
            round((day.at_ms - first_ms) / DAY_MS * width, 3),
            round(width * (1 - BAR_GAP), 3),
            round(BAR_HEIGHT * (1 - day.fired / most), 1),
            round(BAR_HEIGHT * day.fired / most, 1),
            day.at_ms,
            day.fired,
        )
        for day in report.days
    ]


def _row(life: RuleLife, counts: Counter[tuple[str, str]], who: Principal) -> RuleRow:
    waiting = next((one for one in life.versions if one.state is State.IN_REVIEW), None)
    waits = waiting is not None and _may(waiting, Move.SHADOW, who)
    shown = life.shown
    also = life.newest if life.newest.number != shown.number else None
    counted = counts[life.rule_id, COUNTED]
    aside = sum(n for (rule_id, _), n in counts.items() if rule_id == life.rule_id) - counted
    limited = shown.state is State.SHADOW and life.history[-1].actor == "guardian"
    return RuleRow(life, shown, also, waits, counted, aside, limited)


def _may(version: Version, move: Move, who: Principal) -> bool:
    if needs_second_person(version.state, move):
        return who.allows("rules:review") and who.subject not in version.authors
    return who.allows("rules:write")
