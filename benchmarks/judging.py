"""Judging in this process: the compiled forest, the features, the whole judge, the detector's minute."""

from collections.abc import Callable, Iterator
from itertools import count
from statistics import median

import numpy as np
from msgspec.structs import replace
from sklearn.ensemble import IsolationForest

from benchmarks.bench import Bench
from benchmarks.rivals import Deques
from benchmarks.table import Figure, Target
from benchmarks.timing import cpu_us, in_turn
from benchmarks.traffic import transactions
from guardian.domain.clock import DAY_MS, MINUTE_MS
from guardian.domain.transaction import Transaction
from guardian.features.definition import NAMES
from guardian.features.memory import Memory
from guardian.learning.train import SAMPLES, TREES, train
from guardian.scoring.forest import raw_scores
from guardian.scoring.judge import ForestJudge
from guardian.scoring.rarity import evidence
from guardian.scoring.rules.definition import Rule, Words
from guardian.scoring.rules.ruleset import live, load_rules
from guardian.watching.asked import Asked
from guardian.watching.detector import StreamDetector
from guardian.watching.segments.detector import SegmentDetector
from guardian.watching.segments.parameters import LEARNING

START_MS = 1_763_942_400_000
EVENTS, PER_SECOND = 65_536, 20
BATCH = 512
TRAINING_ROWS = 20_000
MONTH_MINUTES = 31 * 1_440
SERIES, MERCHANTS, ROWS_A_MINUTE = 100_000, 80_000, 20_000
SEGMENTED = Asked(dimensions=("acquirer", "merchant_id", "card_bin"))


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
    rows = Memory().take_in(events)[:BATCH]
    yield Figure(
        f"forest and tails, batches of {BATCH}", "us/tx", cpu_us(lambda: evidence(model, rows), BATCH, 0.3)
    )
    judge = ForestJudge(load_rules(), model)
    judge.remember(events)
    whole = cpu_us(_turning(judge.judge, events), BATCH, 0.3)
    yield Figure(f"whole verdict, batches of {BATCH}", "us/tx", whole)


def rules(bench: Bench) -> Iterator[Figure]:
    """A hundred rules of about six parts each, over features and texts; the batches turn."""
    events = transactions(EVENTS, START_MS, PER_SECOND)
    rows = Memory().take_in(events)
    batches = [slice(low, low + BATCH) for low in range(0, EVENTS, BATCH)]
    turns, many = count(), live(_hundred())

    def decide() -> None:
        batch = batches[next(turns) % len(batches)]
        many.decide(events[batch], rows[batch])

    cost = median(cpu_us(decide, BATCH, 0.3) for _ in range(bench.rounds))
    yield Figure(f"100 rules, batches of {BATCH}", "us/tx", cost, target=Target(8.0))


def _hundred() -> list[Rule]:
    drawn = np.random.default_rng(1)
    texts = ('status in ("denied", "failed")', 'card_bin != "516220"', "amount / (card_count_1h + 1) > 2000")
    made = []
    for number in range(100):
        one, two, three = drawn.choice(NAMES, 3, replace=False)
        low, high, far = drawn.uniform(3, 8), drawn.uniform(0.5, 3), drawn.uniform(8, 20)
        text = texts[number % len(texts)]
        when = (
            f"{one} >= {low:.2f} and {two} >= {high:.2f} and {text} or {three} > {far:.1f} and not ({text})"
        )
        words = Words("regra", "rule")
        made.append(Rule(f"r{number}", words, "WARNING", words, when))
    return made


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
    day = [
        [{value: int(rng.poisson(rate)) for value, rate in usual.items()} for usual in (rates, codes)]
        for _ in range(DAY_MS // MINUTE_MS)
    ]

    def minute() -> None:
        minute_ms = next(minutes)
        by_status, by_code = day[minute_ms // MINUTE_MS % len(day)]
        stream.judge(minute_ms, by_status, by_code)

    for _ in range(DAY_MS // MINUTE_MS):
        minute()
    one = median(cpu_us(minute, 1, 0.3) for _ in range(bench.rounds))
    yield Figure("detector, one minute", "us", one, target=Target(100.0))
    yield Figure("detector, a month of one stream", "s", one * MONTH_MINUTES / 1e6, target=Target(5.0))


def segments(bench: Bench) -> Iterator[Figure]:
    """One minute of 100,000 series: merchants, BINs and acquirers, and the denials of a part of them."""
    rng = np.random.default_rng(0)
    watched = SegmentDetector("bench", replace(SEGMENTED, most_series=SERIES))
    minutes = count(START_MS, MINUTE_MS)

    def minute(rows: int = ROWS_A_MINUTE) -> None:
        columns = {
            "status": np.where(rng.random(rows) < 0.1, "denied", "approved").tolist(),
            "merchant_id": [f"m{one}" for one in rng.integers(MERCHANTS, size=rows).tolist()],
            "card_bin": [f"{one}" for one in rng.integers(400_000, 403_000, size=rows).tolist()],
            "acquirer": [f"acq_{one}" for one in rng.integers(8, size=rows).tolist()],
        }
        watched.judge(next(minutes), columns, rows)

    while watched.series < SERIES:
        minute(5 * ROWS_A_MINUTE)
    for _ in range(LEARNING):  # from then on everything is tested
        minute(100)
    one_s = median(cpu_us(minute, 1, 0.3) for _ in range(bench.rounds)) / 1e6
    yield Figure(
        f"{watched.series:,} series, one minute of {ROWS_A_MINUTE:,}", "s", one_s, target=Target(1.0)
    )
    yield Figure("their state", "MB", len(watched.to_bytes()) / 1e6, target=Target(2_000.0))
