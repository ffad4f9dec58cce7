"""`guardian rules`: list, check, backtest and bring forward what decides about single transactions."""

import getpass
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from guardian.domain.errors import Misconfigured, Unparsable
from guardian.domain.verdict import LEVELS
from guardian.entrypoints.cli_care import FOUND, Data, one_of, parts_of
from guardian.entrypoints.cli_data_forms import AsJson, say
from guardian.pipeline import Parts
from guardian.scoring.rules.definition import Rule
from guardian.scoring.rules.desk import RuleDesk
from guardian.scoring.rules.lifecycle import Asked, Move
from guardian.scoring.rules.report import Report
from guardian.scoring.rules.written import read_rule, read_rules
from guardian.security.identity import ROLES, Principal

if TYPE_CHECKING:
    from guardian.learning.rules_backtest import RuleTrials

RuleFile = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A rule, or a file of rules.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Rules: what decides, and what would.")
    group.command("list")(show)
    for command in (check, backtest, publish, move):
        group.command()(command)
    app.add_typer(group, name="rules")


def show(data: Data = None, as_json: AsJson = False) -> None:
    """List every rule with its state, its part of the traffic and its version."""
    parts = parts_of(data)
    for life in _desk(parts).every():
        shown = life.shown
        facts = {"id": life.rule_id, "state": shown.state, "percent": shown.percent, "version": shown.number}
        typer.echo(json.dumps(facts) if as_json else "\t".join(map(str, facts.values())))


def check(file: RuleFile, data: Data = None) -> None:
    """Read rules; what is wrong is told as file:line:column, and 3 is returned."""
    rules = _read(file, parts_of(data))
    say(f"{len(rules)} rules of {file.name} are understood.")


def backtest(
    file: RuleFile,
    days: Annotated[int, typer.Option(min=1, max=90, help="Of stored history.")] = 7,
    source: Annotated[str, typer.Option(help="live, or the name of an import.")] = "live",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Try rules on stored history; 3 when one matches nearly everything."""
    parts = parts_of(data)
    reports = [(rule, _trials(parts).run(rule, days, source)) for rule in _read(file, parts)]
    for rule, report in reports:
        typer.echo(json.dumps({"id": rule.id, **report.line()}) if as_json else "\n".join(told(rule, report)))
    raise typer.Exit(FOUND if any(report.too_wide for _, report in reports) else 0)


def publish(
    file: RuleFile,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the reviewer.")],
    data: Data = None,
) -> None:
    """Draft the rules of a file and send them to review; a second person lets them count."""
    parts, who = parts_of(data), _me()
    desk = _desk(parts)
    for rule in _read(file, parts):
        kept = desk.book.rules.get(rule.id)
        if kept is None:
            desk.create(rule, who)
        else:
            desk.edit(rule, kept[1], who)
        desk.move(rule.id, Asked(Move.SUBMIT, who.subject, reason), who)
        say(f"{rule.id} waits for its review.")


def move(
    rule_id: str,
    what: Annotated[str, typer.Argument(callback=one_of([*Move]), help=", ".join(Move))],
    reason: Annotated[str, typer.Option("--reason", help="Why, for the history.")],
    percent: Annotated[int | None, typer.Option("--percent", min=1, max=99)] = None,
    data: Data = None,
) -> None:
    """Make a move with a rule, as the person whose account runs this."""
    parts, who = parts_of(data), _me()
    life, _ = _desk(parts).move(rule_id, Asked(Move(what), who.subject, reason, percent), who)
    say(f"{rule_id} is {life.shown.state}; the rules that decide are {parts.rules.current_version()}.")


def told(rule: Rule, report: Report) -> Iterator[str]:
    """A report as lines of text."""
    share = f"{report.share:.3%}"
    yield f"{rule.id}: would have fired {report.fired} times in {report.rows} transactions ({share})"
    yield f"  {report.a_day:.2f} a day; read in {report.took_ms / 1000:.1f} s"
    if report.fired_today is not None:
        yield f"  its live version: {report.fired_today}"
    for flip in report.flips:
        what = f"{LEVELS[flip.before]} to {LEVELS[flip.after]}: {flip.n}"
        yield f"  {what}, of them labelled {flip.labelled}, fraud {flip.fraud}"
    precision = "unknown" if report.precision is None else f"{report.precision:.2f}"
    recall = "unknown" if report.recall is None else f"{report.recall:.2f}"
    yield f"  precision {precision} of {report.right + report.wrong} labelled firings"
    yield f"  recall {recall} of {report.frauds} labelled frauds"
    if report.too_wide:
        yield "! matches nearly everything"


def _read(file: Path, parts: Parts) -> list[Rule]:
    """The rules of a file. Ends the command with 3 where it is not understood."""
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured("The file of rules cannot be read.") from error
    lists = parts.rules.list_fields()
    try:
        many = any(line.startswith("rules:") for line in text.splitlines())
        return read_rules(text, lists) if many else [read_rule(text, lists)]
    except Unparsable as error:
        typer.echo(f"{file}:{error.placed()}", err=True)
        raise typer.Exit(FOUND) from error


def _me() -> Principal:
    """Whoever may use the data folder may do all of this; who it was is written down."""
    return Principal(f"cli {getpass.getuser()}", ROLES["admin"])


def _desk(parts: Parts) -> RuleDesk:
    parts.rules.begin()
    return RuleDesk(parts.rules, parts.store.audit, parts.clock, lambda rule: _trials(parts).share(rule))


def _trials(parts: Parts) -> "RuleTrials":
    from guardian.learning.rules_backtest import RuleTrials, labels_in

    return RuleTrials(parts.store.transactions, parts.rules, parts.clock, labels_in(parts.store.labels))
