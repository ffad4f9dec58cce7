"""Low-volume nouns and the audit log in SQLite."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from guardian.domain.audit import GENESIS, chain_digest
from guardian.domain.errors import Conflict
from guardian.storage.base import AuditEntry, Page, Record, RecordQuery
from guardian.storage.sqlite import cursors
from guardian.storage.sqlite.database import Database

COLUMNS = "kind, record_id, at_ms, doc, source, state, level, label, version"


class SqliteRecords:
    """See `storage.base.Records` for the promises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert(self, record: Record) -> bool:
        with self._database.write() as connection:
            return insert_record(connection, record)

    def update(self, record: Record) -> Record:
        with self._database.write() as connection:
            return update_record(connection, record)

    def get(self, kind: str, record_id: str) -> Record | None:
        sql = f"SELECT {COLUMNS} FROM records WHERE kind = ? AND record_id = ?"
        with self._database.read() as connection:
            row = connection.execute(sql, (kind, record_id)).fetchone()
        return None if row is None else Record(*row)

    def find(self, query: RecordQuery) -> Page[Record]:
        where, given = _conditions(query)
        if query.cursor is not None:
            where.append("(at_ms, record_id) < (?, ?)")
            given.extend(cursors.decode(query.cursor))
        sql = (
            f"SELECT {COLUMNS} FROM records WHERE {' AND '.join(where)} "
            "ORDER BY at_ms DESC, record_id DESC LIMIT ?"
        )
        with self._database.read() as connection:
            found = [Record(*row) for row in connection.execute(sql, [*given, query.limit + 1])]
        page = found[: query.limit]
        more = len(found) > query.limit
        return Page(page, cursors.encode(page[-1].at_ms, page[-1].record_id) if more else None)

    def count(self, query: RecordQuery) -> int:
        where, given = _conditions(query)
        with self._database.read() as connection:
            sql = f"SELECT count(*) FROM records WHERE {' AND '.join(where)}"
            return int(connection.execute(sql, given).fetchone()[0])

    def delete(self, kind: str, record_id: str) -> bool:
        sql = "DELETE FROM records WHERE kind = ? AND record_id = ?"
        with self._database.write() as connection:
            return connection.execute(sql, (kind, record_id)).rowcount == 1

    def next_number(self, name: str, count: int = 1) -> int:
        sql = "INSERT INTO numbers VALUES (?, ?) ON CONFLICT DO UPDATE SET last = last + ? RETURNING last"
        with self._database.write() as connection:
            return int(connection.execute(sql, (name, count, count)).fetchone()[0]) - count + 1


def insert_record(connection: sqlite3.Connection, record: Record) -> bool:
    """Whether it was added: False when its id exists."""
    sql = f"INSERT OR IGNORE INTO records({COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?)"
    return connection.execute(sql, msgspec.structs.astuple(record)).rowcount == 1


def update_record(connection: sqlite3.Connection, record: Record) -> Record:
    """The record in its next version. Raises Conflict when its version has changed."""
    sql = (
        "UPDATE records SET at_ms = ?, doc = ?, source = ?, state = ?, level = ?, label = ?, version = ? "
        "WHERE kind = ? AND record_id = ? AND version = ?"
    )
    following = msgspec.structs.replace(record, version=record.version + 1)
    given = (*msgspec.structs.astuple(following)[2:], record.kind, record.record_id, record.version)
    if connection.execute(sql, given).rowcount != 1:
        raise Conflict("It has changed meanwhile; read it again.")
    return following


class SqliteAudit:
    """See `storage.base.AuditLog` for the promises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(
        self, at_ms: int, actor: str, action: str, target: str, detail: Mapping[str, str]
    ) -> AuditEntry:
        with self._database.write() as connection:
            row = connection.execute(
                "SELECT sequence, digest FROM audit ORDER BY sequence DESC LIMIT 1"
            ).fetchone()
            sequence, previous = (row[0] + 1, row[1]) if row else (1, GENESIS)
            facts = (int(sequence), at_ms, actor, action, target)
            digest = chain_digest(previous, facts, detail)
            text = json.dumps(dict(detail), sort_keys=True)
            connection.execute("INSERT INTO audit VALUES (?,?,?,?,?,?,?)", (*facts, text, digest))
        return AuditEntry(int(sequence), at_ms, actor, action, target, dict(detail), digest)

    def read(self, after: int = 0, limit: int = 1_000) -> Sequence[AuditEntry]:
        sql = "SELECT * FROM audit WHERE sequence > ? ORDER BY sequence LIMIT ?"
        with self._database.read() as connection:
            rows = connection.execute(sql, (after, limit)).fetchall()
        return [
            AuditEntry(n, at, who, what, on, json.loads(d), digest)
            for n, at, who, what, on, d, digest in rows
        ]


def _conditions(query: RecordQuery) -> tuple[list[str], list[Any]]:
    where: list[str] = ["kind = ?"]
    given: list[Any] = [query.kind]
    for condition, value in (
        ("source = ?", query.source),
        ("label = ?", query.label),
        ("at_ms >= ?", query.since_ms),
        ("at_ms < ?", query.until_ms),
    ):
        if value is not None:
            where.append(condition)
            given.append(value)
    for column, values in (("state", query.states), ("level", query.levels)):
        if values:
            where.append(f"{column} IN ({','.join('?' * len(values))})")
            given.extend(values)
    return where, given
