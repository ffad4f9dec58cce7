"""Files of transactions (CSV, NDJSON, Parquet), read in batches whose rows know their line."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from guardian.domain.clock import iso
from guardian.domain.errors import Refused, Unreadable
from guardian.ingestion.csv_lines import LONGEST_LINE, csv_lines, header_of
from guardian.ingestion.files_time import file_time
from guardian.ingestion.schema import TransactionIn, refuse

BATCH_ROWS = 5_000
NEEDED = ("status", "amount", "merchant_id")
KNOWN = TransactionIn.__struct_fields__
KNOWN_SET = frozenset(KNOWN)
_PARQUET, _NDJSON = (".parquet", ".pq"), (".ndjson", ".jsonl")
Row = dict[str, Any]


class Reject(msgspec.Struct, frozen=True):
    """A line that was not taken and why; never what it held."""

    line: int
    reason: str


class FileBatch(msgspec.Struct, frozen=True):
    """Rows for POST /transactions/batch, the line of each, and the lines that are none."""

    lines: list[int]
    rows: list[Row]
    rejects: list[Reject]
    last_line: int


def read_transactions(
    path: Path, zone: tzinfo = UTC, after_line: int = 0, batch_rows: int = BATCH_ROWS
) -> Iterator[FileBatch]:
    """Batches of the lines after `after_line`; a time without a zone is in `zone`.

    Raises Unreadable when the file is not one of transactions. Lines count from 1, a header too;
    in Parquet they are row numbers.
    """
    lines = (pair for pair in _raw_lines(path) if pair[0] > after_line)
    while taken := list(islice(lines, batch_rows)):
        yield _batch(taken, zone)


def _batch(taken: list[tuple[int, Row | Reject]], zone: tzinfo) -> FileBatch:
    batch = FileBatch([], [], [], taken[-1][0])
    for line, raw in taken:
        try:
            if isinstance(raw, Reject):
                batch.rejects.append(raw)
                continue
            row = _wire(raw, zone)
        except Refused as refusal:
            batch.rejects.append(Reject(line, reason_of(refusal)))
            continue
        batch.lines.append(line)
        batch.rows.append(row)
    return batch


def reason_of(refusal: Refused) -> str:
    """The words of a refusal, with the field it is about."""
    if not refusal.errors:
        return refusal.detail
    first = refusal.errors[0]
    return f"{first['pointer'].lstrip('/')}: {first['detail']}".removeprefix(": ")


def _wire(raw: Mapping[str, Any], zone: tzinfo) -> Row:
    """Empty fields left out, the time with its zone, codes as text."""
    row: Row = {}
    for name, value in raw.items():
        if value is None or value == "":
            continue
        row[name] = value if name == "amount" or isinstance(value, str | datetime) else _text(name, value)
    for name in NEEDED:
        if name not in row:
            raise refuse(f"/{name}", "missing", "A transaction needs it.")
    if row["amount"] != row["amount"]:
        raise refuse("/amount", "number", "Expected a number.")
    if "timestamp" in row:
        row["timestamp"] = iso(file_time(row["timestamp"], zone))
    return row


def _text(name: str, value: object) -> str:
    if isinstance(value, bool | float | list | dict):
        raise refuse(f"/{name}", "text", "Expected text.")
    return str(value)


def _raw_lines(path: Path) -> Iterator[tuple[int, Row | Reject]]:
    suffix = path.suffix.lower()
    if suffix in _PARQUET:
        return _parquet(path)
    return _ndjson(path) if suffix in _NDJSON else _csv(path)


def _csv(path: Path) -> Iterator[tuple[int, Row | Reject]]:
    header = header_of(path)
    _check_columns(header)
    for line, fields in csv_lines(path, len(header)):
        yield (
            line,
            Reject(line, fields) if isinstance(fields, str) else dict(zip(header, fields, strict=True)),
        )


def _ndjson(path: Path) -> Iterator[tuple[int, Row | Reject]]:
    decoder = msgspec.json.Decoder(Row)
    recognised = False
    with path.open("rb") as file:
        for line, raw in enumerate(_bounded_lines(file), start=1):
            if raw is None:
                yield line, Reject(line, "The line is too long.")
                continue
            if not raw.strip():
                continue
            try:
                row = decoder.decode(raw)
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
                yield line, Reject(line, "Not a JSON object.")
                continue
            if not recognised and not KNOWN_SET.intersection(row):
                _check_columns(list(row))
            recognised = True
            unknown = not KNOWN_SET.issuperset(row)
            yield line, Reject(line, "There is a field this form does not have.") if unknown else row


def _bounded_lines(file: BinaryIO) -> Iterator[bytes | None]:
    """Each line, None for one that is too long, of which no more is held than that."""
    while raw := file.readline(LONGEST_LINE):
        whole = raw
        while len(raw) == LONGEST_LINE and not raw.endswith(b"\n"):
            raw = file.readline(LONGEST_LINE)
            whole = b""
        yield whole or None


def _parquet(path: Path) -> Iterator[tuple[int, Row | Reject]]:
    import pyarrow
    import pyarrow.parquet

    try:
        file = pyarrow.parquet.ParquetFile(path)
        _check_columns(file.schema_arrow.names)
        line = 0
        for batch in file.iter_batches(batch_size=BATCH_ROWS):
            columns = [_column(column) for column in batch.columns]
            for values in zip(*columns, strict=True):
                line += 1
                yield line, dict(zip(batch.schema.names, values, strict=True))
    except (pyarrow.ArrowException, OSError) as error:
        raise Unreadable("The file is not Parquet that can be read.") from error


def _column(column: Any) -> list[Any]:
    """Values of a column; a time with a zone as text at once, which is far quicker than as datetimes."""
    import pyarrow

    kind = column.type
    if pyarrow.types.is_dictionary(kind):
        return list(column.dictionary_decode().to_pylist())
    if pyarrow.types.is_timestamp(kind) and kind.tz:
        milliseconds = column.cast(pyarrow.timestamp("ms", kind.tz), safe=False).cast(pyarrow.int64())
        return [None if ms is None else iso(ms) for ms in milliseconds.to_pylist()]
    return list(column.to_pylist())


def _check_columns(header: list[str]) -> None:
    missing = [name for name in NEEDED if name not in header]
    if missing or not KNOWN_SET.issuperset(header):
        wanted = f"status, amount, merchant_id and of {', '.join(n for n in KNOWN if n not in NEEDED)}"
        raise Unreadable(f"These are not columns of transactions, with commas between. Expected {wanted}.")
