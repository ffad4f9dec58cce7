"""`guardian backtest counts`: the live detector over files, minute by minute, without looking ahead."""

import json
from pathlib import Path
from typing import Annotated

import typer

from guardian.domain.clock import from_iso
from guardian.domain.window import MinuteCounts
from guardian.ingestion.csv_counts import read_counts
from guardian.watching.replay import replay_counts


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="What would have fired.")
    group.command("counts")(counts)
    group.callback()(_several)
    app.add_typer(group, name="backtest")


def counts(
    files: Annotated[
        list[Path], typer.Argument(exists=True, dir_okay=False, help="CSV files, read together.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Where the alert lines go.")] = Path("alerts.jsonl"),
) -> None:
    """Judge files of minute counts as if live; writes the lines that would page."""
    read = read_counts(files)
    rows = (
        MinuteCounts("backtest", from_iso(item["minute"]), item["by"], item["counts"], 0)
        for item in read.items
    )
    lines = [json.dumps(anomaly.line()) for anomaly in replay_counts(rows, "backtest")]
    out.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    if read.rejects:
        typer.echo(f"{len(read.rejects)} lines could not be read.", err=True)
    typer.echo(f"{len(lines)} alert lines in {out}.", err=True)


def _several() -> None:
    """Keep `counts` a word of its own while it is the only one."""
