"""Transactions with their verdicts in SQLite."""

import sqlite3
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

import msgspec

from guardian.domain.identifiers import transaction_key
from guardian.domain.label import EventName, Seen
from guardian.domain.transaction import LIVE
from guardian.storage.base import (
    Firings,
    HistoryBlock,
    Judged,
    Page,
    Sample,
    Span,
    StoredTransaction,
    TransactionQuery,
)
from guardian.storage.sqlite import cursors, lookup
from guardian.storage.sqlite.counting import count
from guardian.storage.sqlite.database import Database
from guardian.storage.sqlite.history import HistoryReader
from guardian.storage.sqlite.lookup import with_keys
from guardian.storage.sqlite.rows import (
    COLUMNS,
    NO_PLACE,
    PLACE_BITS,
    from_row,
    place_before,
    place_of_time,
    to_rows,
)
from guardian.storage.sqlite.sampling import sampled

_SELECT = f"SELECT {', '.join(COLUMNS)} FROM "
_INSERT = f"INSERT OR IGNORE INTO events({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
_ADVANCE = "INSERT INTO positions VALUES (?, ?) ON CONFLICT DO UPDATE SET next = max(next, excluded.next)"
_PLACES_AT_ONCE = 500
PURGED_AT_ONCE = 5_000
SETTLED_AT = 100_000
"""So many rows gather before their entries are sorted into the large tables: 0.1 s each time."""
_GATHERING = ("keys", "merchants")


