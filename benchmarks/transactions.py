"""Single transactions: a file with known frauds through the live judge, without and with their labels."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guardian.domain.clock import DAY_MS
from guardian.domain.transaction import Transaction
from guardian.ingestion.labels import Label, read_labels
from guardian.ingestion.ordered import read_ordered
from guardian.learning.backtest import Backtest
from guardian.scoring.judge import ForestJudge
from guardian.scoring.rules.ruleset import load_rules
from guardian.simulation.frauds import KNOWN_AFTER_MS, Frauds
from guardian.simulation.traffic import Traffic, minutes_between

FILE, LABELS = "tx/tx_dev.parquet", "tx/tx_dev.labels.parquet"
LAST_DAYS = 7
START_MS, DAYS, RATE, FRAUDS_A_DAY = 1_764_547_200_000, 28, 6.0, 12.0
SEEDS = (301, 302)
"""Of simulated traffic; never looked at while detectors were made."""
A_DAY = 100
FALSE_POSITIVES = 0.001
ASKED = {
    False: {"average_precision": (0.75, 0.85), "precision": (0.75, 0.90), "recall": (0.60, 0.80)},
    True: {"average_precision": (0.92, 0.94)},
}
"""(must, goal) of each figure, without and with labels."""
WORDS = {
    "average_precision": "average precision",
    "precision": f"precision of the {A_DAY} highest a day",
    "recall": "recall at 0.1 % false positives",
}
Row = dict[str, Any]


def there(data: Path) -> bool:
    """Whether the file and its labels are there; says so if not."""
    missing = [name for name in (FILE, LABELS) if not (data / name).exists()]
    for name in missing:
        print(f"skipped: single transactions, as {data / name} is not there")
    return not missing


def judged(data: Path, labelled: bool) -> Row:
    """The figures of the file of reference."""
    events, labels = read_ordered(data / FILE, UTC).transactions, read_labels(data / LABELS, UTC).by_id
    return {"of": "file of reference", **last_week(events, labels, labelled)}


def simulated(seed: int, labelled: bool) -> Row:
    """The figures of four weeks of the simulator's traffic and frauds."""
    minutes = minutes_between(START_MS, START_MS + DAYS * DAY_MS)
    traffic, frauds = Traffic(RATE, seed), Frauds(FRAUDS_A_DAY, seed, (START_MS, START_MS + DAYS * DAY_MS))
    events = [row for minute_ms in minutes for row in frauds.among(traffic.minute(minute_ms), minute_ms)]
    stolen = {fraud.transaction.transaction_id for fraud in frauds.events}
    labels = {
        one.transaction_id: Label(one.transaction_id in stolen, one.event_ms + KNOWN_AFTER_MS)
        for one in events
    }
    return {"of": f"simulated, seed {seed}", **last_week(events, labels, labelled)}


def last_week(events: Sequence[Transaction], labels: Mapping[str, Label], labelled: bool) -> Row:
    """The figures of the last week, all that came before having been learnt from."""
    backtest = Backtest(events, ForestJudge(load_rules()), labels=labels if labelled else None)
    scores = np.array([one.score for one in backtest.run()])
    fraud = np.array([labels[one.transaction_id].fraud for one in events])
    days = np.array([one.event_ms // DAY_MS for one in events])
    last = days > days[-1] - LAST_DAYS
    return {"labelled": labelled, **figures(scores[last], fraud[last], days[last])}


def figures(scores: NDArray[np.float64], fraud: NDArray[np.bool_], days: NDArray[np.int64]) -> Row:
    """As the reference scorer measures them."""
    from sklearn.metrics import average_precision_score

    highest = np.concatenate(list(_highest(scores, days)))
    bound = np.quantile(scores[~fraud], 1.0 - FALSE_POSITIVES)
    return {
        "average_precision": float(average_precision_score(fraud, scores)),
        "precision": float(fraud[highest].mean()),
        "recall": float((scores[fraud] > bound).mean()),
        "transactions": len(fraud),
        "frauds": int(fraud.sum()),
    }


def _highest(scores: NDArray[np.float64], days: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    for day in np.unique(days):
        rows = np.flatnonzero(days == day)
        yield rows[np.argsort(-scores[rows], kind="stable")[:A_DAY]]


def print_transactions(rows: Sequence[Row]) -> None:
    """Each figure beside what is asked of the file of reference, and how far the goal is."""
    for row in rows:
        title = f"TRANSACTIONS, {row['of']}, {'labels 7 days late' if row['labelled'] else 'no labels'}"
        print(f"\n{title:52}{'figure':>9}{'must':>7}{'goal':>7}{'to goal':>9}")
        for name, words in WORDS.items():
            must, goal = ASKED[row["labelled"]].get(name, (None, None))
            asked = (
                f"{'–':>7}{'–':>7}{'–':>9}"
                if must is None
                else f"{must:7.2f}{goal:7.2f}{row[name] - goal:+9.3f}"
            )
            failed = "  below what must be" if must is not None and row[name] < must else ""
            print(f"{words:52}{row[name]:9.3f}{asked}{failed}")
