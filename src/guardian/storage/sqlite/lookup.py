"""Many events at once, by what they are called."""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from guardian.domain.identifiers import transaction_key
from guardian.domain.label import EventName, Seen
from guardian.storage.base import StoredTransaction
from guardian.storage.sqlite.rows import COLUMNS, PLACE_BITS, from_row

_AT_ONCE = 500


def seen(connection: sqlite3.Connection, ids: Sequence[str]) -> dict[str, list[Seen]]:
    """See `storage.base.EventStore`."""
    found: dict[str, list[Seen]] = {}
    wanted = frozenset(ids)
    columns = "place, source, merchant_id, transaction_id"
    for place, source, merchant_id, name in _rows(connection, columns, sorted(wanted)):
        if name in wanted:
            event = EventName(source, merchant_id, name)
            found.setdefault(name, []).append(Seen(event, place >> PLACE_BITS))
    return found


def stored(connection: sqlite3.Connection, names: Sequence[EventName]) -> dict[EventName, StoredTransaction]:
    """See `storage.base.EventStore`."""
    wanted = frozenset(names)
    found: dict[EventName, StoredTransaction] = {}
    for row in _rows(connection, ", ".join(COLUMNS), sorted({one.transaction_id for one in wanted})):
        name = EventName(*(row[COLUMNS.index(column)] for column in EventName.__struct_fields__))
        if name in wanted:
            found[name] = from_row(row)
    return found


def _rows(connection: sqlite3.Connection, columns: str, ids: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Rows of those ids, and of others that share their keys."""
    for at in range(0, len(ids), _AT_ONCE):
        keys = [transaction_key(one) for one in ids[at : at + _AT_ONCE]]
        yield from connection.execute(
            f"SELECT {columns} FROM events WHERE place IN ({with_keys(','.join('?' * len(keys)))})", keys * 2
        )


def with_keys(marks: str) -> str:
    """The places of keys, the marks being given twice."""
    return " UNION ALL ".join(
        f"SELECT place FROM {name} WHERE key IN ({marks})" for name in ("keys", "keys_new")
    )
