"""Days of simulated live counts in a store, that the tests of fire drills share."""

from functools import cache
from pathlib import Path

from guardian.domain.anomaly import Anomaly
from guardian.domain.clock import DAY_MS, MINUTE_MS
from guardian.domain.transaction import LIVE
from guardian.domain.window import BY_CODE, BY_STATUS, MinuteCounts
from guardian.simulation.counts import CODES, Counts, clean_counts
from guardian.simulation.profile import STATUSES, day_curve
from guardian.storage.sqlite.store import SqliteStore
from guardian.watching.replay import replay_counts
from guardian.watching.stretch import Stretch

FIRST_MS = 20_000 * DAY_MS
RATE, DAYS, SEED = 150.0, 3, 31_000
OUTAGE = range(2 * 1_440 + 20 * 60, 2 * 1_440 + 20 * 60 + 25)
"""Minutes of an evening in which nothing comes, where a test asks for it."""


@cache
def clean(days: int = DAYS) -> Counts:
    return clean_counts(day_curve() * RATE, days, SEED)


def with_outage(at: range = OUTAGE) -> Counts:
    counts = clean()
    by_status, by_code = counts.by_status.copy(), counts.by_code.copy()
    by_status[at.start : at.stop] = 0
    by_code[at.start : at.stop] = 0
    return Counts(by_status, by_code, counts.means)


def stretch_of(counts: Counts) -> Stretch:
    return Stretch(FIRST_MS, STATUSES, CODES, counts.by_status, counts.by_code)


def minutes_of(counts: Counts) -> list[MinuteCounts]:
    return [
        MinuteCounts(LIVE, minute_ms, by, given, minute_ms + MINUTE_MS)
        for minute_ms, by_status, by_code in stretch_of(counts).minutes()
        for by, given in ((BY_STATUS, by_status), (BY_CODE, by_code))
    ]


def laid(folder: Path, counts: Counts) -> SqliteStore:
    store = SqliteStore(folder)
    rows = minutes_of(counts)
    for start in range(0, len(rows), 2_000):
        store.minutes.replace(rows[start : start + 2_000])
    return store


def paged_by(counts: Counts) -> Anomaly:
    """The first page of the live detector."""
    return next(iter(replay_counts(minutes_of(counts), LIVE)))
