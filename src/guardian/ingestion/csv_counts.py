"""CSV of minute counts: `timestamp,status,count` or `timestamp,auth_code,count`."""

import re
from collections.abc import Sequence
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any

import msgspec

from guardian.domain.clock import floor_minute, iso
from guardian.domain.errors import Refused, Unreadable
from guardian.domain.window import VIEWS
from guardian.ingestion.csv_lines import csv_lines, header_of
from guardian.ingestion.files import Reject, reason_of
from guardian.ingestion.files_time import file_time
from guardian.ingestion.schema import COUNTED_NAMES
from guardian.observability.masking import looks_like_pan

HIGHEST_COUNT = 1_000_000_000
_COUNT = re.compile(r"[0-9]{1,10}", re.ASCII)
Counted = dict[tuple[int, str], dict[str, int]]


class CountsFile(msgspec.Struct, frozen=True):
    """Items for POST /counts in time order, and the lines that are none, by file."""

    items: list[dict[str, Any]]
    rejects: list[tuple[Path, Reject]]
    rows: int


def is_counts(path: Path) -> bool:
    """Whether the file is one of counts, by its column names. Raises Unreadable when it has none."""
    if path.suffix.lower() not in ("", ".csv", ".txt"):
        return False
    return "count" in header_of(path)


def read_counts(paths: Sequence[Path], zone: tzinfo = UTC) -> CountsFile:
    """The files read together: sorted by time, rows of one minute merged; a naive time is in `zone`.

    Raises Unreadable when the columns are others.
    """
    counted: Counted = {}
    rejects: list[tuple[Path, Reject]] = []
    rows = 0
    for path in paths:
        bad = _read_one(path, zone, counted)
        rejects += [(path, one) for one in bad[0]]
        rows += bad[1]
    items = [
        {"minute": iso(minute_ms), "by": by, "counts": counted[minute_ms, by]}
        for minute_ms, by in sorted(counted, key=lambda key: (key[0], VIEWS.index(key[1])))
    ]
    return CountsFile(items, rejects, rows)


def _read_one(path: Path, zone: tzinfo, counted: Counted) -> tuple[list[Reject], int]:
    header = header_of(path)
    views = [name for name in VIEWS if sorted(header) == sorted(["timestamp", name, "count"])]
    if not views:
        raise Unreadable("Expected the columns timestamp,status,count or timestamp,auth_code,count.")
    by = views[0]
    places = [header.index(name) for name in ("timestamp", by, "count")]
    rejects: list[Reject] = []
    rows = 0
    for line, fields in csv_lines(path, len(header)):
        reason = fields if isinstance(fields, str) else _add([fields[i] for i in places], by, zone, counted)
        if reason:
            rejects.append(Reject(line, reason))
        else:
            rows += 1
    return rejects, rows


def _add(fields: list[str], by: str, zone: tzinfo, counted: Counted) -> str:
    """Count a row; why not, when it is bad."""
    when, name, count = fields
    try:
        minute_ms = floor_minute(file_time(when, zone))
    except Refused as refusal:
        return reason_of(refusal)
    if looks_like_pan(name):
        return f"{by}: looks like a full card number."
    if not COUNTED_NAMES[by].fullmatch(name):
        return f"{by}: expected a short name of ASCII letters and digits."
    if not _COUNT.fullmatch(count) or int(count) > HIGHEST_COUNT:
        return "count: expected a whole number of 0 or more in ASCII digits."
    cell = counted.setdefault((minute_ms, by), {})
    cell[name] = cell.get(name, 0) + int(count)
    return ""
