"""What the judge would have said of each transaction of a file, learning from that file's past alone."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from guardian.domain.transaction import Transaction
from guardian.domain.verdict import LEVELS
from guardian.features.definition import FEATURE_COUNT
from guardian.ingestion.labels import Label
from guardian.learning.lessons import TRAINING_ROWS, WEEK_MS, Lessons, evenly, hours_as_known
from guardian.learning.retrain import FIRST_ROWS, due_at, fitted
from guardian.models.artefact import Heaps
from guardian.scoring.base import VerdictColumns
from guardian.scoring.judge import ForestJudge

BATCH = 4_096
_NEVER = np.iinfo(np.int64).max


class Judged(msgspec.Struct, frozen=True):
    """One line of a backtest; `reasons` are told of what was flagged: rules, then features."""

    transaction_id: str
    score: float
    level: str
    reasons: str


class Backtest:
    """Judges a file once. Without `learning` the judge keeps the model it has.

    A new model is fitted when the live system would, at the event that makes one due, on what was
    judged before it; the supervised one then too, on the labels known by that time.
    """

    def __init__(
        self,
        events: Sequence[Transaction],
        judge: ForestJudge,
        learning: bool = True,
        labels: Mapping[str, Label] | None = None,
    ) -> None:
        self._events = events
        self._judge = judge
        self._learning = learning
        self._known_ms, self._fraud = _aligned(events, labels or {})
        self._features = np.empty((len(events), FEATURE_COUNT), np.float32)
        self._boosted: Heaps | None = None

    def run(self, batch: int = BATCH) -> Iterator[Judged]:
        """Every event in order; the size of the batches changes nothing."""
        start = 0
        for stop in _refits(self._events):
            for low in range(start, stop, batch):
                yield from self._step(slice(low, min(low + batch, stop)))
            if stop < len(self._events):
                self._learn(stop)
            start = stop

    def _step(self, rows: slice) -> Iterator[Judged]:
        part = self._events[rows]
        columns = self._judge.judge(part)
        self._features[rows] = columns.features
        return _told(part, columns, self._judge)

    def _learn(self, stop: int) -> None:
        if not self._learning:
            return
        now_ms = self._events[stop].event_ms
        first = bisect_left(self._events, now_ms - WEEK_MS, hi=stop, key=attrgetter("event_ms"))
        usual = self._features[first + evenly(stop - first, TRAINING_ROWS)]
        usual = hours_as_known(usual, now_ms - self._events[first].event_ms)
        known = np.flatnonzero(self._known_ms[:stop] <= now_ms)
        model = fitted(usual, Lessons(self._features[known], self._fraud[known], np.ones(len(known))), now_ms)
        self._boosted = model.boosted or self._boosted
        self._judge.use(replace(model, boosted=self._boosted))


def _aligned(
    events: Sequence[Transaction], labels: Mapping[str, Label]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """When each event's label is known (never without one), and what it says."""
    none = Label(False, int(_NEVER))
    of_events = [labels.get(one.transaction_id, none) for one in events]
    return (
        np.array([label.known_ms for label in of_events], np.int64),
        np.array([label.fraud for label in of_events], np.bool_),
    )


def _refits(events: Sequence[Transaction]) -> Iterator[int]:
    """Places before which a model is fitted, and the end."""
    place, first_ms = FIRST_ROWS, events[0].event_ms
    while place < len(events):
        yield place
        next_ms = due_at(events[place].event_ms, first_ms)
        place = bisect_left(events, next_ms, lo=place + 1, key=attrgetter("event_ms"))
    yield len(events)


def _told(part: Sequence[Transaction], columns: VerdictColumns, judge: ForestJudge) -> Iterator[Judged]:
    level = columns.level
    flagged = np.flatnonzero(level)
    reasons = dict(zip(flagged.tolist(), judge.reasons(columns.features[flagged]), strict=True))
    for row, one in enumerate(part):
        words = [name for name in columns.rules[row].split(",") if name]
        words += [
            f"{why.feature} {why.value:.3g} ({why.low:.3g} to {why.high:.3g})" for why in reasons.get(row, ())
        ]
        yield Judged(
            one.transaction_id, float(columns.score[row]), LEVELS[level[row]].value, "; ".join(words)
        )