class SqliteTransactions:
    """See the ports of `storage.base.Transactions` for the promises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, partition: int, judged: Judged) -> None:
        with self._database.write() as connection:
            before = _position(connection, partition)
            fresh = _from(judged, before)
            if not fresh.positions:
                return
            _insert(connection, fresh)
            count(connection, fresh)
            following = fresh.positions[-1] + 1
            connection.execute(_ADVANCE, (partition, following))
            if before // SETTLED_AT != following // SETTLED_AT:
                settle(connection)

    def position(self, partition: int) -> int:
        with self._database.read() as connection:
            return _position(connection, partition)

    def advance(self, partition: int, position: int) -> None:
        with self._database.write() as connection:
            connection.execute(_ADVANCE, (partition, position))

    def places(self, keys: Sequence[int]) -> Mapping[int, Sequence[tuple[str, str, str, int]]]:
        found: dict[int, list[tuple[str, str, str, int]]] = {}
        with self._database.read() as connection:
            for at in range(0, len(keys), _PLACES_AT_ONCE):
                some = keys[at : at + _PLACES_AT_ONCE]
                marks = ",".join("?" * len(some))
                columns = "key, source, merchant_id, transaction_id, position"
                query = f"SELECT {columns} FROM events WHERE place IN ({with_keys(marks)})"
                for key, *place in connection.execute(query, [*some, *some]):
                    found.setdefault(key, []).append(tuple(place))
        return found

    def get(
        self, transaction_id: str, source: str | None = None, merchant_id: str | None = None
    ) -> StoredTransaction | None:
        query = f"{_SELECT} events WHERE place IN ({with_keys('?')}) AND transaction_id = ?"
        key = transaction_key(transaction_id)
        given: list[Any] = [key, key, transaction_id]
        for condition, value in ((" AND source = ?", source), (" AND merchant_id = ?", merchant_id)):
            if value is not None:
                query += condition
                given.append(value)
        with self._database.read() as connection:
            row = connection.execute(f"{query} ORDER BY +place DESC LIMIT 1", given).fetchone()
        return None if row is None else from_row(row)

    def find(self, query: TransactionQuery) -> Page[StoredTransaction]:
        where, given = conditions(query)
        with self._database.read() as connection:
            span = _span(connection, query.source)
            if span is None:
                return Page([], None)
            rows = [
                row
                for table in _tables(query)
                for row in connection.execute(
                    f"{_SELECT} {table} WHERE {' AND '.join(where)} AND place >= ? AND place < ? "
                    "ORDER BY place DESC LIMIT ?",
                    [*given, *span, query.limit + 1],
                )
            ]
        rows.sort(key=itemgetter(0), reverse=True)
        page = rows[: query.limit]
        more = len(rows) > query.limit
        return Page([from_row(row) for row in page], cursors.encode(page[-1][0]) if more else None)

    def sample(self, source: str, since_ms: int, until_ms: int, rows: int) -> Sample:
        with self._database.read() as connection:
            return sampled(connection, source, (since_ms, until_ms), rows)

    def seen(self, ids: Sequence[str]) -> Mapping[str, Sequence[Seen]]:
        with self._database.read() as connection:
            return lookup.seen(connection, ids)

    def stored(self, names: Sequence[EventName]) -> Mapping[EventName, StoredTransaction]:
        with self._database.read() as connection:
            return lookup.stored(connection, names)

    def history(self, span: Span, names: Sequence[str], features: int = 0) -> Iterator[HistoryBlock]:
        reader = HistoryReader(names, features)
        with self._database.read() as connection:
            places = _span(connection, span.source)
        if places is None:
            return
        place: int | None = max(places[0], place_of_time(span.since_ms))
        end = min(places[1], place_before(span.until_ms))
        while place is not None:
            with self._database.read() as connection:  # one transaction a block: the log can be copied back
                block, place = reader.block(connection, span.source, (place, end))
            if block is not None:
                yield block

    def firings(self, source: str, since_ms: int, until_ms: int) -> Sequence[Firings]:
        query = (
            "SELECT rule, version, mode, hour_ms, n FROM firings "
            "WHERE source = ? AND hour_ms >= ? AND hour_ms < ? ORDER BY hour_ms, rule, version, mode"
        )
        with self._database.read() as connection:
            return [Firings(*row) for row in connection.execute(query, (source, since_ms, until_ms))]

    def purge(self, source: str, before_ms: int, limit: int = 50_000) -> int:
        """In steps, each a short transaction, so that the stage that keeps never waits long."""
        oldest = (
            "SELECT place FROM events WHERE source = ? AND place >= ? AND place < ? ORDER BY place LIMIT ?"
        )
        sql = f"DELETE FROM events WHERE place IN ({oldest})"
        with self._database.read() as connection:
            span = _span(connection, source)
        first, before = (0, 0) if span is None else (span[0], min(span[1], place_before(before_ms)))
        removed = 0
        while removed < limit:
            step = min(PURGED_AT_ONCE, limit - removed)
            with self._database.write() as connection:
                gone = connection.execute(sql, (source, first, before, step)).rowcount
            removed += gone
            if gone < step:
                self._forget_firings(source, before_ms)
                break
        return removed

    def _forget_firings(self, source: str, before_ms: int) -> None:
        with self._database.write() as connection:
            given = (source, before_ms)
            connection.execute("DELETE FROM firings WHERE source = ? AND hour_ms < ?", given)


def settle(connection: sqlite3.Connection) -> None:
    """Sort the gathered entries into the large tables."""
    # OR ROLLBACK: to undo one statement alone, SQLite would hold every page it changes in memory
    for name in _GATHERING:
        connection.execute(f"INSERT OR ROLLBACK INTO {name} SELECT * FROM {name}_new")
        connection.execute(f"DELETE FROM {name}_new")


def _tables(query: TransactionQuery) -> tuple[str, ...]:
    """What is read in the order of places, newest first."""
    if query.merchant_id is None:
        return ("events",)
    return tuple(f"{name} CROSS JOIN events USING (place)" for name in ("merchants_new", "merchants"))


def conditions(query: TransactionQuery) -> tuple[list[str], list[Any]]:
    """The query as conditions on the columns and their values. Raises Invalid for a foreign cursor."""
    where, given = ["source = ?"], [query.source]
    limits: tuple[tuple[str, Any], ...] = (
        ("place >= ?", None if query.since_ms is None else place_of_time(query.since_ms)),
        ("place < ?", None if query.until_ms is None else place_before(query.until_ms)),
        ("place < ?", None if query.cursor is None else cursors.decode(query.cursor)[0]),
        ("status = ?", query.status),
        ("merchant = ?", query.merchant_id),
        ("card_bin = ?", query.card_bin),
        ("level > 0 AND level >= ?", query.min_level or None),
    )
    for condition, value in limits:
        if value is not None:
            where.append(condition)
            given.append(value)
    return where, given


def _position(connection: sqlite3.Connection, partition: int) -> int:
    row = connection.execute("SELECT next FROM positions WHERE bus_partition = ?", (partition,)).fetchone()
    return 0 if row is None else int(row[0])


def _span(connection: sqlite3.Connection, source: str) -> tuple[int, int] | None:
    """The places between which the source has events: a small import is not sought among all the rest."""
    query = "SELECT first_minute_ms, event_ms FROM progress WHERE source = ?"
    row = connection.execute(query, (source,)).fetchone()
    if row is None:
        return None
    first, newest = row
    # the progress of live stops at the clock, its events may lie ahead of it
    return place_of_time(first), NO_PLACE if source == LIVE else place_before(newest + 1)


def _from(judged: Judged, start: int) -> Judged:
    """What of the batch has not been kept yet."""
    first = bisect_left(judged.positions, start)
    if first == 0:
        return judged
    columns = (
        "transactions", "positions", "ml_score", "zscore", "score", "level", "method", "rules", "features",
    )  # fmt: skip
    return msgspec.structs.replace(judged, **{name: getattr(judged, name)[first:] for name in columns})


def _insert(connection: sqlite3.Connection, judged: Judged) -> None:
    if connection.executemany(_INSERT, to_rows(judged)).rowcount == len(judged.positions):
        return
    for row in to_rows(judged):
        there = connection.execute("SELECT position, key FROM events WHERE place = ?", row[:1]).fetchone()
        if there != (row[2], row[1]):
            connection.execute(_INSERT, (_free_place(connection, row[0]), *row[1:]))


def _free_place(connection: sqlite3.Connection, taken: int) -> int:
    """The next place for a row whose own is taken: one millisecond, positions 4 194 304 apart."""
    place = end = taken
    while connection.execute("SELECT 1 FROM events WHERE place = ?", (place,)).fetchone():
        end = (end >> PLACE_BITS) + 1 << PLACE_BITS
        place = connection.execute("SELECT max(place) FROM events WHERE place < ?", (end,)).fetchone()[0] + 1
    return place
