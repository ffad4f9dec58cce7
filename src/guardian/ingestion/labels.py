"""Files of labels (CSV, NDJSON, Parquet): which transactions were fraud, and since when that is known."""

import csv
from collections.abc import Iterator, Mapping
from datetime import tzinfo
from pathlib import Path
from typing import Any

import msgspec

from guardian.domain.errors import Refused, Unreadable
from guardian.ingestion.files_time import file_time

NEEDED = ("transaction_id", "is_fraud", "known_at")
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
            name = _named(row["transaction_id"])
            label = Label(_VALUES[str(row["is_fraud"]).strip().lower()], file_time(row["known_at"], zone))
        except (KeyError, TypeError, Refused):
            rejected += 1
            continue
        known = by_id.get(name)
        if known is None or label.known_ms < known.known_ms:
            by_id[name] = label
    if not by_id:
        raise Unreadable(f"No line of the file could be read as a label. Expected {', '.join(NEEDED)}.")
    return Labels(by_id, rejected)


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
        table = pyarrow.parquet.read_table(path, columns=list(NEEDED))
    except (pyarrow.ArrowException, OSError) as error:
        raise Unreadable("The labels are not Parquet with the columns that are needed.") from error
    for values in zip(*(table[name].to_pylist() for name in NEEDED), strict=True):
        yield dict(zip(NEEDED, values, strict=True))
