"""Judging single transactions: the compiled forest beside scikit-learn, features, the whole judge."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.ensemble import IsolationForest

from guardian.domain.transaction import Transaction
from guardian.features.memory import Memory
from guardian.learning.train import SAMPLES, TREES, train
from guardian.scoring.forest import raw_scores
from guardian.scoring.judge import ForestJudge
from guardian.scoring.rules import load_rules

START_MS = 1_700_000_000_000
EVENTS = 65_536


def traffic(count: int, merchants: int, cards: int) -> list[Transaction]:
    """A few hours of made-up traffic."""
    rng = np.random.default_rng(0)
    times = (START_MS + np.sort(rng.integers(0, 4 * 3_600_000, count))).tolist()
    shops = np.minimum(rng.pareto(1.1, count) * 20, merchants - 1).astype(int).tolist()
    holders = rng.integers(0, cards, count).tolist()
    amounts = (rng.lognormal(8, 0.8, count) + 1).astype(int).tolist()
    return [
        Transaction(
            transaction_id=str(place),
            merchant_id=f"m{shops[place]}",
            status="denied" if place % 17 == 0 else "approved",
            amount_minor=amounts[place],
            event_ms=times[place],
            received_ms=times[place],
            card_bin=f"41{holders[place] % 90:04d}",
            card_token=f"c{holders[place]}",
        )
        for place in range(count)
    ]


def cpu_us(work: Callable[[], object], items: int, seconds: float = 0.3) -> float:
    """CPU microseconds per item, the best of three."""
    work()
    best = float("inf")
    for _ in range(3):
        started, turns = time.process_time(), 0
        while time.process_time() - started < seconds / 3:
            work()
            turns += 1
        best = min(best, (time.process_time() - started) / turns)
    return best / items * 1e6


def batches(step: Callable[[list[Transaction]], object], events: list[Transaction], size: int) -> float:
    """CPU microseconds per transaction over the whole list in batches of `size`."""
    chosen = events[: max(8_192, size * 16)] if size < 64 else events
    started = time.process_time()
    for low in range(0, len(chosen), size):
        step(chosen[low : low + size])
    return (time.process_time() - started) / len(chosen) * 1e6


def main() -> None:
    """Print one table; with a path as argument, write it as JSON too."""
    events = traffic(EVENTS, merchants=2_000, cards=20_000)
    features = Memory().take_in(events)
    model = train(features[:20_000], START_MS, seed=0)
    rival = IsolationForest(n_estimators=TREES, max_samples=SAMPLES, random_state=0).fit(features[:20_000])
    table: list[tuple[str, float, float | None]] = []
    for rows in (1, 64, 1_024):
        sample = features[-rows:]
        ours = cpu_us(lambda: raw_scores(model, sample), rows)  # noqa: B023 - called before the next turn
        theirs = cpu_us(lambda: rival.score_samples(sample), rows)  # noqa: B023
        table.append((f"forest, {rows} rows", ours, theirs))
    for size in (8, 512, 4_096):
        memory = Memory()
        memory.take_in(events)
        table.append((f"features, batch {size}", batches(memory.take_in, events, size), None))
    for size in (8, 512, 4_096):
        judge = ForestJudge(load_rules(), model)
        judge.remember(events)
        table.append((f"judge, batch {size}", batches(judge.judge, events, size), None))
    print(f"{'CPU per row or transaction':32}{'us':>10}{'scikit-learn':>14}{'ratio':>9}")
    for name, ours, theirs in table:
        beside = "" if theirs is None else f"{theirs:14.2f}{theirs / ours:8.1f}x"
        print(f"{name:32}{ours:10.2f}{beside}")
    if len(sys.argv) > 1:
        lines = [{"name": name, "us": ours, "scikit_learn_us": theirs} for name, ours, theirs in table]
        Path(sys.argv[1]).write_text(json.dumps(lines, indent=1))


if __name__ == "__main__":
    main()
