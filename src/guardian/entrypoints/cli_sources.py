"""`guardian sources`: what has been imported, and its removal."""

import json
from typing import Annotated

import typer

from guardian.domain.clock import iso
from guardian.domain.errors import NotFound
from guardian.entrypoints.cli_care import Data, parts_of

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="What sends, and what was imported.")
    group.command("list")(show)
    group.command()(remove)
    app.add_typer(group, name="sources")


def show(data: Data = None, as_json: AsJson = False) -> None:
    """List every source: its kind, its first minute and its newest event (UTC)."""
    for one in parts_of(data).store.minutes.progress():
        facts = {
            "source": one.source,
            "kind": one.kind,
            "first": iso(one.first_minute_ms),
            "newest": iso(one.event_ms),
        }
        typer.echo(json.dumps(facts) if as_json else "\t".join(facts.values()))


def remove(
    source: str,
    data: Data = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove an imported source: its transactions, minutes, series and anomalies."""
    from guardian.learning.housekeeping import remove_source
    from guardian.watching.checkpoints import SUFFIXES, Checkpoints

    parts = parts_of(data)
    store = parts.store
    if source not in {one.source for one in store.minutes.progress()}:
        raise NotFound("There is no source of that name; see: guardian sources list")
    if not yes:
        typer.confirm(f"Remove everything of {source}?", abort=True, err=True)
    removed = remove_source(source, store.transactions, store.minutes, store.labels, store.records)
    for suffix in SUFFIXES:
        Checkpoints(parts.folder / "watching", suffix).remove(source)
    store.audit.append(parts.clock.now_ms(), "cli", "source removed", source, {"rows": str(removed)})
    typer.echo(f"{source} removed, {removed} rows.", err=True)
