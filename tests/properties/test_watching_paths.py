"""The same alerts by every path: backtest, import, live at any speed, shuffled, restarted in the middle."""

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guardian.domain.anomaly import Anomaly
from guardian.domain.clock import MINUTE_MS, SetClock, floor_minute
from guardian.domain.transaction import LIVE, Transaction
from guardian.domain.window import BY_CODE, BY_STATUS, MinuteCounts
from guardian.storage.base import RecordQuery
from guardian.storage.sqlite.store import SqliteStore
from guardian.watching.announce import Announcer
from guardian.watching.anomalies import ANOMALY_KIND, anomaly_collection
from guardian.watching.outlook import Outlooks
from guardian.watching.replay import replay_counts
from guardian.watching.stage import WatchStage
from tests.storing import unscored

START = 1_783_209_600_000
MINUTES, RATE, LATENESS_MS = 240, 30, 9_900
Alerts = set[tuple[str, str, int, int, str, float, float, float, int | None]]


@cache
def traffic(source: str) -> tuple[Transaction, ...]:
    """Four hours: half an hour of denials with code 59, then ten minutes of silence."""
    rng, made = np.random.default_rng(7), list[Transaction]()
    for minute in range(MINUTES):
        for _ in range(0 if 190 <= minute < 200 else int(rng.poisson(RATE))):
            denied = rng.random() < (0.6 if 120 <= minute < 150 else 0.08)
            at_ms = START + minute * MINUTE_MS + int(rng.integers(MINUTE_MS))
            made.append(
                Transaction(
                    f"t{len(made)}",
                    f"m{len(made) % 7}",
                    "denied" if denied else "approved",
                    1_000,
                    at_ms,
                    at_ms,
                    source=source,
                    auth_code="59" if denied else "00",
                )
            )
    return tuple(sorted(made, key=lambda one: one.event_ms))


def told(anomalies: Sequence[Anomaly], until_ms: int) -> Alerts:
    return {
        (
            one.series,
            one.status,
            one.minute_ms,
            one.start_ms,
            str(one.level),
            one.score,
            one.observed,
            one.expected,
            one.over_ms if one.over_ms is not None and one.over_ms < until_ms else None,
        )
        for one in anomalies
        if one.minute_ms < until_ms
    }


def backtested(until_ms: int) -> set[tuple[str, str, int, float]]:
    rows = []
    views: dict[tuple[int, str], Counter[str]] = {}
    for one in traffic(LIVE):
        for by, value in ((BY_STATUS, one.status), (BY_CODE, one.auth_code or "")):
            views.setdefault((floor_minute(one.event_ms), by), Counter())[value] += 1
    for (minute_ms, by), counts in sorted(views.items()):
        rows.append(MinuteCounts(LIVE, minute_ms, by, dict(counts), 0))
    found = replay_counts(rows, LIVE)
    return {(one.series, one.status, one.minute_ms, one.score) for one in found if one.minute_ms < until_ms}


class Watched:
    """A store and a stage over it, which may begin anew at any time."""

    def __init__(self, folder: Path, source: str) -> None:
        self.store = SqliteStore(folder / "store")
        self.folder, self.source = folder / "watching", source
        self.clock = SetClock(START)
        self.anomalies = anomaly_collection(self.store.records)
        self.kept = 0
        self.restart()

    def restart(self) -> None:
        announcer = Announcer(self.anomalies, lambda _: None, self.clock)
        outlooks = Outlooks(self.store.records)
        self.stage = WatchStage(self.store.minutes, announcer, outlooks, self.folder, self.clock)

    def keep(self, rows: Sequence[Transaction]) -> None:
        self.store.transactions.keep(0, unscored(rows, self.kept))
        self.kept += len(rows)

    def judge(self) -> None:
        while self.stage.step():
            pass

    def found(self) -> Sequence[Anomaly]:
        return self.anomalies.find(RecordQuery(ANOMALY_KIND, source=self.source, limit=500)).items


def path(source: str) -> Iterator[Watched]:
    with tempfile.TemporaryDirectory() as folder:
        one = Watched(Path(folder), source)
        yield one
        one.store.close()


UNTIL_MS = START + (MINUTES - 2) * MINUTE_MS


@cache
def imported() -> frozenset[tuple[str, str, int, int, str, float, float, float, int | None]]:
    """What an import of all of it at once raises."""
    for one in path("old"):
        one.keep(traffic("old"))
        one.clock.advance(10 * MINUTES * MINUTE_MS)
        one.judge()
        return frozenset(told(one.found(), UNTIL_MS))
    return frozenset()


def test_a_backtest_and_an_import_say_the_same() -> None:
    assert {(series, status, minute, score) for series, status, minute, _, _, score, *_ in imported()} == (
        backtested(UNTIL_MS)
    )
    assert {"*", "denied", "auth_59"} <= {series for series, *_ in imported()}


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**31),
    batch=st.integers(20, 1_500),
    restarts=st.sets(st.integers(0, 60), max_size=4),
)
def test_live_traffic_at_any_speed_shuffled_and_restarted_says_the_same(
    seed: int, batch: int, restarts: set[int]
) -> None:
    rng, rows = np.random.default_rng(seed), traffic(LIVE)
    late = rng.integers(0, LATENESS_MS, len(rows))
    arrivals = sorted(zip(rows, late.tolist(), strict=True), key=lambda pair: pair[0].event_ms + pair[1])
    for one in path(LIVE):
        for number, low in enumerate(range(0, len(arrivals), batch)):
            part = arrivals[low : low + batch]
            newest_ms = max(row.event_ms + after for row, after in part)
            one.clock.advance(max(0, newest_ms - one.clock.now_ms()))
            one.keep([row for row, _ in part])
            if number in restarts:
                one.restart()
            one.judge()
        one.clock.advance(MINUTE_MS)
        one.judge()
        assert told(one.found(), UNTIL_MS) == imported()
