"""The published forms of rules, lists and snoozes."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field

from guardian.domain.clock import iso
from guardian.scoring.rules.definition import RULE_ID, Rule
from guardian.scoring.rules.desk import Kept
from guardian.scoring.rules.lifecycle import Move, RuleLife, State, Version
from guardian.scoring.rules.lists import LONGEST, MOST_ENTRIES, Entry, NamedList, Snooze
from guardian.scoring.rules.report import Report
from guardian.scoring.rules.tokens import LONGEST as LONGEST_EXPRESSION
from guardian.scoring.rules.written import LONGEST as LONGEST_TEXT
from guardian.security.openapi import Moment

RuleId = Annotated[str, Path(pattern=RULE_ID)]
ListName = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_.]{0,59}$")]
SnoozeId = Annotated[str, Path(pattern=r"^SN-[0-9]{4,12}$")]
Text = Annotated[str, Field(min_length=1, max_length=LONGEST)]
Expression = Annotated[str, Field(max_length=LONGEST_EXPRESSION)]
Backtest = Callable[[Rule, int, str], Report]
"""Of a rule over the last days of a source."""


class Body(BaseModel):
    """What is sent: unknown names are refused."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class WordsBody(Body):
    """A text in both languages."""

    pt: Text
    en: Text


class RuleBody(Body):
    """A rule; the same schema as in YAML."""

    id: Annotated[str, Field(pattern=RULE_ID)]
    name: WordsBody
    severity: Literal["WARNING", "CRITICAL"]
    recommendation: WordsBody
    when: Expression
    unless: Expression = ""

    def rule(self) -> Rule:
        """As it is judged by."""
        facts = self.model_dump(include={"id", "name", "severity", "recommendation", "when", "unless"})
        return msgspec.convert(facts, Rule)


class RuleEdit(RuleBody):
    """A new wording for the revision that was read."""

    revision: Annotated[int, Field(ge=0)]


class RuleText(Body):
    """A rule as YAML."""

    text: Annotated[str, Field(max_length=LONGEST_TEXT)]


class MoveBody(Body):
    """What is to be done with a version, and why."""

    move: Move
    reason: Text
    percent: Annotated[int, Field(ge=1, le=99)] | None = None
    version: Annotated[int, Field(ge=1)] | None = None
    revision: Annotated[int, Field(ge=0)] | None = None


class Trial(Body):
    """A rule to try on the last days of a source."""

    rule: RuleBody
    days: Annotated[int, Field(ge=1, le=90)] = 7
    source: Annotated[str, Field(min_length=1, max_length=50)] = "live"


class EntryBody(Body):
    """A value of a list."""

    value: Text
    reason: Text
    until: Moment | None = None

    def entry(self) -> Entry:
        """As it is kept."""
        return Entry(self.value, self.reason, int(self.until.timestamp() * 1000) if self.until else 0)


class ListBody(Body):
    """All of a list."""

    field: Annotated[str, Field(max_length=40)]
    entries: Annotated[list[EntryBody], Field(max_length=MOST_ENTRIES)]


class SnoozeBody(Body):
    """Which rule is not to count, for what, until when and why."""

    rule_id: Annotated[str, Field(pattern=RULE_ID)]
    field: Annotated[str, Field(max_length=40)]
    value: Text
    until: Moment
    reason: Text


class VersionLine(BaseModel):
    """One wording."""

    version: int
    state: State
    percent: int
    authors: list[str]
    approved_by: str
    at: str
    expected_share: float | None
    rule: dict[str, Any]


class RuleLine(BaseModel):
    """A rule with its versions, oldest first; `revision` is what a change must name."""

    id: str
    state: State
    revision: int | None
    versions: list[VersionLine]


class RuleLines(BaseModel):
    """All rules, by id."""

    items: list[RuleLine]
    next_cursor: None = None


class HistoryLine(BaseModel):
    """One thing that was done."""

    at: str
    actor: str
    what: str
    version: int
    before: str
    after: str
    reason: str
    percent: int


class HistoryLines(BaseModel):
    """Newest first."""

    items: list[HistoryLine]
    next_cursor: None = None


class ListLine(BaseModel):
    """A list; its entries are left out where lists are listed."""

    name: str
    field: str
    size: int
    entries: list[dict[str, Any]] | None = None


class ListLines(BaseModel):
    """All lists, by name."""

    items: list[ListLine]
    next_cursor: None = None


class SnoozeLine(BaseModel):
    """A snooze."""

    id: str
    rule_id: str
    field: str
    value: str
    until: str
    reason: str
    by: str


class SnoozeLines(BaseModel):
    """All snoozes."""

    items: list[SnoozeLine]
    next_cursor: None = None


class Checked(BaseModel):
    """A rule that was understood."""

    rule: dict[str, Any]


class Done(BaseModel):
    """It was done."""

    status: Literal["removed"] = "removed"


def rule_line(life: RuleLife, revision: int | None = None) -> RuleLine:
    """The published form of a rule."""
    versions = list(map(_version_line, life.versions))
    return RuleLine(id=life.rule_id, state=life.shown.state, revision=revision, versions=versions)


def kept_line(kept: Kept) -> RuleLine:
    """The published form of a rule that can be changed."""
    return rule_line(*kept)


def history_lines(life: RuleLife) -> HistoryLines:
    """The published form of what was done."""
    lines = [
        HistoryLine(
            at=iso(one.at_ms), **{k: v for k, v in msgspec.structs.asdict(one).items() if k != "at_ms"}
        )
        for one in life.history[::-1]
    ]
    return HistoryLines(items=lines)


def list_line(one: NamedList, whole: bool) -> ListLine:
    """The published form of a list."""
    entries = [
        {
            "value": entry.value,
            "reason": entry.reason,
            "until": iso(entry.until_ms) if entry.until_ms else None,
        }
        for entry in one.entries
    ]
    return ListLine(name=one.name, field=one.field, size=len(entries), entries=entries if whole else None)


def snooze_line(one: Snooze) -> SnoozeLine:
    """The published form of a snooze."""
    facts = {name: getattr(one, name) for name in ("rule_id", "field", "value", "reason", "by")}
    return SnoozeLine(id=one.snooze_id, until=iso(one.until_ms), **facts)


def _version_line(one: Version) -> VersionLine:
    return VersionLine(
        version=one.number,
        state=one.state,
        percent=one.percent,
        authors=list(one.authors),
        approved_by=one.approved_by,
        at=iso(one.at_ms),
        expected_share=one.expected_share,
        rule=msgspec.to_builtins(one.rule),
    )
