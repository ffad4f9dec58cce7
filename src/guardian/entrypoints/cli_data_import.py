"""`guardian import`: files go in as a source of their own, and an interrupted import goes on."""

import csv
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from guardian.domain.errors import Misconfigured, Unreadable
from guardian.entrypoints import cli_data_labels
from guardian.entrypoints.cli_data_forms import Import, say, usable_source
from guardian.entrypoints.client import GuardianClient
from guardian.ingestion.csv_counts import is_counts, read_counts
from guardian.ingestion.files import FileBatch, Reject, read_transactions
from guardian.ingestion.files_time import zone_of

COUNT_ITEMS = 500
_LETTERS = str.maketrans("0123456789", "ghijklmnop")


class Progressed(msgspec.Struct):
    """How far an import has come: the last line (or item of counts) that was acknowledged."""

    done_to: int = 0
    accepted: int = 0
    rejected: int = 0
    rejects_bytes: int = 0
    finished: bool = False


class Summary(msgspec.Struct):
    """What an import did, over all its files."""

    accepted: int = 0
    rejected: int = 0
    resumed: bool = False
    sources: list[str] = msgspec.field(default_factory=list)
    rejects_files: list[str] = msgspec.field(default_factory=list)


def run(form: Import) -> None:
    """Import and say what became of it."""
    zone_of(form.tz)
    if form.labels is not None:
        cli_data_labels.run(form, form.labels)
    elif not form.files:
        raise typer.BadParameter("name files to import, or --labels FILE.")
    if not form.files:
        return
    kinds = {is_counts(path) for path in form.files}
    if len(kinds) > 1:
        raise typer.BadParameter("Import counts and transactions by two commands.")
    summary = Summary()
    with form.client() as client:
        if True in kinds:
            _counts(form, form.files, client, summary)
        else:
            for path in form.files:
                _transactions(form, path, client, summary)
    if form.as_json:
        typer.echo(msgspec.json.encode(summary))
    say(f"{summary.accepted} accepted, {summary.rejected} rejected, source {', '.join(summary.sources)}.")
    for name in summary.rejects_files:
        say(f"Rejected lines with their reasons: {name}")
    if summary.rejected and not summary.accepted:
        raise typer.Exit(1)


def source_of(form: Import, path: Path) -> str:
    """The source that was named, or one named after the file."""
    return usable_source(form.source or path.stem[:50]) or ""


def _transactions(form: Import, path: Path, client: GuardianClient, summary: Summary) -> None:
    source = source_of(form, path)
    memory = _Memory(form, [path], source)
    state = memory.state
    summary.sources.append(source)
    summary.resumed |= state.done_to > 0
    if not state.finished:
        rejects = RejectsFile(path, state)
        name = id_prefix(path, source)
        with _bar(path.name, _lines_in(path), state.done_to) as advance:
            for batch in read_transactions(path, zone_of(form.tz), state.done_to):
                _send(batch, name, source, (client, state, rejects))
                memory.keep()
                advance(batch.last_line)
        state.finished = True
        memory.keep()
    _add_up(summary, state, [path])


def _send(
    batch: FileBatch, name: str, source: str, into: tuple[GuardianClient, Progressed, "RejectsFile"]
) -> None:
    """One batch; a row without an id gets one that a second try gives again."""
    client, state, rejects = into
    bad = list(batch.rejects)
    if batch.rows:
        rows = [
            row if "transaction_id" in row else {**row, "transaction_id": f"{name}-{line}"}
            for line, row in zip(batch.lines, batch.rows, strict=True)
        ]
        taken = client.post_transactions(rows, source)
        bad += [Reject(batch.lines[index], reason) for index, reason in taken.rejected]
        state.accepted += taken.accepted
    state.rejects_bytes = rejects.add(sorted(bad, key=lambda one: one.line))
    state.rejected += len(bad)
    state.done_to = batch.last_line


