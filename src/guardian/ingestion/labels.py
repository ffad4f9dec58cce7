"""Files of labels (CSV, NDJSON, Parquet): which transactions were fraud, and since when that is known."""

import csv
from collections.abc import Iterator, Mapping
from datetime import tzinfo
from pathlib import Path
from typing import Any

import msgspec

from guardian.domain.clock import iso
from guardian.domain.errors import Refused, Unreadable
from guardian.ingestion.files_time import file_time

NEEDED = ("transaction_id", "is_fraud", "known_at")
OPTIONAL = ("kind", "merchant_id", "source")
_VALUES = {"1": True, "true": True, "0": False, "false": False}
Row = Mapping[str, Any]


class Label(msgspec.Struct, frozen=True):
    """What became known of a transaction, and when."""

    fraud: bool
    known_ms: int


class Labels(msgspec.Struct, frozen=True):
    """Labels by transaction id, and how many lines were none."""

    by_id: dict[str, Label]
    rejected: int


def read_labels(path: Path, zone: tzinfo) -> Labels:
    """The earliest label of each transaction counts. Raises Unreadable when the file has none."""
    by_id: dict[str, Label] = {}
    rejected = 0
    for row in _rows(path):
        try:
            name, fraud, known_ms = _read(row, zone)
        except (KeyError, TypeError, Refused):
            rejected += 1
            continue
        known = by_id.get(name)
        if known is None or known_ms < known.known_ms:
            by_id[name] = Label(fraud, known_ms)
    if not by_id:
        raise _none()
    return Labels(by_id, rejected)


def label_items(path: Path, zone: tzinfo) -> Iterator[dict[str, Any] | None]:
    """Line by line what `POST /labels` takes; None for a line that is no label. Raises Unreadable."""
    for row in _rows(path):
        try:
            name, fraud, known_ms = _read(row, zone)
        except (KeyError, TypeError, Refused):
            yield None
            continue
        also = {column: str(row[column]) for column in OPTIONAL if row.get(column)}
        yield {"transaction_id": name, "is_fraud": fraud, "known_at": iso(known_ms), **also}


def _read(row: Row, zone: tzinfo) -> tuple[str, bool, int]:
    """Raises KeyError, TypeError or Refused when it is no label."""
    fraud = _VALUES[str(row["is_fraud"]).strip().lower()]
    return _named(row["transaction_id"]), fraud, file_time(row["known_at"], zone)


def _none() -> Unreadable:
    return Unreadable(f"No line of the file could be read as a label. Expected {', '.join(NEEDED)}.")


def _named(value: object) -> str:
    """Raises KeyError for what names no transaction."""
    if value is None or value == "":
        raise KeyError("transaction_id")
    return str(value)


def _rows(path: Path) -> Iterator[Row]:
    suffix = path.suffix.lower()
    if suffix in (".parquet", ".pq"):
        yield from _parquet(path)
        return
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            if suffix in (".ndjson", ".jsonl"):
                yield from (_object(line) for line in file if line.strip())
            else:
                yield from csv.DictReader(file)
    except (UnicodeDecodeError, csv.Error) as error:
        raise Unreadable("The labels are not text in UTF-8.") from error


def _object(line: str) -> Row:
    """An empty row for a line that is no JSON object."""
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        return {}


def _parquet(path: Path) -> Iterator[Row]:
    import pyarrow
    import pyarrow.parquet

    try:
        known = pyarrow.parquet.read_schema(path).names
        columns = [*NEEDED, *(name for name in OPTIONAL if name in known)]
        table = pyarrow.parquet.read_table(path, columns=columns)
        lists = [table[name].to_pylist() for name in columns]
    except (pyarrow.ArrowException, OSError, KeyError) as error:
        raise Unreadable("The labels are not Parquet with the columns that are needed.") from error
    for values in zip(*lists, strict=True):
        yield dict(zip(columns, values, strict=True))
