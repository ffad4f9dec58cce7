"""Judging in this process: the compiled forest, the features, the whole judge, the detector's minute."""

from collections.abc import Callable, Iterator
from itertools import count
from statistics import median

import numpy as np
from sklearn.ensemble import IsolationForest

from benchmarks.bench import Bench
from benchmarks.rivals import Deques
from benchmarks.table import Figure
from benchmarks.timing import cpu_us, in_turn
from benchmarks.traffic import transactions
from guardian.domain.clock import DAY_MS, MINUTE_MS
from guardian.domain.transaction import Transaction
from guardian.features.memory import Memory
from guardian.learning.train import SAMPLES, TREES, train
from guardian.scoring.forest import raw_scores
from guardian.scoring.judge import ForestJudge
from guardian.scoring.rules import load_rules
from guardian.watching.detector import StreamDetector

START_MS = 1_763_942_400_000
EVENTS, PER_SECOND = 65_536, 20
BATCH = 512
TRAINING_ROWS = 20_000


def forest(bench: Bench) -> Iterator[Figure]:
    """The same forest, scored by scikit-learn and by us."""
    features = Memory().take_in(transactions(EVENTS, START_MS, PER_SECOND))
    model = train(features[:TRAINING_ROWS], START_MS, seed=0)
    rival = IsolationForest(n_estimators=TREES, max_samples=SAMPLES, random_state=0)
    rival.fit(features[:TRAINING_ROWS])
    for rows in (1, 1_024):
        sample = features[-rows:]
        np.testing.assert_allclose(raw_scores(model, sample), -rival.score_samples(sample), atol=1e-9)
        ours, theirs = in_turn(
            lambda: raw_scores(model, sample),  # noqa: B023 - called at once
            lambda: rival.score_samples(sample),  # noqa: B023
            rows,
            bench.rounds,
        )
        yield Figure(f"forest, {rows} row{'s'[: rows > 1]}", "us/row", ours, theirs, "scikit-learn")


def features(bench: Bench) -> Iterator[Figure]:
    """Rolling windows per merchant, BIN and card, as of each event; then forest, z-score and rules too."""
    events = transactions(EVENTS, START_MS, PER_SECOND)
    memory, deques = Memory(), Deques()
    memory.take_in(events), deques.take_in(events)  # every key has been met
    ours, theirs = in_turn(
        _turning(memory.take_in, events), _turning(deques.take_in, events), BATCH, bench.rounds
    )
    yield Figure(f"features, batches of {BATCH}", "us/tx", ours, theirs, "deques")
    model = train(Memory().take_in(events)[:TRAINING_ROWS], START_MS, seed=0)
    judge = ForestJudge(load_rules(), model)
    judge.remember(events)
    whole = cpu_us(_turning(judge.judge, events), BATCH, 0.3)
    yield Figure(f"whole verdict, batches of {BATCH}", "us/tx", whole)


def _turning(step: Callable[[list[Transaction]], object], events: list[Transaction]) -> Callable[[], object]:
    """The next batch at each call, round and round."""
    batches = [events[low : low + BATCH] for low in range(0, len(events), BATCH)]
    turns = count()
    return lambda: step(batches[next(turns) % len(batches)])


def detector(bench: Bench) -> Iterator[Figure]:
    """One minute of a stream of five statuses and eight codes, all windows of 1 to 60 minutes tested."""
    rng = np.random.default_rng(0)
    rates = {"approved": 900, "denied": 60, "failed": 12, "reversed": 9, "refunded": 5}
    codes = {"00": 900, "51": 40, "05": 12, "54": 6, "57": 5, "59": 4, "91": 3, "96": 2}
    stream, minutes = StreamDetector("bench"), count(START_MS, MINUTE_MS)

    def minute() -> None:
        by_status, by_code = (
            {value: int(rng.poisson(rate)) for value, rate in usual.items()} for usual in (rates, codes)
        )
        stream.judge(next(minutes), by_status, by_code)

    for _ in range(DAY_MS // MINUTE_MS):
        minute()
    yield Figure("detector, one minute", "us", median(cpu_us(minute, 1, 0.3) for _ in range(bench.rounds)))
