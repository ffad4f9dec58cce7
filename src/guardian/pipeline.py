"""The map: one row per stage. Embedded mode runs all of them, production one deployment per row."""

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import msgspec
import numpy as np

from guardian.alerting.heartbeat import SILENT_MS, Heartbeat
from guardian.alerting.notify import NotifyStage
from guardian.alerting.stage import AlertStage, alert_collection
from guardian.alerting.webhook import Deliver
from guardian.bus.base import (
    ALERTS,
    ANOMALIES,
    COUNTS,
    INCIDENTS,
    TRANSACTIONS,
    VERDICTS,
    Bus,
    Message,
    dead_letters_of,
)
from guardian.bus.consumer import Consumer
from guardian.cases.attach import Attaching
from guardian.cases.chores import Chores
from guardian.cases.collection import REVIEW_KIND
from guardian.cases.desk import CaseDesk
from guardian.cases.review import Reviewing
from guardian.cases.stage import CaseStage
from guardian.domain.alert import Alert
from guardian.domain.anomaly import WHOLE_SYSTEM, Anomaly
from guardian.domain.clock import MINUTE_MS, Clock
from guardian.domain.errors import NotFound, OtherKind, Poisoned
from guardian.domain.incident import Incident
from guardian.domain.transaction import LIVE
from guardian.domain.verdict import LEVELS, METHODS, Verdict
from guardian.domain.window import MinuteCounts
from guardian.incidents.stage import IncidentStage, incident_collection
from guardian.learning.drill_schedule import DrillSchedule
from guardian.learning.housekeeping import Housekeeping, Retention
from guardian.learning.retrain import Retraining
from guardian.learning.rule_limits import RuleLimits
from guardian.models.base import ModelRegistry
from guardian.observability.logs import get_logger
from guardian.observability.metrics import Metrics
from guardian.observability.traces import carried
from guardian.scoring.rules.book import RuleBook
from guardian.scoring.rules.desk import RuleDesk
from guardian.scoring.rules.uptake import Uptake
from guardian.scoring.stage import ScoreStage
from guardian.storage.base import Judged
from guardian.storage.stores import Store
from guardian.watching.anomalies import anomaly_collection
from guardian.watching.asked import Asked
from guardian.watching.outlook import Outlooks

if TYPE_CHECKING:
    from guardian.scoring.judge import ForestJudge
    from guardian.watching.announce import Announcer

Noun = TypeVar("Noun", bound=msgspec.Struct)


class Parts(msgspec.Struct, frozen=True):
    """Everything a stage may need, chosen by `bootstrap`."""

    folder: Path
    clock: Clock
    bus: Bus
    store: Store
    registry: ModelRegistry
    judge: "Callable[[str], ForestJudge]"
    """Its words are in the language it is given; it decides by the rules that were published last."""
    rules: RuleBook
    metrics: Metrics
    deliver: Deliver | None
    heartbeat: Heartbeat | None
    asked: Asked
    case_quiet_days: int
    retention: Retention


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
        rows = np.flatnonzero(judged.level)
        why = zip(judged.level[rows].tolist(), judged.method[rows].tolist(), strict=True)
        self._metrics.flagged([(LEVELS[level], METHODS[method]) for level, method in why])

    def parked(self, topic: str, records: int) -> None:
        """Count dead letters."""
        self._metrics.parked(topic, records)


def _score(parts: Parts) -> Runner:
    judge = parts.judge("en")
    rules = Uptake(parts.rules, judge)
    using: dict[str, str | float | None] = {"version": None, "at": 0.0}

    def refresh() -> None:
        """Take up newly published rules and a newly promoted model."""
        rules.look()
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
    def keep(counts: Sequence[MinuteCounts]) -> None:
        """What was accepted before its source was known to send transactions is parked."""
        try:
            parts.store.minutes.replace(counts)
        except OtherKind as refusal:
            mixed = [one for one in counts if one.source in refusal.sources]
            reason = {"reason": "its source sends transactions"}
            parked = [Message(one.source, msgspec.json.encode(one), reason) for one in mixed]
            parts.bus.publish(dead_letters_of(COUNTS), parked)
            parts.metrics.parked(COUNTS, len(parked))
            parts.store.minutes.replace([one for one in counts if one.source not in refusal.sources])

    return Consumer(parts.bus, COUNTS, "count", MinuteCounts, keep)


def _review(parts: Parts) -> Runner:
    store, clock = parts.store, parts.clock
    stage = CaseStage(store.transactions, store.records, store.casebook, clock)
    desk, days = case_desk(parts), parts.case_quiet_days
    chores = Chores(store.transactions, store.records, stage, desk, clock, days)
    return Reviewing(Consumer(parts.bus, VERDICTS, "open-cases", Verdict, stage.handle), chores)


def case_desk(parts: Parts) -> CaseDesk:
    """Where cases are worked on."""
    store = parts.store
    return CaseDesk(store.records, store.casebook, store.labels, store.audit, parts.clock)


def _announcer(parts: Parts) -> "Announcer":
    from guardian.watching.announce import Announcer, Explaining
    from guardian.watching.causes import CauseFinder
    from guardian.watching.nature import NatureFinder

    samples = parts.store.transactions
    finders = CauseFinder(samples), NatureFinder(samples, parts.store.minutes)
    return Announcer(
        anomaly_collection(parts.store.records),
        publisher(parts, ANOMALIES, lambda one: one.series, parts.metrics.anomalies),
        parts.clock,
        Explaining(finders[0].cause_of, finders[1].nature_of),
        parts.asked.budget_decades,
    )


