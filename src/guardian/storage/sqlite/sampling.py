"""What the transactions of a span were like, from evenly spread spells of it."""

import sqlite3
from collections.abc import Iterator
from typing import Any

from guardian.domain.window import BY_STATUS
from guardian.storage.base import Sample
from guardian.storage.sqlite.rows import acquirer_of, place_of_time

SPELLS = 60
_COUNTED = (
    "SELECT coalesce(sum(n), 0) FROM minute_counts "
    "WHERE source = ? AND view = ? AND minute_ms >= ? AND minute_ms < ?"
)
_READ = (
    "SELECT status, auth_code, merchant_id, card_bin, amount_minor, currency, rest FROM events "
    "WHERE place >= ? AND place < ? AND source = ? ORDER BY place"
)


def sampled(connection: sqlite3.Connection, source: str, span: tuple[int, int], rows: int) -> Sample:
    """See `storage.base.SampleStore`. The span begins and ends at a full minute."""
    counted = connection.execute(_COUNTED, (source, BY_STATUS, *span)).fetchone()[0]
    rate = min(1.0, rows / max(1, counted))
    read = list(_spells(connection, source, span, rate))
    facts = zip(*read, strict=True) if read else ((),) * 7
    status, code, merchant, card_bin, amounts, currencies, rest = facts
    columns = {
        "status": status,
        "auth_code": code,
        "merchant_id": merchant,
        "card_bin": card_bin,
        "acquirer": tuple(map(acquirer_of, rest)),
    }
    return Sample(columns, amounts, currencies, rate)


def _spells(
    connection: sqlite3.Connection, source: str, span: tuple[int, int], rate: float
) -> Iterator[tuple[Any, ...]]:
    """The whole span when everything is wanted, else sixty pieces of it."""
    since_ms, until_ms = span
    pieces = 1 if rate == 1.0 else SPELLS
    length_ms = (until_ms - since_ms) / pieces
    for piece in range(pieces):
        start_ms = since_ms + piece * length_ms
        places = place_of_time(int(start_ms)), place_of_time(int(start_ms + length_ms * rate))
        yield from connection.execute(_READ, (*places, source))
