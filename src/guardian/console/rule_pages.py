"""Rules: the list, one with its text, backtest, moves and history; lists and snoozes."""

from urllib.parse import quote

import msgspec
from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from guardian.console.desk import Desk, Reader
from guardian.console.retold_rules import retold_error
from guardian.console.rule_lists import entries_of, text_of, until_of
from guardian.console.rule_table import FILTERS, STEPS, bars, changes, choices, recent_firings, rule_rows
from guardian.domain.errors import Invalid, NotFound, Refused, Unparsable
from guardian.scoring.rules.book import ALL
from guardian.scoring.rules.definition import Rule
from guardian.scoring.rules.fields import LISTABLE
from guardian.scoring.rules.lifecycle import CLOSED, Asked, Move, RuleLife
from guardian.scoring.rules.lists import NamedList, Snooze
from guardian.scoring.rules.report import Report
from guardian.scoring.rules.written import LONGEST, read_rule, written

DAYS = (7, 30, 90)
LONGEST_LISTS = 4 << 20
"""As much as a body may hold: a list is never cut."""
BLANK = """id: my_rule
name: {pt: "", en: ""}
severity: WARNING
recommendation: {pt: "", en: ""}
when: |
  amount > 1000
"""


class Draft(msgspec.Struct, frozen=True):
    """What stands in the editor, and what is known of it."""

    text: str
    rule: Rule | None = None
    error: Unparsable | None = None
    trouble: str = ""
    report: Report | None = None
    days: int = DAYS[0]

    @property
    def line(self) -> str:
        """The line of the error."""
        lines = self.text.splitlines()
        return lines[self.error.line - 1] if self.error and self.error.line <= len(lines) else ""


def register(router: APIRouter, desk: Desk) -> None:
    """The pages and deeds of rules."""
    pages, deeds = RulePages(desk), RuleDeeds(desk)
    for path, handler in (
        ("/console/rules", pages.rules),
        ("/console/rules/-/new", pages.new),
        ("/console/rules/-/lists", pages.lists),
        ("/console/rules/{rule_id}", pages.rule),
    ):
        router.add_api_route(path, desk.reading(handler), methods=["GET"], response_model=None)
    for path, deed in (
        ("/console/rules/-/edit", deeds.edit),
        ("/console/rules/-/lists", deeds.put_list),
        ("/console/rules/-/lists/remove", deeds.drop_list),
        ("/console/rules/-/snoozes", deeds.snooze),
        ("/console/rules/-/snoozes/end", deeds.wake),
        ("/console/rules/{rule_id}/moves", deeds.move),
    ):
        router.add_api_route(path, desk.doing(deed), methods=["POST"], response_model=None)


