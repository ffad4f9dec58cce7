"""`guardian import --labels`: what became known of transactions goes in; sending it again changes nothing."""

from pathlib import Path

import msgspec
import typer

from guardian.domain.errors import Unreadable
from guardian.entrypoints.cli_data_forms import Import, say
from guardian.entrypoints.client import GuardianClient
from guardian.ingestion.files_time import zone_of
from guardian.ingestion.labels import NEEDED, label_items

ITEMS = 2_000
TOLD = 5


class LabelSummary(msgspec.Struct):
    """What an import of labels did; lines are counted from the first below the head."""

    accepted: int = 0
    unknown: int = 0
    rejected: int = 0
    unknown_lines: list[int] = msgspec.field(default_factory=list)
    rejected_lines: list[tuple[int, str]] = msgspec.field(default_factory=list)


def run(form: Import, path: Path) -> None:
    """Import and say what became of it; which lines is told of the first few, and of all with --json."""
    summary = LabelSummary()
    with form.client() as client:
        batch: list[tuple[int, dict[str, object]]] = []
        for line, item in enumerate(label_items(path, zone_of(form.tz)), start=1):
            if item is None:
                _refuse(summary, line, f"No label; expected {', '.join(NEEDED)}.")
                continue
            batch.append((line, {**item, "source": form.source} if form.source else item))
            if len(batch) == ITEMS:
                _send(batch, client, summary)
                batch = []
        if batch:
            _send(batch, client, summary)
    if not summary.accepted and not summary.rejected:
        raise Unreadable(f"No line of the file could be read as a label. Expected {', '.join(NEEDED)}.")
    if form.as_json:
        typer.echo(msgspec.json.encode(summary))
    _tell(summary)
    if not summary.accepted:
        raise typer.Exit(1)


def _send(batch: list[tuple[int, dict[str, object]]], client: GuardianClient, summary: LabelSummary) -> None:
    taken = client.post_labels([item for _, item in batch])
    summary.accepted += taken.accepted
    summary.unknown += len(taken.unknown)
    summary.unknown_lines += [batch[index][0] for index in taken.unknown]
    for index, reason in taken.rejected:
        _refuse(summary, batch[index][0], reason)


def _refuse(summary: LabelSummary, line: int, reason: str) -> None:
    summary.rejected += 1
    summary.rejected_lines.append((line, reason))


def _tell(summary: LabelSummary) -> None:
    say(f"{summary.accepted} labels kept, {summary.rejected} rejected.")
    if summary.unknown:
        lines = ", ".join(map(str, summary.unknown_lines[:TOLD]))
        more = ", …" if summary.unknown > TOLD else ""
        say(f"Of {summary.unknown} the transaction is not known; they wait for it. Lines {lines}{more}")
    for line, reason in summary.rejected_lines[:TOLD]:
        say(f"Line {line}: {reason}")