def _counts(form: Import, files: Sequence[Path], client: GuardianClient, summary: Summary) -> None:
    """All files together, in time order; the very last item says that nothing follows."""
    source = source_of(form, files[0])
    memory = _Memory(form, files, source)
    state = memory.state
    summary.sources.append(source)
    summary.resumed |= state.done_to > 0
    if not state.finished:
        read = read_counts(files, zone_of(form.tz))
        if not read.items:
            raise Unreadable("No line of the file could be read as a count.")
        state.rejected = len(read.rejects)
        for path in files:
            state.rejects_bytes = 0
            RejectsFile(path, state).add([bad for where, bad in read.rejects if where == path])
        items: list[dict[str, Any]] = [{**item, "source": source} for item in read.items]
        items[-1]["last"] = True
        with _bar(source, len(items), state.done_to) as advance:
            for start in range(state.done_to, len(items), COUNT_ITEMS):
                state.accepted += client.post_counts(items[start : start + COUNT_ITEMS])
                state.done_to = min(start + COUNT_ITEMS, len(items))
                memory.keep()
                advance(state.done_to)
        state.finished = True
        memory.keep()
    _add_up(summary, state, files)


def _add_up(summary: Summary, state: Progressed, paths: Sequence[Path]) -> None:
    summary.accepted += state.accepted
    summary.rejected += state.rejected
    if state.rejected:
        summary.rejects_files += [str(one) for one in map(rejects_path, paths) if one.exists()]


def rejects_path(path: Path) -> Path:
    """Where the rejected lines of a file are listed: beside it."""
    return path.with_name(path.name + ".rejects.csv")


class RejectsFile:
    """`line,reason` of what was not taken, beside the file; made when there is something to list."""

    def __init__(self, path: Path, state: Progressed) -> None:
        self._path = rejects_path(path)
        self._bytes = state.rejects_bytes
        # what an interrupted run listed but did not acknowledge is listed again
        if self._path.exists():
            os.truncate(self._path, min(self._bytes, self._path.stat().st_size))
            if not self._bytes:
                self._path.unlink()

    def add(self, rejects: Sequence[Reject]) -> int:
        """Append and return the size of the list in bytes."""
        if not rejects:
            return self._bytes
        try:
            with self._path.open("a", encoding="utf-8", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                if file.tell() == 0:
                    writer.writerow(["line", "reason"])
                writer.writerows((one.line, one.reason) for one in rejects)
                self._bytes = file.tell()
        except OSError as error:
            raise Misconfigured("The list of rejected lines cannot be written beside the file.") from error
        return self._bytes


class _Memory:
    """The state of an import in the data folder, found again by file, size, time and source."""

    def __init__(self, form: Import, paths: Sequence[Path], source: str) -> None:
        facts = [(str(one.resolve()), one.stat().st_size, one.stat().st_mtime_ns) for one in paths]
        key = hashlib.sha256(json.dumps([facts, source, form.tz, form.url]).encode()).hexdigest()
        self._path = form.folder() / "imports" / f"{key}.json"
        self.state = Progressed() if form.restart else self._read()

    def _read(self) -> Progressed:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Progressed)
        except (FileNotFoundError, msgspec.DecodeError):
            return Progressed()

    def keep(self) -> None:
        """Write the state down in one step."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = self._path.with_suffix(".part")
        part.write_bytes(msgspec.json.encode(self.state))
        part.replace(self._path)


def id_prefix(path: Path, source: str) -> str:
    """The same for the same content and source; letters only, so that it never looks like a card number."""
    digest = hashlib.sha256(source.encode())
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return "import-" + digest.hexdigest()[:20].translate(_LETTERS)


def _lines_in(path: Path) -> int:
    if path.suffix.lower() in (".parquet", ".pq"):
        import pyarrow
        import pyarrow.parquet

        try:
            return int(pyarrow.parquet.read_metadata(path).num_rows)
        except (pyarrow.ArrowException, OSError) as error:
            raise Unreadable("The file is not Parquet that can be read.") from error
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


@contextmanager
def _bar(name: str, total: int, done: int) -> Iterator[Any]:
    """A progress bar on stderr; what it gives is told how far the work has come."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(name, total=max(total, done), completed=done)
        yield lambda done_to: progress.update(task, completed=min(done_to, max(total, done)))
