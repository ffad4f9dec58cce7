"""The score stage: takes transactions, judges them, keeps them, publishes what was flagged."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import compress
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from guardian.bus.base import TRANSACTIONS, VERDICTS, Batch, Bus, Headers, Message, dead_letters_of, parked
from guardian.domain.errors import OtherKind, Poisoned, Unavailable
from guardian.domain.identifiers import transaction_key
from guardian.domain.transaction import Transaction
from guardian.observability.logs import get_logger
from guardian.observability.traces import child_of
from guardian.scoring.base import Judge
from guardian.storage.base import Judged, StoredTransaction, StoredVerdict, TransactionStore

GROUP = "score"
MAX_BATCH = 4_096
GATHER_S = 0.008
"""At least so long from one batch to the next: a batch costs as much as dozens of its records."""
SNAPSHOT_RECORDS = 1_000_000
SNAPSHOT_S = 300.0
_SNAPSHOT = re.compile(r"memory-(\d{20})\.bin")
_log = get_logger(__name__)


class Observer(Protocol):
    """What the stage reports to the metrics."""

    def judged(self, judged: Judged, seconds: float) -> None:
        """A batch was judged and kept."""
        ...

    def parked(self, topic: str, records: int) -> None:
        """Records went to the dead letters."""
        ...


class ScoreStage:
    """Exactly once in effect: rows, counts and position are kept together; the judge's memory is
    restored from a snapshot and the log between the snapshot and the position is read again."""

    def __init__(
        self,
        bus: Bus,
        store: TransactionStore,
        judge: Judge,
        folder: Path,
        observer: Observer,
        refresh: Callable[[], None] = lambda: None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._bus = bus
        self._store = store
        self._judge = judge
        self._folder = folder
        self._observer = observer
        self._refresh = refresh
        self._decoder = msgspec.json.Decoder(Transaction)
        self._kept = store.position(0)
        self._since_snapshot = 0
        self._taken_s = 0.0
        self._unkept: Judged | None = None
        self._headers: dict[int, Headers] = {}
        self._snapshot_due = time.monotonic() + SNAPSHOT_S
        self._subscription = bus.subscribe(TRANSACTIONS, GROUP)
        self._subscription.seek(0, self._restore())

    def step(self, wait_s: float = 0.05) -> int:
        """Handle what has come, at most one batch; how many records it held."""
        if self._unkept is not None:
            self._keep(self._unkept)
        self._refresh()
        batch = self._gathered(wait_s)
        if batch is None:
            if time.monotonic() > self._snapshot_due and self._since_snapshot:
                self.snapshot()
            return 0
        started = time.perf_counter()
        self._headers = {batch.positions[index]: headers for index, headers in batch.headers.items()}
        known, fresh = self._split(batch)
        if known:
            self._judge.remember(known)
        self._since_snapshot += len(batch.values)
        if fresh:
            self._keep(self._judged(fresh, started))
        last = batch.positions[-1] + 1
        if last > self._kept:
            self._store.advance(0, last)
            self._kept = last
        if self._since_snapshot >= SNAPSHOT_RECORDS or time.monotonic() > self._snapshot_due:
            self.snapshot()
        return len(batch.values)

    def _gathered(self, wait_s: float) -> Batch | None:
        """The next batch: at once after a pause or while much waits, else what a few milliseconds bring."""
        time.sleep(max(0.0, self._taken_s + GATHER_S - time.monotonic()))
        batch = self._subscription.take(MAX_BATCH, wait_s)
        full = batch is not None and len(batch.values) == MAX_BATCH
        self._taken_s = 0.0 if full else time.monotonic()
        return batch

    def lag(self) -> int:
        """Records published but not yet judged."""
        return self._subscription.lag()

    def snapshot(self) -> None:
        """Save the memory with its position, and let the log forget what came before."""
        position = self._kept
        self._judge.save(str(self._folder / f"memory-{position:020d}.bin"))
        self._subscription.mark(0, position - 1)
        for _, path in list(self._snapshots())[2:]:
            path.unlink()
        self._since_snapshot = 0
        self._snapshot_due = time.monotonic() + SNAPSHOT_S

    def close(self) -> None:
        """Save what is remembered, unless it is ahead of what was kept, and let go."""
        try:
            if self._unkept is None:
                self.snapshot()
        except Unavailable as failure:  # an older snapshot and the log say the same
            _log.warning("snapshot_not_kept", reason=str(failure))
        self._subscription.close()

    def _restore(self) -> int:
        """The position from which the log must be read: that of the newest usable snapshot."""
        for position, path in self._snapshots():
            if position > self._kept:
                path.unlink()  # the store lost its last commits with the power: this one is ahead of it
                continue
            try:
                self._judge.load(str(path))
            except Poisoned:
                _log.warning("snapshot_unusable", position=position)
                path.unlink()
                continue
            return position
        return 0

    def _snapshots(self) -> Iterator[tuple[int, Path]]:
        """Newest first."""
        for path in sorted(self._folder.iterdir(), reverse=True):
            if found := _SNAPSHOT.fullmatch(path.name):
                yield int(found[1]), path

    def _split(self, batch: Batch) -> tuple[list[Transaction], list[tuple[int, Transaction]]]:
        """(already kept, to be remembered only; new, each with its position), without duplicates."""
        decoded = self._decode(batch)
        first = self._first_places(decoded)
        known: list[Transaction] = []
        fresh: list[tuple[int, Transaction]] = []
        for position, one in decoded:
            if one.given_id:
                identity = (one.source, one.merchant_id, one.transaction_id)
                if first.setdefault(identity, position) != position:
                    continue
            if position < self._kept:
                known.append(one)
            else:
                fresh.append((position, one))
        return known, fresh

    def _decode(self, batch: Batch) -> list[tuple[int, Transaction]]:
        decode = self._decoder.decode
        try:
            return list(zip(batch.positions, map(decode, batch.values), strict=True))
        except (msgspec.DecodeError, UnicodeDecodeError):
            return list(self._sound_ones(batch))

    def _sound_ones(self, batch: Batch) -> Iterator[tuple[int, Transaction]]:
        letters: list[Message] = []
        for index, (position, value) in enumerate(zip(batch.positions, batch.values, strict=True)):
            try:
                yield position, self._decoder.decode(value)
            except (msgspec.DecodeError, UnicodeDecodeError):
                letters.append(parked(value, batch.headers.get(index), "not a transaction", position))
        if batch.positions[-1] >= self._kept:
            self._bus.publish(dead_letters_of(TRANSACTIONS), letters)
            self._observer.parked(TRANSACTIONS, len(letters))

    def _first_places(self, decoded: Sequence[tuple[int, Transaction]]) -> dict[tuple[str, str, str], int]:
        """Where each chosen id was kept first; the store is asked once a batch."""
        keys = [transaction_key(one.transaction_id) for _, one in decoded if one.given_id]
        if not keys:
            return {}
        return {
            (source, merchant, name): position
            for places in self._store.places(keys).values()
            for source, merchant, name, position in places
        }

    def _judged(self, fresh: Sequence[tuple[int, Transaction]], started: float) -> Judged:
        transactions = [one for _, one in fresh]
        columns = self._judge.judge(transactions)
        return Judged(
            transactions=transactions,
            positions=[position for position, _ in fresh],
            ml_score=columns.ml_score,
            zscore=columns.zscore,
            score=columns.score,
            level=columns.level,
            method=columns.method,
            rules=columns.rules,
            features=columns.features,
            model_version=columns.model_version,
            rules_version=columns.rules_version,
            rule_versions=columns.rule_versions,
            processing_ms=(time.perf_counter() - started) * 1000,
        )

    def _keep(self, judged: Judged) -> None:
        """Keep a batch and publish what was flagged; a batch that cannot be kept is tried again first."""
        self._unkept = judged
        started = time.perf_counter()
        try:
            self._store.keep(0, judged)
        except OtherKind as refusal:
            self._park(judged, refusal.sources)
            return
        self._kept = judged.positions[-1] + 1
        flagged = np.flatnonzero(judged.level)
        if len(flagged):
            self._bus.publish(VERDICTS, self._announced(judged, flagged.tolist()))
        self._unkept = None
        self._observer.judged(judged, judged.processing_ms / 1000 + time.perf_counter() - started)

    def _park(self, judged: Judged, sources: frozenset[str]) -> None:
        """Two kinds of one source were accepted before either was counted: the later ones are parked."""
        mixed = np.array([one.source in sources for one in judged.transactions])
        parked = [
            Message(one.merchant_id, msgspec.json.encode(one), {"reason": "its source sends counts"})
            for one in compress(judged.transactions, mixed)
        ]
        self._bus.publish(dead_letters_of(TRANSACTIONS), parked)
        self._observer.parked(TRANSACTIONS, len(parked))
        self._unkept = None
        if not mixed.all():
            self._keep(rows_of(judged, ~mixed))

    def _announced(self, judged: Judged, rows: Sequence[int]) -> list[Message]:
        """Explained all at once: in an attack every row of a batch may be flagged."""
        verdicts = self._judge.explain([stored_form(judged, row) for row in rows])
        callers = (self._headers.get(judged.positions[row], {}).get("traceparent", "") for row in rows)
        return [
            Message(verdict.merchant_id, msgspec.json.encode(verdict), child_of(caller.encode()))
            for verdict, caller in zip(verdicts, callers, strict=True)
        ]


def rows_of(judged: Judged, chosen: NDArray[np.bool_]) -> Judged:
    """The chosen rows of a batch."""
    lists = ("transactions", "positions", "rules")
    arrays = ("ml_score", "zscore", "score", "level", "method", "features")
    rows: dict[str, object] = {name: list(compress(getattr(judged, name), chosen)) for name in lists}
    rows |= {name: getattr(judged, name)[chosen] for name in arrays}
    return msgspec.structs.replace(judged, **rows)


def stored_form(judged: Judged, row: int) -> StoredTransaction:
    """One row of a judged batch as the store gives it back."""
    ml_score = float(judged.ml_score[row])
    return StoredTransaction(
        transaction=judged.transactions[row],
        verdict=StoredVerdict(
            ml_score=None if np.isnan(ml_score) else ml_score,
            zscore=float(judged.zscore[row]),
            score=float(judged.score[row]),
            level=int(judged.level[row]),
            method=int(judged.method[row]),
            rules=tuple(filter(None, judged.rules[row].split(","))),
            features=tuple(judged.features[row].tolist()),
            model_version=judged.model_version,
            rules_version=judged.rules_version,
            processing_ms=judged.processing_ms,
        ),
    )