class RulePages:
    """What is shown."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._rules = desk.view.rules

    def rules(self, reader: Reader) -> Response:
        """All rules, what waits for the reader first."""
        fired = recent_firings(self._desk.view.transactions, reader.formats.now_ms)
        rows = rule_rows(self._rules.every(), fired, reader.principal)
        chosen = reader.asked("state")
        states = FILTERS.get(chosen)
        shown = [
            row for row in rows if states is None or {row.shown.state, row.life.newest.state} & {*states}
        ]
        sizes = {
            name: sum(bool({row.shown.state, row.life.newest.state} & {*of}) for row in rows)
            for name, of in FILTERS.items()
        }
        facts = {"rows": shown, "all": rows, "sizes": sizes, "chosen": chosen if states else ""}
        waiting = next((row for row in rows if row.waits), None)
        return self._desk.page(reader, "rules.html", **facts, waiting=waiting, **may(reader))

    def new(self, reader: Reader) -> Response:
        """An empty draft."""
        return self.editor(reader, None, Draft(BLANK))

    def rule(self, reader: Reader) -> Response:
        """A rule with the wording of its newest version."""
        life, revision = self._rules.get(reader.named("rule_id"))
        return self.editor(reader, (life, revision), Draft(written(life.newest.rule), life.newest.rule))

    def lists(self, reader: Reader) -> Response:
        """Lists and snoozes."""
        book = self._rules.book
        found = sorted(book.lists.every(ALL), key=lambda one: one.name)
        chosen = next((one for one in found if one.name == reader.asked("list")), None)
        facts = {"lists": found, "chosen": chosen, "entries": text_of(chosen), "fields": LISTABLE}
        snoozes, rules = list(book.snoozes.every(ALL)), self._rules.every()
        return self._desk.page(
            reader, "rule_lists.html", **facts, snoozes=snoozes, rules=rules, **may(reader)
        )

    def editor(
        self, reader: Reader, kept: tuple[RuleLife, int] | None, draft: Draft, status: int = 200
    ) -> Response:
        """The editor over a rule, or over none yet."""
        life, revision = kept or (None, -1)
        facts = {
            "here": f"/console/rules/{life.rule_id if life else '-/new'}",
            "life": life,
            "revision": revision,
            "chips": [one for one in life.versions if one.state not in CLOSED or one == life.newest]
            if life
            else [],
            "draft": draft,
            "changes": changes(life),
            "steps": STEPS,
            "choices": choices(life, reader.principal) if life else [],
            "bars": bars(draft.report) if draft.report else [],
            "retold_error": retold_error(draft.error, reader.words.code) if draft.error else "",
            "days_offered": DAYS,
        }
        return self._desk.page(reader, "rule.html", status, **facts, **may(reader))


class RuleDeeds:
    """What is done; a text that is not understood comes back with its error, nothing is lost."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._pages = RulePages(desk)
        self._rules = desk.view.rules

    def edit(self, reader: Reader) -> Response:
        """Check, try or save what stands in the editor."""
        draft = Draft(reader.sent("text", LONGEST + 1).replace("\r\n", "\n"), days=_days(reader))
        wish, kept = reader.sent("wish"), self._kept(reader)
        try:
            rule = read_rule(draft.text, self._rules.book.list_fields())
        except Unparsable as error:
            return self._pages.editor(reader, kept, msgspec.structs.replace(draft, error=error), 422)
        draft = msgspec.structs.replace(draft, rule=rule)
        if wish == "backtest":
            return self._tried(reader, kept, draft, rule)
        if wish == "save":
            return self._saved(reader, kept, draft, rule)
        return self._pages.editor(reader, kept, draft)

    def move(self, reader: Reader) -> Response:
        """Make a move with the newest version that can."""
        rule_id, move = reader.named("rule_id"), reader.sent("move")
        if move not in {*Move}:
            raise Invalid("There is no such move.")
        percent = reader.sent("percent", 3)
        part = int(percent) if move == Move.PART and percent.isdecimal() else None
        reason = reader.sent("reason", 600).strip() or reader.words.word("rule.no_reason")
        version = reader.sent("version", 9)
        number = int(version) if version.isdecimal() else None
        asked = Asked(Move(move), reader.principal.subject, reason, part, number)
        self._rules.move(rule_id, asked, reader.principal)
        return _to(f"/console/rules/{quote(rule_id)}", "moved")

    def put_list(self, reader: Reader) -> Response:
        """Replace a list by what was written, a line for each entry."""
        entries = entries_of(reader.sent("entries", LONGEST_LISTS), reader.formats)
        made = NamedList(reader.sent("name").strip(), reader.sent("field"), entries)
        self._rules.put_list(made, reader.principal)
        return _to("/console/rules/-/lists", "listed")

    def drop_list(self, reader: Reader) -> Response:
        """Remove a list."""
        self._rules.drop_list(reader.sent("name"), reader.principal)
        return _to("/console/rules/-/lists", "unlisted")

    def snooze(self, reader: Reader) -> Response:
        """Keep a rule from counting for a value."""
        until_ms = until_of(reader.sent("until"), reader.formats) or 0
        rule_id, field, value = (reader.sent(name, 500).strip() for name in ("rule_id", "field", "value"))
        name, reason, by = self._rules.new_snooze_id(), reader.sent("reason", 500), reader.principal.subject
        made = Snooze(name, rule_id, field, value, until_ms, reason, by)
        self._rules.snooze(made, reader.principal)
        return _to("/console/rules/-/lists", "snoozed")

    def wake(self, reader: Reader) -> Response:
        """End a snooze."""
        self._rules.wake(reader.sent("snooze_id"), reader.principal)
        return _to("/console/rules/-/lists", "woken")

    def _kept(self, reader: Reader) -> tuple[RuleLife, int] | None:
        """The rule that is edited; its revision is the one that was read."""
        try:
            life, _ = self._rules.get(reader.sent("rule_id"))
        except NotFound:
            return None
        revision = reader.sent("revision", 12)
        return life, int(revision) if revision.isdecimal() else -1

    def _tried(self, reader: Reader, kept: tuple[RuleLife, int] | None, draft: Draft, rule: Rule) -> Response:
        report = self._desk.view.try_rule(rule, draft.days, "live")
        return self._pages.editor(reader, kept, msgspec.structs.replace(draft, report=report))

    def _saved(self, reader: Reader, kept: tuple[RuleLife, int] | None, draft: Draft, rule: Rule) -> Response:
        try:
            if kept is None:
                self._rules.create(rule, reader.principal)
            elif rule.id != kept[0].rule_id:
                raise Invalid("A rule keeps its id.")
            else:
                self._rules.edit(rule, kept[1], reader.principal)
        except Refused as refusal:
            trouble = msgspec.structs.replace(draft, trouble=f"rule_refused.{refusal.status}")
            return self._pages.editor(reader, kept, trouble, refusal.status)
        return _to(f"/console/rules/{quote(rule.id)}", "saved")


def may(reader: Reader) -> dict[str, bool]:
    """What the reader may do with rules."""
    return {"can_write": reader.principal.allows("rules:write")}


def _days(reader: Reader) -> int:
    asked = reader.sent("days", 3)
    return int(asked) if asked in map(str, DAYS) else DAYS[0]


def _to(path: str, done: str) -> Response:
    return RedirectResponse(f"{path}?done={done}", status_code=303)
