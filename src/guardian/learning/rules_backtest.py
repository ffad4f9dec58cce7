"""A rule tried on stored history: what would have fired, and which verdicts would be others."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from guardian.domain.clock import DAY_MS, Clock
from guardian.domain.errors import TooMany
from guardian.domain.transaction import LIVE
from guardian.domain.verdict import METHODS, Method
from guardian.features.definition import FEATURE_COUNT
from guardian.scoring.combine import Evidence, combine
from guardian.scoring.rules.book import RuleBook
from guardian.scoring.rules.columns import History
from guardian.scoring.rules.definition import Rule, understood
from guardian.scoring.rules.plan import Mask, Plan
from guardian.scoring.rules.report import Day, Flip, Report
from guardian.scoring.rules.ruleset import Contents, firing
from guardian.scoring.rules.syntax import Truth, has_features, texts_needed
from guardian.storage.base import HistoryBlock, HistoryStore, Span
from guardian.storage.labels import LabelStore

Named = tuple[str, str]
"""A merchant, and what it calls the transaction."""
Labels = Callable[[Span], Mapping[Named, bool]]
"""What is labelled of a span: whether each is fraud."""
NUMBERS: Final = ("level", "ml_score", "zscore", "amount_minor")
FEWEST: Final = 200
"""Below so many rows a share says nothing."""
AGAIN_S: Final = 5
MOST_ROWS: Final = 500_000
_RULES: Final = METHODS.index(Method.RULES)
_NEAR_ONE: Final = 1e-7


class _Steps(msgspec.Struct, frozen=True):
    """A rule in a plan."""

    critical: bool
    when: int
    unless: int | None


class RuleBacktest:
    """Tries a rule as if it were live beside everything else that decides in `contents`."""

    def __init__(self, store: HistoryStore, contents: Contents, labels: Labels | None = None) -> None:
        self._store = store
        self._contents = contents
        self._labels = labels

    def run(self, rule: Rule, span: Span, most_rows: int | None = None) -> Report:
        """The report. Raises Unparsable when the rule is not understood."""
        labels = {} if self._labels is None else self._labels(span)
        return _Trial(rule, self._contents, labels).report(self._store, span, most_rows)


class _Trial:
    def __init__(self, rule: Rule, contents: Contents, labels: Mapping[Named, bool]) -> None:
        self._plan = Plan({one.name: one.expiries for one in contents.lists})
        self._fields = {one.name: one.field for one in contents.lists}
        self._nodes: list[Truth] = []
        self._known = labels
        live = [one.rule for one in contents.deployed if one.mode == "live"]
        today = next((one for one in live if one.id == rule.id), None)
        self._now = self._steps(rule)
        self._today = None if today is None else self._steps(today)
        self._others = [self._steps(one) for one in live if today is not None and one.id != rule.id]
        self._days: dict[int, Counter[str]] = {}
        self._flips: dict[tuple[int, int], Counter[str]] = {}
        self._merchants: Counter[str | None] = Counter()
        self._sums: Counter[str] = Counter()

    def report(self, store: HistoryStore, span: Span, most_rows: int | None) -> Report:
        """Read the span and add up."""
        started = time.perf_counter()
        for block in self._blocks(store, span):
            with np.errstate(all="ignore"):
                self._take_in(block, History(block, span.source))
            if most_rows is not None and self._sums["rows"] >= most_rows:
                break
        merchant, most = next(iter(self._merchants.most_common(1)), ("", 0))
        sums, took = self._sums, time.perf_counter() - started
        days = sorted(self._days.items())
        return Report(
            since_ms=span.since_ms,
            until_ms=span.until_ms,
            rows=sums["rows"],
            fired=sums["fired"],
            fired_today=None if self._today is None else sums["today"],
            days=tuple(Day(at, day["right"], day["wrong"], day["unlabelled"]) for at, day in days),
            flips=tuple(
                Flip(*levels, of["n"], of["labelled"], of["fraud"])
                for levels, of in sorted(self._flips.items())
            ),
            labelled=sums["labelled"],
            frauds=sums["frauds"],
            right=sums["right"],
            wrong=sums["wrong"],
            worst_merchant=str(merchant),
            worst_merchant_fired=most,
            took_ms=round(took * 1000),
        )

    def _blocks(self, store: HistoryStore, span: Span) -> Iterator[HistoryBlock]:
        texts = {"merchant_id", "currency"}.union(*map(texts_needed, self._nodes))
        method = ["method"] if self._today is not None else []  # packed, and so read only for a new version
        names = [*NUMBERS, *method, *sorted(texts | ({"transaction_id"} if self._known else set()))]
        return store.history(span, names, FEATURE_COUNT if any(map(has_features, self._nodes)) else 0)

    def _steps(self, rule: Rule) -> _Steps:
        conditions = understood(rule, self._fields)
        both = [one for one in (conditions.when, conditions.unless) if one is not None]
        self._nodes += both
        when, *unless = map(self._plan.add, both)
        return _Steps(rule.severity == "CRITICAL", when, next(iter(unless), None))

    def _take_in(self, block: HistoryBlock, columns: History) -> None:
        run = self._plan.run(columns)

        def fired(one: _Steps) -> Mask:
            return firing(run, one.when, one.unless)

        now = fired(self._now)
        today = np.zeros(columns.rows, bool) if self._today is None else fired(self._today)
        labels = self._labelled(block)
        self._sums.update(rows=columns.rows, fired=int(now.sum()), today=int(today.sum()))
        self._sums.update(labelled=int((labels >= 0).sum()), frauds=int((labels == 1).sum()))
        rows = np.flatnonzero(now)
        self._count_firings(block, rows, labels)
        changed = np.flatnonzero(now != today)
        if len(changed):
            lowers = bool((today & ~now).any())
            others = [(fired(one), one.critical) for one in self._others] if lowers else None
            self._count_flips(block, changed, self._after(block, now, others), labels)

    def _labelled(self, block: HistoryBlock) -> NDArray[np.int8]:
        """1 fraud, 0 good, -1 without a label."""
        rows = len(block.event_ms)
        if not self._known:
            return np.full(rows, -1, np.int8)
        merchants, ids, known = block.texts["merchant_id"], block.texts["transaction_id"], self._known
        names = zip(map(str, merchants), map(str, ids), strict=True)
        return np.fromiter((int(known[one]) if one in known else -1 for one in names), np.int8, rows)

    def _count_firings(self, block: HistoryBlock, rows: NDArray[np.intp], labels: NDArray[np.int8]) -> None:
        words = ("unlabelled", "wrong", "right")
        days = block.event_ms[rows] // DAY_MS * DAY_MS
        for (day, label), n in Counter(zip(days.tolist(), labels[rows].tolist(), strict=True)).items():
            word = words[label + 1]
            self._days.setdefault(day, Counter())[word] += n
            self._sums[word] += n
        merchants = block.texts["merchant_id"]
        self._merchants.update(merchants[row] for row in rows.tolist())

    def _after(
        self, block: HistoryBlock, now: Mask, others: Sequence[tuple[Mask, bool]] | None
    ) -> NDArray[np.uint8]:
        """The levels with the rule as it is tried; where it only adds, never below what was kept."""
        warned, critical = np.zeros(len(now), bool), np.zeros(len(now), bool)
        (critical if self._now.critical else warned)[now] = True
        for mask, grave in others or ():
            (critical if grave else warned)[mask] = True
        ml_score = np.clip(block.numbers["ml_score"], 0.0, 1.0 - _NEAR_ONE)
        evidence = Evidence(
            -np.log10(1.0 - ml_score), block.numbers["zscore"].astype(np.float32), warned, critical
        )
        after = combine(evidence).level
        kept = block.numbers["level"].astype(np.uint8)
        if others is None:
            return np.maximum(after, kept)
        by_others = block.numbers["method"] != _RULES
        return np.where(by_others, np.maximum(after, kept), after)

    def _count_flips(
        self,
        block: HistoryBlock,
        changed: NDArray[np.intp],
        after: NDArray[np.uint8],
        labels: NDArray[np.int8],
    ) -> None:
        before = block.numbers["level"].astype(np.uint8)
        rows = changed[before[changed] != after[changed]]
        for one, other, label in zip(
            before[rows].tolist(), after[rows].tolist(), labels[rows].tolist(), strict=True
        ):
            counted = self._flips.setdefault((one, other), Counter())
            counted.update(n=1, labelled=int(label >= 0), fraud=int(label == 1))


def labels_in(store: LabelStore) -> Labels:
    """What people and chargebacks say now of the transactions of a span."""

    def labels(span: Span) -> dict[Named, bool]:
        standing = store.labelled(span.source, span.since_ms, span.until_ms)
        return {(one.name.merchant_id, one.name.transaction_id): one.is_fraud for one in standing}

    return labels


class RuleTrials:
    """Tries rules for people, one at a time, beside what decides now."""

    def __init__(
        self, store: HistoryStore, book: RuleBook, clock: Clock, labels: Labels | None = None
    ) -> None:
        self._store = store
        self._book = book
        self._clock = clock
        self._labels = labels
        self._busy = threading.Lock()

    def run(self, rule: Rule, days: int, source: str) -> Report:
        """Of the last days. Raises Unparsable, and TooMany while another one runs."""
        if not self._busy.acquire(blocking=False):
            raise TooMany("Another backtest is running; try again.", AGAIN_S)
        try:
            now_ms = self._clock.now_ms()
            return self._backtest().run(rule, Span(source, now_ms - days * DAY_MS, now_ms + 1))
        finally:
            self._busy.release()

    def share(self, rule: Rule) -> float | None:
        """The part of recent live rows on which it fires: of a day, else of a week or a quarter of a year."""
        now_ms = self._clock.now_ms()
        for days in (1, 7, 90):
            span = Span(LIVE, now_ms - days * DAY_MS, now_ms + 1)
            report = self._backtest().run(rule, span, MOST_ROWS)
            if report.rows >= FEWEST:
                return report.share
        return None

    def _backtest(self) -> RuleBacktest:
        return RuleBacktest(self._store, self._book.contents(), self._labels)
