"""The score stage: once in effect, whatever is delivered again, restarted, duplicated or broken."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from guardian.bus.base import TRANSACTIONS, VERDICTS, Message, dead_letters_of
from guardian.bus.log import LogBus
from guardian.domain.errors import Poisoned, Unavailable
from guardian.domain.transaction import Transaction
from guardian.domain.verdict import AlertLevel, Method, Reason, Verdict
from guardian.domain.window import MinuteCounts
from guardian.observability.traces import trace_id_of
from guardian.scoring.base import VerdictColumns
from guardian.scoring.stage import ScoreStage
from guardian.storage.base import Judged, StoredTransaction
from guardian.storage.sqlite.store import SqliteStore

NOW = 1_763_985_600_000


class CountingJudge:
    """A judge whose only feature is how many transactions of the merchant it has seen."""

    def __init__(self) -> None:
        self.seen: dict[str, int] = {}
        self.explained: list[int] = []

    def judge(self, transactions: Sequence[Transaction]) -> VerdictColumns:
        self.remember(transactions)
        n = len(transactions)
        seen = [[self.seen[one.merchant_id]] for one in transactions]
        level = [2 if one.amount_minor > 100_000 else 0 for one in transactions]
        return VerdictColumns(
            ml_score=np.full(n, np.nan, np.float32),
            zscore=np.zeros(n, np.float32),
            score=np.zeros(n, np.float32),
            level=np.array(level, np.uint8),
            method=np.zeros(n, np.uint8),
            rules=[""] * n,
            features=np.array(seen, np.float32),
            model_version="none",
        )

    def remember(self, transactions: Sequence[Transaction]) -> None:
        for one in transactions:
            self.seen[one.merchant_id] = self.seen.get(one.merchant_id, 0) + 1

    def would_be(self, transaction: Transaction) -> Verdict:
        raise NotImplementedError

    def explain(self, stored: Sequence[StoredTransaction]) -> list[Verdict]:
        self.explained.append(len(stored))
        return [self._explained(one) for one in stored]

    def _explained(self, stored: StoredTransaction) -> Verdict:
        one = stored.transaction
        return Verdict(
            transaction_id=one.transaction_id,
            merchant_id=one.merchant_id,
            source=one.source,
            event_ms=one.event_ms,
            ml_score=stored.verdict.ml_score,
            zscore=0.0,
            rules=(),
            score=1.0,
            is_anomaly=True,
            alert_level=AlertLevel.CRITICAL,
            primary_method=Method.RULES,
            recommendation="",
            reasons=(),
            model_version="none",
            fallback=True,
            processing_time_ms=0.0,
        )

    def reasons(self, features: NDArray[np.float32]) -> list[tuple[Reason, ...]]:
        return [()] * len(features)

    def save(self, path: str) -> None:
        Path(path).write_bytes(msgspec.json.encode(self.seen))

    def load(self, path: str) -> None:
        try:
            self.seen = msgspec.json.decode(Path(path).read_bytes(), type=dict[str, int])
        except msgspec.DecodeError as error:
            raise Poisoned("not a memory") from error


class Tally:
    def __init__(self) -> None:
        self.batches = 0
        self.dead = 0

    def judged(self, judged: Judged, seconds: float) -> None:
        self.batches += 1

    def parked(self, topic: str, records: int) -> None:
        self.dead += records


class Bench:
    """One installation on a folder, whose stage can be started again and again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bus = LogBus(folder / "bus")
        self.store = SqliteStore(folder)
        self.tally = Tally()
        self.begin()

    def begin(self) -> None:
        self.judge = CountingJudge()
        memory = self.folder / "memory"
        self.stage = ScoreStage(self.bus, self.store.transactions, self.judge, memory, self.tally)

    def send(self, *transactions: Transaction) -> None:
        self.bus.publish(TRANSACTIONS, [Message(t.merchant_id, msgspec.json.encode(t)) for t in transactions])

    def drain(self) -> int:
        handled = 0
        while n := self.stage.step(0.02):
            handled += n
        return handled

    def total(self) -> int:
        return sum(self.store.minutes.totals("live", 0, NOW * 2).values())

    def read(self, topic: str) -> list[bytes]:
        subscription = self.bus.subscribe(topic, "")
        batch = subscription.take(1_000, 0.05)
        subscription.close()
        return [] if batch is None else list(batch.values)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    found = Bench(tmp_path)
    yield found
    found.bus.close()
    found.store.close()


