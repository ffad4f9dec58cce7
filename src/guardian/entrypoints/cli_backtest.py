"""`guardian backtest`: of counts, the live detector over files, minute by minute, without looking ahead."""

import json
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from guardian.domain.clock import from_iso
from guardian.domain.errors import Misconfigured, Unreadable
from guardian.domain.window import MinuteCounts
from guardian.entrypoints.cli_backtest_transactions import transactions
from guardian.entrypoints.cli_data_forms import AsJson, Zone, say
from guardian.ingestion.csv_counts import read_counts
from guardian.ingestion.files_time import zone_of

SOURCE = "backtest"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="What would have fired.")
    group.command("counts")(counts)
    group.command("transactions")(transactions)
    app.add_typer(group, name="backtest")


def counts(
    files: Annotated[
        list[Path], typer.Argument(exists=True, dir_okay=False, help="CSV files, read together.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Where the alert lines go.")] = Path("alerts.jsonl"),
    everything: Annotated[
        bool, typer.Option("--all", help='Also what would not page, with "paged": false.')
    ] = False,
    tz: Zone = "UTC",
    as_json: AsJson = False,
) -> None:
    """Judge files of minute counts as if live; writes the lines that would page."""
    from guardian.watching.replay import replay_counts  # loads compiled code

    read = read_counts(files, zone_of(tz))
    if not read.items:
        raise Unreadable("No line of the file could be read as a count.")
    rows = (
        MinuteCounts(SOURCE, from_iso(item["minute"]), item["by"], item["counts"], 0) for item in read.items
    )
    found = list(replay_counts(rows, SOURCE, everything=everything))
    write_lines(out, [json.dumps(anomaly.line()) for anomaly in found])
    for path, bad in Counter(path for path, _ in read.rejects).items():
        say(f"{bad} lines of {path.name} could not be read.")
    say(f"{len(found)} alert lines in {out}.")
    if as_json:
        paged = sum(anomaly.paged for anomaly in found)
        summary = {"rows": read.rows, "rejected": len(read.rejects), "alerts": len(found), "paged": paged}
        typer.echo(json.dumps({**summary, "out": str(out)}))


def write_lines(out: Path, lines: list[str]) -> None:
    """One line each. Raises Misconfigured where the file cannot be written."""
    try:
        out.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    except OSError as error:
        raise Misconfigured("The alert lines cannot be written there.") from error
