"""`guardian drill`: what would be found today, tried on copies of live traffic and on past incidents."""

import json
import os
from collections.abc import Iterator
from typing import Annotated

import typer

from guardian.domain.clock import iso
from guardian.domain.drill import LEAST_SHARE, CaseResult, Drill, Practised
from guardian.entrypoints.cli_care import FOUND, Data, parts_of
from guardian.entrypoints.cli_data_forms import AsJson, say
from guardian.pipeline import Parts

NICE = 10
_ROW = "{:<40} {:>8} {:>7} {:>7}  {:<11} {}"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(drill)


def drill(
    days: Annotated[int, typer.Option(min=3, max=90, help="Of live traffic.")] = 14,
    seed: Annotated[int, typer.Option(min=0, help="Where and how; the same gives the same.")] = 0,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Degrade a copy of live traffic and report what is found, and how soon; 3 when too little is."""
    os.nice(NICE)  # live traffic comes first
    held = hold(parts_of(data), days, seed)
    typer.echo(json.dumps(held.line()) if as_json else "\n".join(told(held)))
    raise typer.Exit(exit_code(held))


def hold(parts: Parts, days: int, seed: int) -> Drill:
    """A drill on this installation, kept for the quality page."""
    from guardian.learning.practice import Practice  # loads compiled code

    store = parts.store
    practice = Practice(store.minutes, store.transactions, store.records, parts.asked, parts.clock)
    return practice.hold(days, seed, say)


def exit_code(held: Drill) -> int:
    """0, or that something was found: what must be caught is not."""
    return 0 if held.passed else FOUND


def told(held: Drill) -> Iterator[str]:
    """The report as lines of text."""
    yield f"Fire drill on live traffic from {iso(held.since_ms)} to {iso(held.until_ms)}, seed {held.seed}"
    yield _ROW.format("injected", "size", "drills", "found", "95 %", "median delay")
    for one in held.practised:
        yield _row(one)
    for case in held.cases:
        yield _case(case)
    if any(one.too_rarely for one in held.practised):
        yield f"! must be found in {LEAST_SHARE:.0%} of the drills"
    if held.missed:
        yield f"! {held.missed} of {len(held.cases)} incidents of the past would be missed today"


def _row(one: Practised) -> str:
    low, high = one.interval
    delay = "–" if one.delay_minutes is None else f"{one.delay_minutes:g} min"
    name = f"{one.kind} {one.segment}".rstrip()
    mark = "  !" if one.too_rarely else ""
    interval = f"{low:.0%}–{high:.0%}"
    size = "all" if one.segment else f"{one.severity:g}"
    return _ROW.format(name, size, one.drills, f"{one.share:.0%}", interval, delay) + mark


def _case(case: CaseResult) -> str:
    caught = "missed  !" if case.delay_minutes is None else f"caught after {case.delay_minutes} min"
    return f"case {case.case_id}: {case.series} since {iso(case.start_ms)}: {caught}"