def _watch(parts: Parts) -> Runner:
    from guardian.watching.stage import WatchStage

    stage = WatchStage(
        parts.store.minutes,
        _announcer(parts),
        Outlooks(parts.store.records),
        parts.folder / "watching",
        parts.clock,
        parts.asked,
    )
    backlog = parts.bus.subscribe(TRANSACTIONS, "", from_start=False)

    def turn() -> int:
        """Silence is believed only once everything accepted is counted."""
        backlog.seek(0, parts.store.transactions.position(0))
        return stage.step(waiting=backlog.lag() > 0)

    return Paced(turn, backlog.close)


def _watch_segments(parts: Parts) -> Runner:
    from guardian.watching.segments.stage import SegmentStage

    store, folder = parts.store, parts.folder / "watching"
    stage = SegmentStage(store.transactions, store.minutes, _announcer(parts), folder, parts.asked)
    return Paced(stage.step, stage.close)


def _keep_house(parts: Parts) -> Runner:
    store = parts.store

    def along(before_ms: int) -> int:
        """Labels and cases go with their transactions."""
        return store.labels.purge(LIVE, before_ms) + store.casebook.purge(REVIEW_KIND, before_ms)

    house = Housekeeping(store.transactions, store.minutes, parts.clock, parts.retention, along)
    retraining = Retraining(store, parts.registry, parts.clock)
    attaching = Attaching(store.labels, store.transactions, parts.clock)
    command = [sys.executable, "-m", "guardian.entrypoints.cli", "drill", "--data", str(parts.folder)]
    drills = DrillSchedule(store.records, parts.clock, parts.asked.drill_every_days, command)
    desk = RuleDesk(parts.rules, store.audit, parts.clock, lambda _: None)
    limits = RuleLimits(store.transactions, store.minutes, desk, parts.clock)
    turns = (house.turn, retraining.turn, attaching.turn, drills.turn, limits.turn)
    return Paced(lambda: sum(turn() for turn in turns), drills.close)


def _alert(parts: Parts) -> Runner:
    publish: Callable[[Sequence[Alert]], None] = publisher(parts, ALERTS, lambda one: one.fingerprint)
    stage = AlertStage(alert_collection(parts.store.records), publish, parts.clock)
    return Consumer(parts.bus, ANOMALIES, "alert", Anomaly, stage.handle)


def _manage(parts: Parts) -> Runner:
    records = parts.store.records
    publish = incident_publisher(parts)
    stage = IncidentStage(
        incident_collection(records), alert_collection(records), records, publish, parts.clock
    )
    return Consumer(parts.bus, ALERTS, "manage", Alert, stage.handle)


class _Notifying:
    """Tells what is new, and again what was not taken."""

    def __init__(self, parts: Parts, deliver: Deliver) -> None:
        self._stage = NotifyStage(parts.store.records, deliver, parts.clock)
        self._consumer = Consumer(parts.bus, INCIDENTS, "notify", Incident, self._stage.handle)

    def step(self, wait_s: float) -> int:
        """New incidents first, then one look at what is due again."""
        return self._consumer.step(wait_s) + self._stage.retry_due()

    def lag(self) -> int:
        """Incidents nobody was told of yet."""
        return self._consumer.lag()

    def close(self) -> None:
        """Let go; what was kept is sent after the next start."""
        self._consumer.close()


def _notify(parts: Parts) -> Runner:
    if parts.deliver is None:  # read on: who is named as receiver later is not told of what is long over
        return Consumer(parts.bus, INCIDENTS, "notify", Incident, lambda _: None)
    return _Notifying(parts, parts.deliver)


def _beat(parts: Parts) -> Runner:
    heart = parts.heartbeat
    if heart is None:
        return Paced(lambda: 0)

    def turn() -> int:
        """Only what was judged and kept counts as a sign of life."""
        now_ms = parts.clock.now_ms()
        points = parts.store.minutes.points(LIVE, [WHOLE_SYSTEM], now_ms - 2 * SILENT_MS, now_ms)
        heart.beat(points[-1].minute_ms + MINUTE_MS if points else None)
        return 0

    return Paced(turn)


def incident_publisher(parts: Parts) -> Callable[[Sequence[Incident]], None]:
    """How a change of incidents is told to everybody who listens."""
    return publisher(parts, INCIDENTS, lambda one: one.incident_id)


def publisher(
    parts: Parts,
    topic: str,
    key: Callable[[Noun], str],
    also: Callable[[Sequence[Noun]], None] = lambda _: None,
) -> Callable[[Sequence[Noun]], None]:
    """Publishes nouns to a topic under their keys, and hands them to `also`; nothing for none."""

    def publish(nouns: Sequence[Noun]) -> None:
        if nouns:
            headers = carried()
            parts.bus.publish(topic, [Message(key(one), msgspec.json.encode(one), headers) for one in nouns])
            also(nouns)

    return publish


STAGES = (
    Stage("score", (TRANSACTIONS,), (VERDICTS,), _score, pause_s=0.05),
    Stage("open-cases", (VERDICTS,), (), _review),
    Stage("count", (COUNTS,), (), _count),
    Stage("watch", (), (ANOMALIES,), _watch),
    Stage("watch-segments", (), (ANOMALIES,), _watch_segments, pause_s=1.0),
    Stage("alert", (ANOMALIES,), (ALERTS,), _alert),
    Stage("manage", (ALERTS,), (INCIDENTS,), _manage),
    Stage("notify", (INCIDENTS,), (), _notify),
    Stage("heartbeat", (), (), _beat, pause_s=1.0),
    Stage("keep-house", (), (), _keep_house, pause_s=5.0),
)
