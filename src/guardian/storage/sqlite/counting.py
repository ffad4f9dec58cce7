"""What a kept batch adds to the minutes, the hours and the progress of its sources."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from guardian.domain.clock import HOUR_MS, floor_minute
from guardian.domain.errors import OtherKind
from guardian.domain.transaction import LIVE, Transaction
from guardian.domain.window import BY_CODE, BY_STATUS
from guardian.storage.base import ASIDE, ASIDE_MARK, COUNTED, Judged

_COUNT = (
    "INSERT INTO minute_counts(source, view, minute_ms, value, n) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT DO UPDATE SET n = n + excluded.n"
)
_HOUR = (
    "INSERT INTO hours(source, hour_ms, status, n, scored, score_sum, flagged) VALUES (?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT DO UPDATE SET n = n + excluded.n, scored = scored + excluded.scored, "
    "score_sum = score_sum + excluded.score_sum, flagged = flagged + excluded.flagged"
)
_FIRED = (
    "INSERT INTO firings(source, hour_ms, rule, version, mode, n) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT DO UPDATE SET n = n + excluded.n"
)
_PROGRESS = (
    "INSERT INTO progress VALUES (?, 'transactions', ?, ?, ?, 0) ON CONFLICT DO UPDATE SET "
    "first_minute_ms = min(first_minute_ms, excluded.first_minute_ms), "
    "event_ms = max(event_ms, excluded.event_ms), "
    "received_ms = max(received_ms, excluded.received_ms)"
)


def count(connection: sqlite3.Connection, judged: Judged) -> None:
    """Add a batch of new rows to every count. Raises OtherKind when a source sends counts."""
    refuse_other_kind(connection, {one.source for one in judged.transactions}, "transactions")
    connection.executemany(_COUNT, _minutes(judged.transactions))
    connection.executemany(_HOUR, _hours(judged))
    connection.executemany(_FIRED, _firings(judged))
    connection.executemany(_PROGRESS, _progress(judged.transactions))


def refuse_other_kind(connection: sqlite3.Connection, sources: Iterable[str], kind: str) -> None:
    """Raises OtherKind, naming those of the sources that have sent anything but `kind`."""
    query = "SELECT 1 FROM progress WHERE source = ? AND kind <> ?"
    other = frozenset(source for source in sources if connection.execute(query, (source, kind)).fetchone())
    if other:
        raise OtherKind(other)


def _minutes(of: Sequence[Transaction]) -> list[tuple[str, str, int, str, int]]:
    """Sorted, so that neighbours in the table are touched one after the other."""
    sources = [one.source for one in of]
    minutes = [floor_minute(one.event_ms) for one in of]
    views = (
        (BY_STATUS, [one.status for one in of]),
        (BY_CODE, [one.auth_code for one in of]),
    )
    return sorted(
        (source, view, minute, value, n)
        for view, values in views
        for (source, minute, value), n in Counter(zip(sources, minutes, values, strict=True)).items()
        if value is not None
    )


def _hours(judged: Judged) -> list[tuple[str, int, str, int, int, float, int]]:
    keys = [(one.source, one.event_ms - one.event_ms % HOUR_MS, one.status) for one in judged.transactions]
    groups = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    group = np.fromiter(map(groups.__getitem__, keys), np.intp, len(keys))
    known = ~np.isnan(judged.ml_score)
    n = np.bincount(group).tolist()
    scored = np.bincount(group, known).astype(np.int64).tolist()
    score_sum = np.bincount(group, np.where(known, judged.ml_score, 0.0)).tolist()
    flagged = np.bincount(group, judged.level > 0).astype(np.int64).tolist()
    return [(*key, *facts) for key, *facts in zip(groups, n, scored, score_sum, flagged, strict=True)]


def _firings(judged: Judged) -> list[tuple[str, int, str, int, str, int]]:
    """The versions are those that the batch was judged by; 0 where nobody said."""
    found: Counter[tuple[str, int, str]] = Counter()
    for one, ids in zip(judged.transactions, judged.rules, strict=True):
        if ids:
            hour_ms = one.event_ms - one.event_ms % HOUR_MS
            found.update((one.source, hour_ms, rule_id) for rule_id in ids.split(","))
    return [
        (
            source,
            hour_ms,
            kept.removeprefix(ASIDE_MARK),
            judged.rule_versions.get(kept, 0),
            ASIDE if kept.startswith(ASIDE_MARK) else COUNTED,
            n,
        )
        for (source, hour_ms, kept), n in sorted(found.items())
    ]


def _progress(of: Sequence[Transaction]) -> list[tuple[str, int, int, int]]:
    """Per source: its first minute, newest event (never ahead of its receipt when live), newest receipt."""
    by_source: dict[str, list[Transaction]] = {}
    for one in of:
        by_source.setdefault(one.source, []).append(one)
    found = []
    for source, own in by_source.items():
        newest = max(min(one.event_ms, one.received_ms) if source == LIVE else one.event_ms for one in own)
        first = floor_minute(min(one.event_ms for one in own))
        found.append((source, first, newest, max(one.received_ms for one in own)))
    return found
