"""How right verdicts were, of those that people or banks said anything about. Never a share without its n."""

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Final

import msgspec

from guardian.cases.policy import UNCOUNTED, name_of
from guardian.domain.clock import DAY_MS, Clock
from guardian.domain.label import EventName, Standing
from guardian.domain.share import wilson
from guardian.domain.transaction import LIVE
from guardian.domain.verdict import METHODS
from guardian.storage.base import EventStore, StoredTransaction, TransactionQuery, TransactionStore
from guardian.storage.labels import LabelStore

AT_MOST: Final = 20_000
"""Flagged transactions, and labelled ones, that are read; beyond it the span begins later, and says so."""
PAGE: Final = 500
ROWS: Final = 20
FRESH_S: Final = 20.0
ALL, RULE, DETECTOR, MERCHANT_TYPE, ACQUIRER = DIMENSIONS = (
    "all", "rule", "detector", "merchant_type", "acquirer",
)  # fmt: skip


class Share(msgspec.Struct, frozen=True):
    """`found` of `n`; there is no share while `n` is 0."""

    found: int
    n: int

    @property
    def value(self) -> float | None:
        """The share."""
        return self.found / self.n if self.n else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's central 95 % of it."""
        return wilson(self.found, self.n) if self.n else None


class QualityRow(msgspec.Struct, frozen=True):
    """One rule, detector or segment; `frauds` were reported, whoever flagged them, `found` of them here."""

    dimension: str
    value: str
    flagged: int
    labelled: int
    confirmed: int
    frauds: int
    found: int

    @property
    def coverage(self) -> Share:
        """Labelled of flagged."""
        return Share(self.labelled, self.flagged)

    @property
    def precision(self) -> Share:
        """Fraud of flagged and labelled."""
        return Share(self.confirmed, self.labelled)

    @property
    def recall(self) -> Share:
        """Flagged of reported frauds. Answers of people do not count: they look at what was flagged."""
        return Share(self.found, self.frauds)


class VerdictQuality(msgspec.Struct, frozen=True):
    """Of live transactions of `since_ms` and later; `capped` when there were too many since `asked_ms`."""

    asked_ms: int
    since_ms: int
    capped: bool
    pending: int
    """Labels whose transaction is not known."""
    rows: tuple[QualityRow, ...]

    def of(self, dimension: str) -> tuple[QualityRow, ...]:
        """Its rows, most flagged first."""
        return tuple(row for row in self.rows if row.dimension == dimension)


class Observation(msgspec.Struct, frozen=True):
    """A transaction that was flagged, or has a label, or both."""

    stored: StoredTransaction
    label: Standing | None

    @property
    def flagged(self) -> bool:
        """Whether it asked for attention."""
        return self.stored.verdict.level > 0


class Tally:
    """Counts observations of one rule, detector or segment."""

    def __init__(self) -> None:
        self.flagged = self.labelled = self.confirmed = self.frauds = self.found = 0

    def add(self, one: Observation) -> None:
        """Count it here."""
        reported_fraud = one.label is not None and one.label.reported and one.label.is_fraud
        self.frauds += reported_fraud
        self.found += reported_fraud and one.flagged
        if one.flagged:
            self.flagged += 1
            self.labelled += one.label is not None
            self.confirmed += one.label is not None and one.label.is_fraud


def tallied(observations: Iterable[Observation]) -> tuple[QualityRow, ...]:
    """A row for all, and the most flagged of every dimension."""
    tallies: dict[tuple[str, str], Tally] = {(ALL, ""): Tally()}
    for one in observations:
        for place in places(one):
            tallies.setdefault(place, Tally()).add(one)
    frauds = tallies[ALL, ""].frauds
    rows: list[QualityRow] = []
    for (dimension, value), tally in tallies.items():
        # what one rule or detector was to find is every fraud; of a segment, its own
        n = frauds if dimension in (RULE, DETECTOR) else tally.frauds
        counts = (tally.flagged, tally.labelled, tally.confirmed, n, tally.found)
        rows.append(QualityRow(dimension, value, *counts))
    rows.sort(key=lambda row: (DIMENSIONS.index(row.dimension), -row.flagged, row.value))
    return tuple(row for name in DIMENSIONS for row in islice((r for r in rows if r.dimension == name), ROWS))


def places(one: Observation) -> Iterator[tuple[str, str]]:
    """Where it counts: once in all, under its rules and its detector when flagged, and in its segments."""
    yield ALL, ""
    if one.flagged:
        yield DETECTOR, str(METHODS[one.stored.verdict.method])
        for rule in one.stored.verdict.rules:
            if not rule.startswith(UNCOUNTED):
                yield RULE, rule
    yield MERCHANT_TYPE, one.stored.transaction.merchant_type or ""
    yield ACQUIRER, one.stored.transaction.acquirer or ""


class VerdictQualityDesk:
    """Reads what was flagged and what was labelled in a span; the last answers are kept for some seconds."""

    def __init__(
        self, transactions: TransactionStore, events: EventStore, labels: LabelStore, clock: Clock
    ) -> None:
        self._transactions = transactions
        self._events = events
        self._labels = labels
        self._clock = clock
        self._guard = threading.Lock()
        self._last: dict[int, tuple[float, VerdictQuality]] = {}

    def report(self, days: int) -> VerdictQuality:
        """Of the last so many days. Raises Unavailable."""
        with self._guard:
            kept = self._last.get(days)
            if kept is None or time.monotonic() - kept[0] > FRESH_S:
                kept = time.monotonic(), self._read(days)
                self._last[days] = kept
            return kept[1]

    def _read(self, days: int) -> VerdictQuality:
        now_ms = self._clock.now_ms()
        asked_ms = now_ms - days * DAY_MS
        flagged = list(islice(self._flagged(asked_ms), AT_MOST + 1))
        until_ms = now_ms + DAY_MS
        labelled = list(islice(self._labels.labelled(LIVE, asked_ms, until_ms), AT_MOST + 1))
        since_ms = max(
            asked_ms,
            flagged[-1].transaction.event_ms + 1 if len(flagged) > AT_MOST else 0,
            labelled[-1].event_ms + 1 if len(labelled) > AT_MOST else 0,
        )
        known = {one.name: one for one in labelled if one.event_ms >= since_ms}
        seen = {name_of(one): one for one in flagged if one.transaction.event_ms >= since_ms}
        observations = [Observation(one, known.get(name)) for name, one in seen.items()]
        observations += self._missed(known, seen)
        return VerdictQuality(
            asked_ms=asked_ms,
            since_ms=since_ms,
            capped=since_ms > asked_ms,
            pending=self._labels.counts().pending,
            rows=tallied(observations),
        )

    def _flagged(self, since_ms: int) -> Iterator[StoredTransaction]:
        """Newest first."""
        cursor: str | None = None
        while True:
            query = TransactionQuery(since_ms=since_ms, min_level=1, limit=PAGE, cursor=cursor)
            page = self._transactions.find(query)
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    def _missed(
        self, known: Mapping[EventName, Standing], seen: Mapping[EventName, StoredTransaction]
    ) -> Iterator[Observation]:
        """Labelled and not flagged."""
        names = [name for name in known if name not in seen]
        for at in range(0, len(names), PAGE):
            stored = self._events.stored(names[at : at + PAGE])
            yield from (Observation(one, known[name]) for name, one in stored.items())