def one(number: int, **changes: object) -> Transaction:
    facts: dict[str, object] = {"transaction_id": f"t{number}", "merchant_id": "m", "status": "approved"}
    facts |= {"amount_minor": 100, "event_ms": NOW + number, "received_ms": NOW + number, "given_id": True}
    return Transaction(**facts | changes)  # type: ignore[arg-type]


def test_what_is_sent_is_judged_and_kept(bench: Bench) -> None:
    bench.send(one(1), one(2))
    assert bench.stage.lag() == 2
    assert bench.drain() == 2
    assert (bench.total(), bench.stage.lag(), bench.tally.batches) == (2, 0, 1)
    found = bench.store.transactions.get("t2")
    assert found is not None
    assert found.verdict.features == (2.0,)


def test_the_same_id_of_a_merchant_counts_once_the_first_wins(bench: Bench) -> None:
    bench.send(one(1), one(1, amount_minor=5), one(1, merchant_id="other"))
    bench.drain()
    bench.send(one(1, amount_minor=9))
    bench.drain()
    assert bench.total() == 2
    assert bench.judge.seen == {"m": 1, "other": 1}
    found = bench.store.transactions.get("t1")
    assert found is not None
    assert found.transaction.amount_minor == 100


def test_ids_that_we_gave_are_never_taken_for_repeats(bench: Bench) -> None:
    bench.send(one(1, given_id=False), one(1, given_id=False))
    bench.drain()
    assert bench.total() == 2


def test_flagged_verdicts_are_published(bench: Bench) -> None:
    bench.send(one(1), one(2, amount_minor=200_000))
    bench.drain()
    assert [msgspec.json.decode(value)["transaction_id"] for value in bench.read(VERDICTS)] == ["t2"]


def test_all_that_is_flagged_in_a_batch_is_explained_at_once(bench: Bench) -> None:
    bench.send(*(one(number, amount_minor=200_000) for number in range(40)), one(40))
    bench.drain()
    assert bench.judge.explained == [40]
    told = [msgspec.json.decode(value)["transaction_id"] for value in bench.read(VERDICTS)]
    assert told == [f"t{number}" for number in range(40)]


def test_a_record_that_is_no_transaction_is_parked_and_the_rest_goes_on(bench: Bench) -> None:
    bench.bus.publish(TRANSACTIONS, [Message("", b"junk"), Message("", b'{"half":1}')])
    bench.send(one(1))
    bench.drain()
    assert (bench.total(), bench.tally.dead) == (1, 2)
    assert bench.read(dead_letters_of(TRANSACTIONS)) == [b"junk", b'{"half":1}']
    bench.begin()
    bench.drain()
    assert len(bench.read(dead_letters_of(TRANSACTIONS))) == 2


def test_transactions_of_a_source_of_counts_are_parked_and_the_rest_is_kept(bench: Bench) -> None:
    bench.store.minutes.replace([MinuteCounts("counter", NOW, "status", {"approved": 1}, NOW)])
    bench.send(one(1), one(2, source="counter"), one(3, amount_minor=200_000))
    bench.send(one(4, source="counter"))
    assert bench.drain() == 4
    assert (bench.total(), bench.tally.dead, bench.stage.lag()) == (2, 2, 0)
    parked = bench.read(dead_letters_of(TRANSACTIONS))
    assert [msgspec.json.decode(value)["transaction_id"] for value in parked] == ["t2", "t4"]
    assert len(bench.read(VERDICTS)) == 1
    found = bench.store.transactions.get("t3")
    assert found is not None
    assert found.verdict.level == 2
    bench.send(one(5, source="counter"))
    bench.drain()
    assert bench.store.transactions.position(0) == 5


