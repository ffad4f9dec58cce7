"""What the judge would have said of each transaction of a file, learning from that file's past alone."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from operator import attrgetter

import msgspec
import numpy as np
from numpy.typing import NDArray

from guardian.domain.transaction import Transaction
from guardian.domain.verdict import LEVELS
from guardian.features.definition import FEATURE_COUNT
from guardian.learning.housekeeping import TRAINING_ROWS
from guardian.learning.retrain import FIRST_ROWS, due_at
from guardian.learning.train import train
from guardian.scoring.base import VerdictColumns
from guardian.scoring.judge import ForestJudge

BATCH = 4_096


class Judged(msgspec.Struct, frozen=True):
    """One line of a backtest; `reasons` are told of what was flagged: rules, then features."""

    transaction_id: str
    score: float
    level: str
    reasons: str


def backtest(
    events: Sequence[Transaction], judge: ForestJudge, learning: bool = True, batch: int = BATCH
) -> Iterator[Judged]:
    """Judge events in the order of their times, in batches that change nothing.

    `learning` fits a new model when the live system would: at the event that makes one due, on what
    was judged before it.
    """
    features = np.empty((len(events), FEATURE_COUNT), np.float32)
    start = 0
    for stop in _refits(events) if learning else [len(events)]:
        for low in range(start, stop, batch):
            part = events[low : min(low + batch, stop)]
            columns = judge.judge(part)
            features[low : low + len(part)] = columns.features
            yield from _told(part, columns, judge)
        if stop < len(events):
            judge.use(train(_newest(features, stop), events[stop].event_ms, seed=0))
        start = stop


def _refits(events: Sequence[Transaction]) -> Iterator[int]:
    """Places before which a model is fitted, and the end."""
    place, first_ms = FIRST_ROWS, events[0].event_ms
    while place < len(events):
        yield place
        next_ms = due_at(events[place].event_ms, first_ms)
        place = bisect_left(events, next_ms, lo=place + 1, key=attrgetter("event_ms"))
    yield len(events)


def _newest(features: NDArray[np.float32], stop: int) -> NDArray[np.float32]:
    return features[max(0, stop - TRAINING_ROWS) : stop]


def _told(part: Sequence[Transaction], columns: VerdictColumns, judge: ForestJudge) -> Iterator[Judged]:
    flagged = np.flatnonzero(columns.level)
    reasons = dict(zip(flagged.tolist(), judge.reasons(columns.features[flagged]), strict=True))
    for row, one in enumerate(part):
        words = [name for name in columns.rules[row].split(",") if name]
        words += [
            f"{why.feature} {why.value:.3g} ({why.low:.3g} to {why.high:.3g})" for why in reasons.get(row, ())
        ]
        level = LEVELS[columns.level[row]].value
        yield Judged(one.transaction_id, float(columns.score[row]), level, "; ".join(words))
