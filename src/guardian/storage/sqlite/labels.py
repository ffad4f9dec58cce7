"""Labels in SQLite."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from guardian.domain.identifiers import transaction_key
from guardian.domain.label import EventName, Origin, Seen, Standing, Statement, fits, standing
from guardian.domain.transaction import LIVE
from guardian.storage.labels import LabelCounts
from guardian.storage.sqlite.database import Database

_COLUMNS = (
    "transaction_id", "is_fraud", "known_ms", "said_by", "at_ms", "origin", "kind", "source", "merchant_id",
    "event_ms",
)  # fmt: skip
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM labels"
_INSERT = f"INSERT INTO labels(key, {', '.join(_COLUMNS)}) VALUES ({', '.join('?' * (len(_COLUMNS) + 1))})"
_BEFORE = (
    "SELECT is_fraud, kind FROM labels WHERE key = ? AND transaction_id = ? AND source = ? "
    "AND merchant_id = ? AND known_ms <= ? ORDER BY known_ms DESC, sequence DESC LIMIT 1"
)
_ATTACH = (
    "UPDATE labels SET source = ?, merchant_id = ?, event_ms = ? WHERE sequence = ? AND event_ms IS NULL"
)
_BY_EVENT = (
    f"SELECT sequence, key, {', '.join(_COLUMNS)} FROM labels WHERE source = ? AND event_ms >= ? "
    "AND (event_ms, key, sequence) < (?, ?, ?) ORDER BY event_ms DESC, key DESC, sequence DESC LIMIT ?"
)
_LARGEST = (1 << 63) - 1
READ_AT_ONCE = 2_000
KEYS_AT_ONCE = 500
PURGED_AT_ONCE = 5_000


class SqliteLabels:
    """See `storage.labels.LabelStore` for the promises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, statements: Sequence[Statement]) -> Sequence[bool]:
        with self._database.write() as connection:
            return [_keep(connection, one) for one in statements]

    def history(self, names: Sequence[EventName]) -> Mapping[EventName, Sequence[Statement]]:
        found: dict[EventName, list[Statement]] = {}
        by_id: dict[str, list[EventName]] = {}
        for name in names:
            by_id.setdefault(name.transaction_id, []).append(name)
        keys = [transaction_key(one) for one in by_id]
        with self._database.read() as connection:
            for at in range(0, len(keys), KEYS_AT_ONCE):
                some = keys[at : at + KEYS_AT_ONCE]
                query = f"{_SELECT} WHERE key IN ({','.join('?' * len(some))}) ORDER BY known_ms, sequence"
                for one in map(_statement, connection.execute(query, some)):
                    for name in by_id.get(one.transaction_id, ()):
                        if fits(one, name):
                            found.setdefault(name, []).append(one)
        return found

    def labelled(
        self, source: str, since_ms: int, until_ms: int, known_before_ms: int | None = None
    ) -> Iterator[Standing]:
        def known(one: Statement) -> bool:
            return known_before_ms is None or max(one.known_ms, one.event_ms or 0) < known_before_ms

        rows = self._by_event(source, since_ms, until_ms)
        for _, group in groupby(rows, key=lambda row: (row[1], row[2].event_ms)):
            of: dict[EventName, list[Statement]] = {}
            for _, _, one in group:
                if known(one):
                    of.setdefault(one.name, []).insert(0, one)  # the oldest first
            for name, statements in of.items():
                found = standing(statements, Seen(name, statements[0].event_ms or 0))
                if found is not None:
                    yield found

    def pending(self, after: int, limit: int) -> Sequence[tuple[int, Statement]]:
        query = (
            f"SELECT sequence, {', '.join(_COLUMNS)} FROM labels WHERE event_ms IS NULL AND sequence > ? "
            "ORDER BY sequence LIMIT ?"
        )
        with self._database.read() as connection:
            rows = connection.execute(query, (after, limit)).fetchall()
        return [(row[0], _statement(row[1:])) for row in rows]

    def attach(self, events: Mapping[int, Seen]) -> None:
        given = [
            (seen.name.source, seen.name.merchant_id, seen.event_ms, sequence)
            for sequence, seen in events.items()
        ]
        with self._database.write() as connection:
            connection.executemany(_ATTACH, given)

    def counts(self) -> LabelCounts:
        query = "SELECT (SELECT count(*) FROM labels), (SELECT count(*) FROM labels WHERE event_ms IS NULL)"
        with self._database.read() as connection:
            return LabelCounts(*connection.execute(query).fetchone())

    def purge(self, source: str, before_ms: int) -> int:
        known = "source = ? AND event_ms < ?"
        waiting = "event_ms IS NULL AND source = ? AND known_ms < ?"
        removed = self._purge(known, source, before_ms) + self._purge(waiting, source, before_ms)
        return removed + (self._purge(waiting, "", before_ms) if source == LIVE else 0)

    def _purge(self, condition: str, source: str, before_ms: int) -> int:
        """In steps, each a short transaction, so that nobody waits long for the writer."""
        sql = f"DELETE FROM labels WHERE sequence IN (SELECT sequence FROM labels WHERE {condition} LIMIT ?)"
        removed, gone = 0, PURGED_AT_ONCE
        while gone == PURGED_AT_ONCE:
            with self._database.write() as connection:
                gone = connection.execute(sql, (source, before_ms, PURGED_AT_ONCE)).rowcount
            removed += gone
        return removed

    def _by_event(self, source: str, since_ms: int, until_ms: int) -> Iterator[tuple[int, int, Statement]]:
        """(sequence, key, statement), newest event first; no connection is held while they are looked at."""
        place = (until_ms, -_LARGEST - 1, 0)
        while True:
            with self._database.read() as connection:
                given = (source, since_ms, *place, READ_AT_ONCE)
                rows = connection.execute(_BY_EVENT, given).fetchall()
            for sequence, key, *rest in rows:
                one = _statement(rest)
                yield sequence, key, one
                place = (one.event_ms or 0, key, sequence)
            if len(rows) < READ_AT_ONCE:
                return


def _keep(connection: sqlite3.Connection, one: Statement) -> bool:
    """False, and nothing kept, when the same was said of it for as long."""
    key = transaction_key(one.transaction_id)
    target = (key, one.transaction_id, one.source, one.merchant_id, one.known_ms)
    before = connection.execute(_BEFORE, target).fetchone()
    if before == (int(one.is_fraud), one.kind):
        return False
    values = (one.transaction_id, int(one.is_fraud), one.known_ms, one.by, one.at_ms, str(one.origin))
    rest = (one.kind, one.source, one.merchant_id, one.event_ms)
    connection.execute(_INSERT, (key, *values, *rest))
    return True


def _statement(row: Sequence[Any]) -> Statement:
    name, is_fraud, known_ms, by, at_ms, origin, *rest = row
    return Statement(name, bool(is_fraud), known_ms, by, at_ms, Origin(origin), *rest)
