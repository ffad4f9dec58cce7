"""Per-minute counts and judged series in SQLite."""

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from guardian.domain.clock import HOUR_MS, MINUTE_MS
from guardian.domain.window import VIEWS, MinuteCounts, SeriesPoint
from guardian.storage.base import Progress
from guardian.storage.sqlite.counting import refuse_other_kind
from guardian.storage.sqlite.database import Database

_PROGRESS = (
    "INSERT INTO progress VALUES (?, 'counts', ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
    "first_minute_ms = min(first_minute_ms, excluded.first_minute_ms), "
    "event_ms = max(event_ms, excluded.event_ms), "
    "received_ms = max(received_ms, excluded.received_ms), closed = max(closed, excluded.closed)"
)
_FORGET = "DELETE FROM minute_counts WHERE source = ? AND view = ? AND minute_ms = ?"
_INSERT = "INSERT INTO minute_counts(source, view, minute_ms, value, n) VALUES (?, ?, ?, ?, ?)"
_SPAN = "source = ? AND view = ? AND minute_ms >= ? AND minute_ms < ?"
_POINT = "SELECT source, series, minute_ms, observed, expected, low, high, learning FROM series_points"
_MINUTES = (
    "SELECT value, sum(n) FROM minute_counts "
    "WHERE source = ? AND view = 'status' AND minute_ms >= ? AND minute_ms < ? GROUP BY value"
)
_HOURS = "SELECT status, sum(n) FROM hours WHERE source = ? AND hour_ms >= ? AND hour_ms < ? GROUP BY status"
PURGED_AT_ONCE = 50_000


class SqliteMinutes:
    """See `storage.base.MinuteStore` for the promises. Counts are hot, judged points are not."""

    def __init__(self, hot: Database, calm: Database) -> None:
        self._hot = hot
        self._calm = calm

    def replace(self, counts: Sequence[MinuteCounts]) -> None:
        with self._hot.write() as connection:
            refuse_other_kind(connection, {one.source for one in counts}, "counts")
            for one in counts:
                minute = one.minute_ms
                connection.execute(_FORGET, (one.source, one.by, minute))
                rows = [(one.source, one.by, minute, value, n) for value, n in one.counts.items()]
                connection.executemany(_INSERT, rows)
                facts = (one.source, minute, minute + MINUTE_MS, one.received_ms, int(one.last))
                connection.execute(_PROGRESS, facts)

    def progress(self) -> Sequence[Progress]:
        with self._hot.read() as connection:
            rows = connection.execute(
                "SELECT source, kind, first_minute_ms, event_ms, received_ms, closed "
                "FROM progress ORDER BY source"
            ).fetchall()
        return [Progress(*row) for row in map(_with_flag, rows)]

    def counts(self, source: str, by: str, since_ms: int, until_ms: int) -> Mapping[int, Mapping[str, int]]:
        found: dict[int, dict[str, int]] = {}
        query = f"SELECT minute_ms, value, n FROM minute_counts WHERE {_SPAN}"
        with self._hot.read() as connection:
            for minute, value, n in connection.execute(query, (source, by, since_ms, until_ms)):
                found.setdefault(minute, {})[value] = n
        return found

    def keep_points(self, points: Sequence[SeriesPoint]) -> None:
        rows = [
            (p.source, p.series, p.minute_ms, p.observed, p.expected, p.low, p.high, int(p.learning))
            for p in points
        ]
        with self._calm.write() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO series_points"
                "(source, series, minute_ms, observed, expected, low, high, learning) "
                "VALUES (?,?,?,?,?,?,?,?)",
                rows,
            )

    def points(
        self, source: str, series: Sequence[str] | None, since_ms: int, until_ms: int
    ) -> Sequence[SeriesPoint]:
        where = "source = ? AND minute_ms >= ? AND minute_ms < ?"
        given: list[object] = [source, since_ms, until_ms]
        if series is not None:
            where += f" AND series IN ({','.join('?' * len(series))})"
            given.extend(series)
        with self._calm.read() as connection:
            rows = connection.execute(f"{_POINT} WHERE {where} ORDER BY minute_ms, series", given).fetchall()
        return [SeriesPoint(*row) for row in map(_with_flag, rows)]

    def totals(self, source: str, since_ms: int, until_ms: int) -> Mapping[str, int]:
        """Whole hours from `hours`, which outlive the minutes; the edges and sources of counts by minute."""
        first, last = -(-since_ms // HOUR_MS) * HOUR_MS, until_ms // HOUR_MS * HOUR_MS
        found: Counter[str] = Counter()
        with self._hot.read() as connection:
            kind = connection.execute("SELECT kind FROM progress WHERE source = ?", (source,)).fetchone()
            if kind != ("transactions",) or first >= last:
                found.update(_sum(connection, _MINUTES, (source, since_ms, until_ms)))
            else:
                found.update(_sum(connection, _MINUTES, (source, since_ms, first)))
                found.update(_sum(connection, _HOURS, (source, first, last)))
                found.update(_sum(connection, _MINUTES, (source, last, until_ms)))
        return dict(found)

    def purge(self, source: str, before_ms: int, hours_before_ms: int) -> int:
        counts = [f"minute_counts WHERE view = '{view}' AND" for view in VIEWS]
        removed = sum(_purge(self._hot, rows, source, before_ms) for rows in counts)
        removed += _purge(self._calm, "series_points WHERE", source, before_ms)
        with self._hot.write() as connection:
            given = (source, hours_before_ms)
            removed += connection.execute(
                "DELETE FROM hours WHERE source = ? AND hour_ms < ?", given
            ).rowcount
            given = (source, min(before_ms, hours_before_ms))
            connection.execute("DELETE FROM progress WHERE source = ? AND event_ms < ?", given)
        return removed


def _sum(connection: sqlite3.Connection, query: str, given: tuple[str, int, int]) -> dict[str, int]:
    return dict(connection.execute(query, given).fetchall())


def _purge(database: Database, rows: str, source: str, before_ms: int) -> int:
    """Remove in steps, each a short transaction, so that nobody waits long for the writer."""
    removed, bound = 0, None
    while bound != before_ms:
        with database.write() as connection:
            given = (source, before_ms, PURGED_AT_ONCE)
            step = f"SELECT minute_ms + 1 FROM {rows} source = ? AND minute_ms < ? ORDER BY minute_ms"
            row = connection.execute(f"{step} LIMIT 1 OFFSET ?", given).fetchone()
            bound = before_ms if row is None else row[0]
            sql = f"DELETE FROM {rows} source = ? AND minute_ms < ?"
            removed += connection.execute(sql, (source, bound)).rowcount
    return removed


def _with_flag(row: Sequence[Any]) -> tuple[Any, ...]:
    """The row with its last column, which SQLite keeps as a number, as a truth value."""
    return (*row[:-1], bool(row[-1]))
