"""`guardian backtest transactions`: every transaction of a file judged as if live, without looking ahead."""

import csv
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from guardian.domain.errors import Misconfigured, NotFound
from guardian.domain.transaction import Transaction
from guardian.domain.verdict import AlertLevel
from guardian.entrypoints.cli_data_forms import AsJson, File, Zone, say
from guardian.ingestion.files_time import zone_of
from guardian.ingestion.labels import Labels, read_labels
from guardian.ingestion.ordered import read_ordered
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
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels",
            exists=True,
            dir_okay=False,
            help="transaction_id,is_fraud,known_at: learns from these too.",
        ),
    ] = None,
    tz: Zone = "UTC",
    as_json: AsJson = False,
) -> None:
    """Judge a file of transactions as if live; writes transaction_id,score,level,reasons in event order."""
    from guardian.learning.backtest import Backtest  # loads compiled code
    from guardian.scoring.judge import ForestJudge
    from guardian.scoring.rules.ruleset import load_rules

    settings = load(os.environ)
    rules = settings.scoring.rules_file
    chosen = None if model is None else _chosen(settings, model)
    judge = ForestJudge(load_rules(Path(rules) if rules else None), chosen)
    read = read_ordered(file, zone_of(tz))
    known = None if labels is None else read_labels(labels, zone_of(tz))
    by_id = {} if known is None else known.by_id
    levels = _written(out, Backtest(read.transactions, judge, chosen is None, by_id).run())
    if read.rejected:
        say(f"{read.rejected} lines of {file.name} could not be read.")
    if read.repeated:
        say(f"{read.repeated} transactions came again and were judged once.")
    summary = {"rows": levels.total(), "rejected": read.rejected, "repeated": read.repeated}
    if known is not None:
        summary |= _of_labels(known, read.transactions)
    flagged = levels.total() - levels[AlertLevel.NORMAL]
    say(f"{levels.total()} transactions judged, {flagged} flagged, in {out}.")
    if as_json:
        typer.echo(json.dumps({**summary, "flagged": flagged, "out": str(out)}))


def _of_labels(known: Labels, events: Sequence[Transaction]) -> dict[str, int]:
    """Say which labels could not be used."""
    unknown = len(known.by_id.keys() - {one.transaction_id for one in events})
    if known.rejected:
        say(f"{known.rejected} lines of the labels could not be read.")
    if unknown:
        say(f"{unknown} labels are of transactions that are not in the file.")
    return {
        "labels": len(known.by_id) - unknown,
        "labels_rejected": known.rejected,
        "labels_unknown": unknown,
    }


def _chosen(settings: Settings, name: str) -> "ModelArtefact":
    """Raises NotFound and Poisoned as the registry does."""
    from guardian.bootstrap import models

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
