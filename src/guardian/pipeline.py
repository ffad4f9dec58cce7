"""The map: one row per stage. Embedded mode runs all of them, production one deployment per row."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec
import numpy as np

from guardian.bus.base import ANOMALIES, COUNTS, TRANSACTIONS, VERDICTS, Bus, Message
from guardian.bus.consumer import Consumer
from guardian.domain.clock import DAY_MS, Clock
from guardian.domain.errors import NotFound, Poisoned
from guardian.domain.verdict import LEVELS, METHODS
from guardian.domain.window import MinuteCounts
from guardian.learning.housekeeping import Housekeeping
from guardian.models.base import ModelRegistry
from guardian.observability.logs import get_logger
from guardian.observability.metrics import Metrics
from guardian.scoring.judge import ForestJudge
from guardian.scoring.stage import ScoreStage
from guardian.storage.base import AuditLog, Judged, MinuteStore, Records, TransactionStore
from guardian.watching.stage import WatchStage, anomaly_collection

Noun = TypeVar("Noun", bound=msgspec.Struct)


class Store(Protocol):
    """The stores of one back end."""

    @property
    def transactions(self) -> TransactionStore:
        """Transactions with their verdicts."""
        ...

    @property
    def minutes(self) -> MinuteStore:
        """Counts and judged series."""
        ...

    @property
    def records(self) -> Records:
        """Low-volume nouns."""
        ...

    @property
    def audit(self) -> AuditLog:
        """Who did what."""
        ...

    def check(self) -> list[str]:
        """What is wrong with it; empty when nothing is."""
        ...

    def backup(self, target: Path) -> None:
        """Copy everything into an empty folder while it works."""
        ...

    def close(self) -> None:
        """Let go."""
        ...


class Parts(msgspec.Struct, frozen=True):
    """Everything a stage may need, chosen by `bootstrap`."""

    folder: Path
    clock: Clock
    bus: Bus
    store: Store
    registry: ModelRegistry
    judge: Callable[[], ForestJudge]
    metrics: Metrics
    budget_decades: float
    retention_days: tuple[int, int]


class Runner(Protocol):
    """A stage at work."""

    def step(self, wait_s: float) -> int:
        """Do what is due, waiting at most `wait_s` seconds for it; how much was done."""
        ...

    def lag(self) -> int:
        """How much is waiting."""
        ...

    def close(self) -> None:
        """Finish what was begun and let go."""
        ...


class Paced:
    """A stage that looks at the clock instead of a topic."""

    def __init__(self, turn: Callable[[], int], finish: Callable[[], None] = lambda: None) -> None:
        self._turn = turn
        self._finish = finish

    def step(self, wait_s: float) -> int:
        """One turn, and a pause after an empty one."""
        done = self._turn()
        if not done:
            time.sleep(wait_s)
        return done

    def lag(self) -> int:
        """Nothing queues here."""
        return 0

    def close(self) -> None:
        """Finish what was begun."""
        self._finish()


class Stage(msgspec.Struct, frozen=True):
    """A row of the map. `pause_s` is how long an idle turn may take."""

    name: str
    takes: tuple[str, ...]
    gives: tuple[str, ...]
    build: Callable[[Parts], Runner]
    pause_s: float = 0.2


_log = get_logger(__name__)
MODEL_CHECK_S = 5.0
SAMPLED_SCORES = 16
HELD_RECORDS = 20_000


class _Observer:
    """What the score stage reports, as metrics."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def judged(self, judged: Judged, seconds: float) -> None:
        """Count the batch; of its scores a sample is enough for a distribution."""
        kinds = [(one.status, one.merchant_type or "unknown") for one in judged.transactions]
        self._metrics.transactions(kinds)
        scores = judged.ml_score[:: max(1, len(judged.ml_score) // SAMPLED_SCORES)]
        self._metrics.verdicts(scores[~np.isnan(scores)].tolist(), seconds)
        for row in np.flatnonzero(judged.level):
            self._metrics.flagged(str(LEVELS[judged.level[row]]), str(METHODS[judged.method[row]]))

    def parked(self, topic: str, records: int) -> None:
        """Count dead letters."""
        self._metrics.parked(topic, records)


def _score(parts: Parts) -> Runner:
    judge = parts.judge()
    using: dict[str, str | float | None] = {"version": None, "at": 0.0}

    def refresh() -> None:
        """Take up a newly promoted model."""
        now = time.monotonic()
        if now < float(using["at"] or 0.0):
            return
        using["at"] = now + MODEL_CHECK_S
        version = parts.registry.champion()
        if version is not None and version != using["version"]:
            using["version"] = version
            try:
                judge.use(parts.registry.load(version))
            except (Poisoned, NotFound) as failure:
                _log.error("model_refused", version=version, reason=str(failure))

    refresh()
    folder = parts.folder / "memory"
    return ScoreStage(parts.bus, parts.store.transactions, judge, folder, _Observer(parts.metrics), refresh)


def _count(parts: Parts) -> Runner:
    return Consumer(parts.bus, COUNTS, "count", MinuteCounts, parts.store.minutes.replace)


def _watch(parts: Parts) -> Runner:
    stage = WatchStage(
        parts.store.minutes,
        anomaly_collection(parts.store.records),
        _publisher(parts, ANOMALIES, lambda one: one.series, parts.metrics.anomalies),
        parts.folder / "watching",
        parts.clock,
        parts.budget_decades,
    )
    backlog = parts.bus.subscribe(TRANSACTIONS, "", from_start=False)

    def turn() -> int:
        """Wait while much is accepted but not counted yet: from here that would look like silence."""
        backlog.seek(0, parts.store.transactions.position(0))
        return 0 if backlog.lag() > HELD_RECORDS else stage.step()

    return Paced(turn, backlog.close)


def _keep_house(parts: Parts) -> Runner:
    transactions_days, minutes_days = parts.retention_days
    house = Housekeeping(parts.store.transactions, parts.store.minutes, parts.registry, parts.clock)
    return Paced(lambda: house.turn(transactions_days * DAY_MS, minutes_days * DAY_MS))


def _publisher(
    parts: Parts,
    topic: str,
    key: Callable[[Noun], str],
    also: Callable[[Sequence[Noun]], None] = lambda _: None,
) -> Callable[[Sequence[Noun]], None]:
    def publish(nouns: Sequence[Noun]) -> None:
        if nouns:
            parts.bus.publish(topic, [Message(key(one), msgspec.json.encode(one)) for one in nouns])
            also(nouns)

    return publish


STAGES = (
    Stage("score", (TRANSACTIONS,), (VERDICTS,), _score, pause_s=0.05),
    Stage("count", (COUNTS,), (), _count),
    Stage("watch", (), (ANOMALIES,), _watch),
    Stage("keep-house", (), (), _keep_house, pause_s=5.0),
)