def test_only_broken_records_still_move_the_position(bench: Bench) -> None:
    bench.bus.publish(TRANSACTIONS, [Message("", b"junk")])
    bench.drain()
    assert bench.store.transactions.position(0) == 1


def test_after_a_crash_the_memory_is_what_it_was(bench: Bench) -> None:
    bench.send(*(one(number) for number in range(10)), one(3))
    bench.drain()
    before = dict(bench.judge.seen)
    bench.begin()
    bench.send(one(10))
    bench.drain()
    assert before == {"m": 10}
    assert bench.judge.seen == {"m": 11}
    assert bench.total() == 11


def test_a_snapshot_spares_reading_the_log_from_the_start(bench: Bench) -> None:
    bench.send(*(one(number) for number in range(5)))
    bench.drain()
    bench.stage.close()
    bench.send(one(5))
    bench.begin()
    assert bench.judge.seen == {"m": 5}
    assert bench.drain() == 1
    assert bench.judge.seen == {"m": 6}


def test_a_broken_snapshot_is_passed_over_for_an_older_one(bench: Bench) -> None:
    for number in range(3):
        bench.send(one(number))
        bench.drain()
        bench.stage.snapshot()
    kept = sorted((bench.folder / "memory").iterdir())
    assert len(kept) == 2
    kept[-1].write_bytes(b"torn")
    bench.begin()
    bench.drain()
    assert bench.judge.seen == {"m": 3}


def test_a_snapshot_ahead_of_the_store_is_not_used(bench: Bench) -> None:
    bench.send(one(1))
    bench.drain()
    (bench.folder / "memory" / f"memory-{99:020d}.bin").write_bytes(b'{"m":99}')
    bench.begin()
    bench.drain()
    assert bench.judge.seen == {"m": 1}


def test_a_store_that_cannot_keep_leaves_the_batch_to_be_taken_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(partition: int, judged: Judged) -> None:
        raise Unavailable("The store cannot work now: database or disk is full.")

    bench.send(one(1))
    with monkeypatch.context() as patched:
        patched.setattr(bench.store.transactions, "keep", full)
        with pytest.raises(Unavailable):
            bench.stage.step(0.5)
    bench.drain()
    assert bench.total() == 1
    assert bench.judge.seen == {"m": 1}


def test_a_snapshot_that_cannot_be_kept_does_not_keep_the_stage_from_leaving(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: str) -> None:
        raise Unavailable("The snapshot of the memory cannot be written.")

    bench.send(one(1))
    bench.drain()
    monkeypatch.setattr(bench.judge, "save", full)
    bench.stage.close()
    assert list((bench.folder / "memory").iterdir()) == []
    bench.begin()
    bench.drain()
    assert bench.judge.seen == {"m": 1}


def test_a_verdict_goes_on_with_the_trace_of_its_transaction(bench: Bench) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    flagged = [one(number, amount_minor=200_000) for number in (1, 2)]
    headers = ({"traceparent": f"00-{trace}-b7ad6b7169203331-01"}, None)
    messages = [
        Message(t.merchant_id, msgspec.json.encode(t), given)
        for t, given in zip(flagged, headers, strict=True)
    ]
    bench.bus.publish(TRANSACTIONS, messages)
    bench.drain()
    told = bench.bus.subscribe(VERDICTS, "").take(10, 0.05)
    assert told is not None
    assert list(told.headers) == [0]
    assert trace_id_of(told.headers[0]["traceparent"].encode()) == trace
    assert "b7ad6b7169203331" not in told.headers[0]["traceparent"]
