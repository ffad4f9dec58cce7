"""The ports of the store. Times are UTC milliseconds; pages run newest first."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Generic, Protocol, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from guardian.domain.label import EventName, Seen
from guardian.domain.transaction import Transaction
from guardian.domain.window import MinuteCounts, SeriesPoint

T = TypeVar("T")
ASIDE_MARK = "~"
"""Before the id of a rule that fired and did not count: in shadow, outside its part, snoozed, allowed."""


class Judged(msgspec.Struct, frozen=True):
    """A batch of transactions with their verdicts as columns, all of one length.

    `positions` are the places on the bus, `level` is 0 NORMAL, 1 WARNING, 2 CRITICAL, `method` an
    index into `tuple(Method)`, `rules` the fired rule ids joined by a comma (a ~ before those that did
    not count), `features` is float32 of shape (n, number of features). `ml_score` is NaN where no model
    was there. `rules_version` names the ruleset, `rule_versions` the version behind each id as it is kept.
    """

    transactions: Sequence[Transaction]
    positions: Sequence[int]
    ml_score: NDArray[np.float32]
    zscore: NDArray[np.float32]
    score: NDArray[np.float32]
    level: NDArray[np.uint8]
    method: NDArray[np.uint8]
    rules: Sequence[str]
    features: NDArray[np.float32]
    model_version: str
    processing_ms: float
    rules_version: str = ""
    rule_versions: Mapping[str, int] = {}


class StoredVerdict(msgspec.Struct, frozen=True, gc=False):
    """What was kept of one verdict; reasons are rendered again from `features` and the model."""

    ml_score: float | None
    zscore: float
    score: float
    level: int
    method: int
    rules: tuple[str, ...]
    features: tuple[float, ...]
    model_version: str
    processing_ms: float
    rules_version: str = ""

    @property
    def counted(self) -> tuple[str, ...]:
        """The rules that counted: those in shadow, outside their part, snoozed or allowed have a ~ before."""
        return tuple(one for one in self.rules if not one.startswith(ASIDE_MARK))


class StoredTransaction(msgspec.Struct, frozen=True, gc=False):
    """A kept transaction with its verdict."""

    transaction: Transaction
    verdict: StoredVerdict


class TransactionQuery(msgspec.Struct, frozen=True):
    """Which transactions; None means any. `cursor` is what the page before returned."""

    source: str = "live"
    since_ms: int | None = None
    until_ms: int | None = None
    status: str | None = None
    merchant_id: str | None = None
    card_bin: str | None = None
    min_level: int | None = None
    limit: int = 50
    cursor: str | None = None


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list."""

    items: Sequence[T]
    next_cursor: str | None


class TransactionStore(Protocol):
    """Transactions with their verdicts.

    Promises: `keep` writes rows, per-minute counts and the stage's position together or not at
    all; keeping the same positions again changes nothing; a reader never waits for the writer.
    """

    def keep(self, partition: int, judged: Judged) -> None:
        """Write a batch. Raises Unavailable (full disk, locked), OtherKind when a source sends counts."""
        ...

    def position(self, partition: int) -> int:
        """The position after the last one kept; 0 at the beginning."""
        ...

    def advance(self, partition: int, position: int) -> None:
        """Everything before `position` needs no keeping (all of it was duplicate or poisoned)."""
        ...

    def places(self, keys: Sequence[int]) -> Mapping[int, Sequence[tuple[str, str, str, int]]]:
        """By event key: (source, merchant, transaction id, position) of what is stored under it."""
        ...

    def get(
        self, transaction_id: str, source: str | None = None, merchant_id: str | None = None
    ) -> StoredTransaction | None:
        """The event of that id, the newest if several merchants used it."""
        ...

    def find(self, query: TransactionQuery) -> Page[StoredTransaction]:
        """Newest first. Raises Invalid when the cursor is not one of ours."""
        ...

    def purge(self, source: str, before_ms: int, limit: int = 50_000) -> int:
        """Remove at most `limit` rows of a source older than `before_ms`; how many went."""
        ...


class Sample(msgspec.Struct, frozen=True):
    """Transactions of a span as columns of one length; `columns` has those of `domain.cause.DIMENSIONS`.

    `rate` is the part of the span's transactions that was read: 1 when it is all of them.
    """

    columns: Mapping[str, Sequence[str | None]]
    amounts_minor: Sequence[int]
    currencies: Sequence[str]
    rate: float


class SampleStore(Protocol):
    """What transactions were like, without reading them all."""

    def sample(self, source: str, since_ms: int, until_ms: int, rows: int) -> Sample:
        """Everything of the span when it has about that many `rows`, else spells spread evenly over it."""
        ...


class HistoryBlock(msgspec.Struct, frozen=True):
    """Stored transactions, oldest first, as columns of one length, by the names that were asked for.

    `numbers` (of NUMBERS) are float64, NaN where there is nothing; `texts` (of TEXTS) hold None there.
    `features` is float32 of shape (n, F), or (n, 0) when they were not wanted.
    """

    event_ms: NDArray[np.int64]
    numbers: Mapping[str, NDArray[np.float64]]
    texts: Mapping[str, Sequence[str | None]]
    features: NDArray[np.float32]

    def names(self, source: str) -> Iterator[EventName]:
        """What names each, where merchant_id and transaction_id were asked for."""
        for merchant, one in zip(self.texts["merchant_id"], self.texts["transaction_id"], strict=True):
            yield EventName(source, merchant or "", one or "")


NUMBERS = ("amount_minor", "level", "ml_score", "zscore", "score", "method")
TEXTS = (
    "transaction_id", "merchant_id", "status", "currency", "auth_code", "card_bin",
    "card_token", "user_id", "acquirer", "issuer", "mcc", "merchant_type", "country", "original_id", "rules",
)  # fmt: skip


