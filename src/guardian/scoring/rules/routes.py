"""Rules, lists and snoozes through the API."""

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends

from guardian.domain.errors import Invalid, NotFound
from guardian.scoring.rules.book import ALL
from guardian.scoring.rules.desk import WRITE, RuleDesk
from guardian.scoring.rules.forms import (
    Backtest,
    Checked,
    Done,
    HistoryLines,
    ListBody,
    ListLine,
    ListLines,
    ListName,
    MoveBody,
    RuleBody,
    RuleEdit,
    RuleId,
    RuleLine,
    RuleLines,
    RuleText,
    SnoozeBody,
    SnoozeId,
    SnoozeLine,
    SnoozeLines,
    Trial,
    history_lines,
    kept_line,
    list_line,
    rule_line,
    snooze_line,
)
from guardian.scoring.rules.lifecycle import Asked
from guardian.scoring.rules.lists import NamedList, Snooze
from guardian.scoring.rules.written import read_rule
from guardian.security.identity import Principal
from guardian.security.openapi import problem_responses

Requires = Callable[[str], Any]
_ASKED = problem_responses(401, 403, 404, 422, 503)
_CHANGED = problem_responses(400, 401, 403, 404, 409, 422, 503)
_TRIED = problem_responses(400, 401, 403, 422, 429, 503)


def routes(desk: RuleDesk, backtest: Backtest, requires: Requires) -> APIRouter:
    """Reading with read, all else with rules:write; what gives a rule effect also takes rules:review."""
    router = APIRouter(tags=["rules"])
    _reading(router, desk, requires)
    _trying(router, desk, backtest, requires)
    _writing(router, desk, requires)
    _lists(router, desk, requires)
    _snoozes(router, desk, requires)
    return router


def _reading(router: APIRouter, desk: RuleDesk, requires: Requires) -> None:
    reader = [Depends(requires("read"))]

    @router.get("/rules", dependencies=reader, responses=_ASKED, operation_id="list_rules")
    def list_rules() -> RuleLines:
        """All rules with their versions."""
        return RuleLines(items=[rule_line(life) for life in desk.every()])

    @router.get("/rules/{rule_id}", dependencies=reader, responses=_ASKED, operation_id="get_rule")
    def get_rule(rule_id: RuleId) -> RuleLine:
        """One rule, with the revision to change it by."""
        return kept_line(desk.get(rule_id))

    @router.get(
        "/rules/{rule_id}/history", dependencies=reader, responses=_ASKED, operation_id="rule_history"
    )
    def rule_history(rule_id: RuleId) -> HistoryLines:
        """Who did what with it and why, newest first."""
        return history_lines(desk.get(rule_id)[0])


def _trying(router: APIRouter, desk: RuleDesk, backtest: Backtest, requires: Requires) -> None:
    writer = [Depends(requires(WRITE))]

    @router.post("/rules/check", dependencies=writer, responses=_CHANGED, operation_id="check_rule")
    def check_rule(body: RuleText) -> Checked:
        """Read a rule written in YAML; what is wrong is told with its line and column."""
        return Checked(rule=msgspec.to_builtins(read_rule(body.text, desk.book.list_fields())))

    @router.post("/rules/backtest", dependencies=writer, responses=_TRIED, operation_id="backtest_rule")
    def backtest_rule(body: Trial) -> dict[str, Any]:
        """What the rule would have done to the last days."""
        return backtest(body.rule.rule(), body.days, body.source).line()


def _writing(router: APIRouter, desk: RuleDesk, requires: Requires) -> None:
    writer = Depends(requires(WRITE))

    @router.post("/rules", responses=_CHANGED, status_code=201, operation_id="create_rule")
    def create_rule(body: RuleBody, who: Annotated[Principal, writer]) -> RuleLine:
        """A new rule as a draft."""
        return kept_line(desk.create(body.rule(), who))

    @router.put("/rules/{rule_id}", responses=_CHANGED, operation_id="edit_rule")
    def edit_rule(rule_id: RuleId, body: RuleEdit, who: Annotated[Principal, writer]) -> RuleLine:
        """A draft with this wording; 409 when it has changed since the revision named."""
        if body.id != rule_id:
            raise Invalid("A rule keeps its id; write another rule instead.")
        return kept_line(desk.edit(body.rule(), body.revision, who))

    @router.post("/rules/{rule_id}/moves", responses=_CHANGED, operation_id="move_rule")
    def move_rule(rule_id: RuleId, body: MoveBody, who: Annotated[Principal, writer]) -> RuleLine:
        """submit, return, shadow, part, live, pause or roll_back; nobody approves their own version."""
        asked = Asked(body.move, who.subject, body.reason, body.percent, body.version)
        return kept_line(desk.move(rule_id, asked, who, body.revision))


def _lists(router: APIRouter, desk: RuleDesk, requires: Requires) -> None:
    reader, writer = [Depends(requires("read"))], Depends(requires(WRITE))

    @router.get("/lists", dependencies=reader, responses=_ASKED, operation_id="list_lists")
    def list_lists() -> ListLines:
        """All lists, without their entries."""
        found = sorted(desk.book.lists.every(ALL), key=lambda one: one.name)
        return ListLines(items=[list_line(one, False) for one in found])

    @router.get("/lists/{name}", dependencies=reader, responses=_ASKED, operation_id="get_list")
    def get_list(name: ListName) -> ListLine:
        """One list with its entries."""
        kept = desk.book.lists.get(name)
        if kept is None:
            raise NotFound("There is no such list.")
        return list_line(kept[0], True)

    @router.put("/lists/{name}", responses=_CHANGED, operation_id="put_list")
    def put_list(name: ListName, body: ListBody, who: Annotated[Principal, writer]) -> ListLine:
        """Make or replace a list; block.FIELD and allow.FIELD act by themselves."""
        made = NamedList(name, body.field, tuple(one.entry() for one in body.entries))
        return list_line(desk.put_list(made, who), False)

    @router.delete("/lists/{name}", responses=_CHANGED, operation_id="delete_list")
    def delete_list(name: ListName, who: Annotated[Principal, writer]) -> Done:
        """Remove a list that no rule uses."""
        desk.drop_list(name, who)
        return Done()


def _snoozes(router: APIRouter, desk: RuleDesk, requires: Requires) -> None:
    reader, writer = [Depends(requires("read"))], Depends(requires(WRITE))

    @router.get("/snoozes", dependencies=reader, responses=_ASKED, operation_id="list_snoozes")
    def list_snoozes() -> SnoozeLines:
        """All snoozes, the one that ends last first."""
        return SnoozeLines(items=[snooze_line(one) for one in desk.book.snoozes.every(ALL)])

    @router.post("/snoozes", responses=_CHANGED, status_code=201, operation_id="create_snooze")
    def create_snooze(body: SnoozeBody, who: Annotated[Principal, writer]) -> SnoozeLine:
        """Keep a rule from counting for one value until a time."""
        until_ms = int(body.until.timestamp() * 1000)
        facts = (body.rule_id, body.field, body.value, until_ms, body.reason, who.subject)
        return snooze_line(desk.snooze(Snooze(desk.new_snooze_id(), *facts), who))

    @router.delete("/snoozes/{snooze_id}", responses=_CHANGED, operation_id="delete_snooze")
    def delete_snooze(snooze_id: SnoozeId, who: Annotated[Principal, writer]) -> Done:
        """End a snooze now."""
        desk.wake(snooze_id, who)
        return Done()
