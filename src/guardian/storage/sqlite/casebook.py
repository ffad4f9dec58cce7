"""Cases and what they hold, in SQLite."""

import sqlite3
from collections.abc import Mapping, Sequence

from guardian.domain.errors import Conflict
from guardian.domain.identifiers import transaction_key
from guardian.domain.label import EventName, Seen
from guardian.storage.base import Record
from guardian.storage.casebook import CaseChanges
from guardian.storage.sqlite.database import Database
from guardian.storage.sqlite.records import COLUMNS, insert_record, update_record

KEYS_AT_ONCE = 500
PURGED_AT_ONCE = 200
_JOIN = (
    "INSERT OR IGNORE INTO case_members(key, source, merchant_id, transaction_id, event_ms, case_id) "
    "VALUES (?, ?, ?, ?, ?, ?)"
)
_SEEN = "SELECT source, merchant_id, transaction_id, event_ms FROM case_members WHERE case_id = ?"


class SqliteCasebook:
    """See `storage.casebook.Casebook` for the promises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def holding(self, names: Sequence[EventName]) -> Mapping[EventName, str]:
        wanted = frozenset(names)
        keys = sorted({transaction_key(one.transaction_id) for one in wanted})
        found: dict[EventName, str] = {}
        columns = "source, merchant_id, transaction_id, case_id"
        with self._database.read() as connection:
            for at in range(0, len(keys), KEYS_AT_ONCE):
                some = keys[at : at + KEYS_AT_ONCE]
                query = f"SELECT {columns} FROM case_members WHERE key IN ({','.join('?' * len(some))})"
                for *name, case_id in connection.execute(query, some):
                    found[EventName(*name)] = case_id
        return {name: case_id for name, case_id in found.items() if name in wanted}

    def newest(self, kind: str, labels: Sequence[str], states: Sequence[str]) -> Mapping[str, Record]:
        sql = (
            # without statistics SQLite would rather read every record of the kind
            f"SELECT {COLUMNS} FROM records INDEXED BY records_by_label WHERE kind = ? AND label = ? "
            f"ORDER BY state IN ({','.join('?' * len(states))}) DESC, at_ms DESC, record_id DESC LIMIT 1"
        )
        found = {}
        with self._database.read() as connection:
            for label in labels:
                row = connection.execute(sql, (kind, label, *states)).fetchone()
                if row is not None:
                    found[label] = Record(*row)
        return found

    def keep(self, changes: CaseChanges) -> None:
        with self._database.write() as connection:
            for record in changes.added:
                if not insert_record(connection, record):
                    raise Conflict("The case exists already.")
            for record in changes.changed:
                update_record(connection, record)
            for case_id, events in changes.members.items():
                _join(connection, case_id, events)

    def members(self, case_id: str, limit: int) -> Sequence[Seen]:
        return self._members(case_id, "sequence", limit)

    def newest_members(self, case_id: str, limit: int) -> Sequence[Seen]:
        return self._members(case_id, "event_ms DESC, sequence DESC", limit)

    def purge(self, kind: str, before_ms: int) -> int:
        """In steps, each a short transaction, so that nobody waits long for the writer."""
        oldest = "SELECT record_id FROM records WHERE kind = ? AND at_ms < ? ORDER BY at_ms LIMIT ?"
        removed = 0
        while True:
            with self._database.write() as connection:
                rows = connection.execute(oldest, (kind, before_ms, PURGED_AT_ONCE)).fetchall()
                connection.executemany("DELETE FROM case_members WHERE case_id = ?", rows)
                gone = [(kind, *row) for row in rows]
                connection.executemany("DELETE FROM records WHERE kind = ? AND record_id = ?", gone)
            removed += len(rows)
            if len(rows) < PURGED_AT_ONCE:
                return removed

    def _members(self, case_id: str, order: str, limit: int) -> Sequence[Seen]:
        with self._database.read() as connection:
            rows = connection.execute(f"{_SEEN} ORDER BY {order} LIMIT ?", (case_id, limit)).fetchall()
        return [Seen(EventName(*name), event_ms) for *name, event_ms in rows]


def _join(connection: sqlite3.Connection, case_id: str, events: Sequence[Seen]) -> None:
    rows = [
        (transaction_key(one.name.transaction_id), one.name.source, one.name.merchant_id,
         one.name.transaction_id, one.event_ms, case_id)
        for one in events
    ]  # fmt: skip
    if connection.executemany(_JOIN, rows).rowcount != len(rows):
        raise Conflict("One of the transactions has a case already.")