class Span(msgspec.Struct, frozen=True):
    """What of a source's history is read: since <= event time < until."""

    source: str
    since_ms: int
    until_ms: int


class HistoryStore(Protocol):
    """What was judged, by the million."""

    def history(self, span: Span, names: Sequence[str], features: int = 0) -> Iterator[HistoryBlock]:
        """Blocks of bounded size, oldest first; of `features` columns when that is not 0.

        Rows that were kept with another number of features are then left out. Writing never waits for it.
        """
        ...


COUNTED, ASIDE = "counted", "aside"


class Firings(msgspec.Struct, frozen=True):
    """How often a version of a rule fired in an hour of event time, counted or aside."""

    rule_id: str
    version: int
    mode: str
    hour_ms: int
    n: int


class FiringStore(Protocol):
    """How often rules fired. Promises: it adds up exactly once per event, as rows do."""

    def firings(self, source: str, since_ms: int, until_ms: int) -> Sequence[Firings]:
        """By hours that begin in since <= hour < until, oldest first."""
        ...


class EventStore(Protocol):
    """Many transactions at once, by what they are called."""

    def seen(self, ids: Sequence[str]) -> Mapping[str, Sequence[Seen]]:
        """By id the events that carry it, of any source and merchant; absent where there is none."""
        ...

    def stored(self, names: Sequence[EventName]) -> Mapping[EventName, StoredTransaction]:
        """Those of the events that are kept."""
        ...


class Transactions(TransactionStore, SampleStore, HistoryStore, EventStore, FiringStore, Protocol):
    """All ports of one back end's transactions."""


class Progress(msgspec.Struct, frozen=True):
    """How far a source has come. `closed` after its last count was announced."""

    source: str
    kind: str
    """Either transactions or counts: a source sends one of them."""
    first_minute_ms: int
    event_ms: int
    """Newest event time, never later than when it was received."""
    received_ms: int
    closed: bool


class MinuteStore(Protocol):
    """Per-minute counts and judged series.

    Promises: counts of transactions add up exactly once per event; counts sent as counts replace
    each other; reading never waits for the writer.
    """

    def replace(self, counts: Sequence[MinuteCounts]) -> None:
        """Set what sources reported of these minutes. Raises OtherKind when one sends transactions."""
        ...

    def progress(self) -> Sequence[Progress]:
        """Every source known."""
        ...

    def counts(self, source: str, by: str, since_ms: int, until_ms: int) -> Mapping[int, Mapping[str, int]]:
        """minute -> value -> count for since <= minute < until; minutes without rows are absent."""
        ...

    def keep_points(self, points: Sequence[SeriesPoint]) -> None:
        """Keep judged minutes; the same (source, series, minute) again is ignored."""
        ...

    def points(
        self, source: str, series: Sequence[str] | None, since_ms: int, until_ms: int
    ) -> Sequence[SeriesPoint]:
        """Judged minutes, oldest first; all series when None."""
        ...

    def totals(self, source: str, since_ms: int, until_ms: int) -> Mapping[str, int]:
        """Counts by status summed over the span."""
        ...

    def purge(self, source: str, before_ms: int, hours_before_ms: int) -> int:
        """Remove minutes and hours of a source older than that; how many rows went.

        A source of which nothing is left is forgotten: its progress goes too.
        """
        ...


class Record(msgspec.Struct, frozen=True):
    """A low-volume noun as a document with the few columns it is looked up by."""

    kind: str
    record_id: str
    at_ms: int
    doc: bytes
    source: str = ""
    state: str = ""
    level: str = ""
    label: str = ""
    version: int = 0


class RecordQuery(msgspec.Struct, frozen=True):
    """Records of a kind; None or empty means any. Times compare with `at_ms`, until exclusive."""

    kind: str
    source: str | None = None
    states: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    label: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    limit: int = 50
    cursor: str | None = None


class Records(Protocol):
    """Documents: anomalies, alerts, incidents, users, keys, deliveries.

    Promises: an update happens only on the version that was read; ids are unique per kind; lists
    are by `at_ms`, newest first, and page without gaps while records are added.
    """

    def insert(self, record: Record) -> bool:
        """Add; False (and nothing changed) when the id exists."""
        ...

    def update(self, record: Record) -> Record:
        """Replace the version `record.version`. Raises Conflict when it has changed."""
        ...

    def get(self, kind: str, record_id: str) -> Record | None:
        """The record, or None."""
        ...

    def find(self, query: RecordQuery) -> Page[Record]:
        """Newest first. Raises Invalid when the cursor is not one of ours."""
        ...

    def count(self, query: RecordQuery) -> int:
        """How many match; the query's limit and cursor do not count."""
        ...

    def delete(self, kind: str, record_id: str) -> bool:
        """Remove; whether it was there."""
        ...

    def next_number(self, name: str, count: int = 1) -> int:
        """1, 2, 3 … per name, never twice; the first of `count` that follow each other."""
        ...


class AuditEntry(msgspec.Struct, frozen=True):
    """One change by a person or machine. `digest` chains it to the entry before."""

    sequence: int
    at_ms: int
    actor: str
    action: str
    target: str
    detail: dict[str, str]
    digest: str


class AuditLog(Protocol):
    """Append-only. Promises: sequence without gaps; each digest covers the one before."""

    def append(
        self, at_ms: int, actor: str, action: str, target: str, detail: Mapping[str, str]
    ) -> AuditEntry:
        """Add an entry durably and return it."""
        ...

    def read(self, after: int = 0, limit: int = 1_000) -> Sequence[AuditEntry]:
        """Entries with sequence > after, oldest first."""
        ...
