"""`guardian backtest transactions`: every transaction of a file judged as if live, without looking ahead."""

import csv
import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from guardian.bootstrap import models
from guardian.domain.errors import Misconfigured, NotFound
from guardian.domain.verdict import AlertLevel
from guardian.entrypoints.cli_data_forms import AsJson, Data, File, Zone, say
from guardian.ingestion.files_time import zone_of
from guardian.settings import Settings, load

if TYPE_CHECKING:
    from guardian.learning.backtest import Judged
    from guardian.models.artefact import ModelArtefact

CHAMPION = "champion"


def transactions(
    file: File,
    out: Annotated[Path, typer.Option("--out", help="Where the scores go.")] = Path("scores.csv"),
    model: Annotated[
        str | None,
        typer.Option("--model", help="champion, or a version; without it, learns from the file's past."),
    ] = None,
    tz: Zone = "UTC",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Judge a file of transactions as if live; writes transaction_id,score,level,reasons in event order."""
    from guardian.ingestion.ordered import read_ordered
    from guardian.learning.backtest import backtest  # loads compiled code
    from guardian.scoring.judge import ForestJudge
    from guardian.scoring.rules import load_rules

    settings = load(os.environ, **({} if data is None else {"data_dir": data}))
    rules = settings.scoring.rules_file
    chosen = None if model is None else _chosen(settings, model)
    judge = ForestJudge(load_rules(Path(rules) if rules else None), chosen)
    read = read_ordered(file, zone_of(tz))
    levels = _written(out, backtest(read.transactions, judge, learning=chosen is None))
    if read.rejected:
        say(f"{read.rejected} lines of {file.name} could not be read.")
    if read.repeated:
        say(f"{read.repeated} transactions came again and were judged once.")
    flagged = levels.total() - levels[AlertLevel.NORMAL]
    say(f"{levels.total()} transactions judged, {flagged} flagged, in {out}.")
    if as_json:
        summary = {"rows": levels.total(), "rejected": read.rejected, "repeated": read.repeated}
        typer.echo(json.dumps({**summary, "flagged": flagged, "out": str(out)}))


def _chosen(settings: Settings, name: str) -> "ModelArtefact":
    """Raises NotFound and Poisoned as the registry does."""
    registry = models(settings)
    version = registry.champion() if name == CHAMPION else name
    if version is None:
        raise NotFound("There is no champion yet.")
    return registry.load(version)


def _written(out: Path, judged: Iterator["Judged"]) -> Counter[str]:
    """How many of each level. Raises Misconfigured where the file cannot be written."""
    levels: Counter[str] = Counter()
    try:
        with out.open("w", encoding="utf-8", newline="") as target:
            writer = csv.writer(target, lineterminator="\n")
            writer.writerow(["transaction_id", "score", "level", "reasons"])
            for one in judged:
                writer.writerow([one.transaction_id, f"{one.score:.9g}", one.level, one.reasons])
                levels[one.level] += 1
    except OSError as error:
        raise Misconfigured("The scores cannot be written there.") from error
    return levels
