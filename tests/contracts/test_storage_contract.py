"""Every promise of the store's ports, on every back end that this machine can have."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from guardian.domain.clock import MINUTE_MS
from guardian.domain.errors import Invalid, OtherKind
from guardian.domain.identifiers import transaction_key
from guardian.domain.transaction import Transaction
from guardian.domain.window import MinuteCounts, SeriesPoint
from guardian.storage.base import Judged, Progress, RecordQuery, TransactionQuery
from guardian.storage.sqlite.store import SqliteStore

NOON = 1_763_985_600_000


@pytest.fixture(params=["sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqliteStore]:
    back_end = SqliteStore(tmp_path)
    yield back_end
    back_end.close()


def transaction(number: int, **changes: object) -> Transaction:
    facts: dict[str, object] = {
        "transaction_id": f"t{number}",
        "merchant_id": f"m{number % 2}",
        "status": "approved",
        "amount_minor": 1_000 + number,
        "event_ms": NOON + number * 1_000,
        "received_ms": NOON + number * 1_000,
        "given_id": True,
        "auth_code": "00",
        "card_bin": "516220",
    }
    return Transaction(**facts | changes)  # type: ignore[arg-type]


def judged(transactions: list[Transaction], start: int = 0, level: int = 0) -> Judged:
    n = len(transactions)
    return Judged(
        transactions=transactions,
        positions=range(start, start + n),
        ml_score=np.full(n, 0.5, np.float32),
        zscore=np.full(n, 1.5, np.float32),
        score=np.full(n, 0.25, np.float32),
        level=np.full(n, level, np.uint8),
        method=np.zeros(n, np.uint8),
        rules=["R1,R2"] * n,
        features=np.arange(3 * n, dtype=np.float32).reshape(n, 3),
        model_version="v1",
        processing_ms=2.0,
    )


def test_what_is_kept_comes_back_whole(store: SqliteStore) -> None:
    given = transaction(1, acquirer="acq_a", country="BR", original_id="t0", mcc="5411", user_id="u")
    store.transactions.keep(0, judged([given]))
    found = store.transactions.get("t1")
    assert found is not None
    assert found.transaction == given
    assert found.verdict.rules == ("R1", "R2")
    assert found.verdict.features == (0.0, 1.0, 2.0)
    assert found.verdict.ml_score == 0.5
    assert store.transactions.get("t1", source="other") is None
    assert store.transactions.get("unknown") is None


def test_one_id_of_two_merchants_names_two_events(store: SqliteStore) -> None:
    both = [transaction(1, merchant_id=merchant) for merchant in ("m1", "m2")]
    store.transactions.keep(0, judged(both))
    for one in both:
        found = store.transactions.get("t1", merchant_id=one.merchant_id)
        assert found is not None
        assert found.transaction == one
    assert store.transactions.get("t1", "live", "m3") is None


def test_a_missing_model_score_stays_missing(store: SqliteStore) -> None:
    batch = judged([transaction(1)])
    batch.ml_score[0] = np.nan
    store.transactions.keep(0, batch)
    found = store.transactions.get("t1")
    assert found is not None
    assert found.verdict.ml_score is None


def test_rows_counts_and_position_are_kept_together_and_once(store: SqliteStore) -> None:
    batch = [transaction(number) for number in range(10)]
    store.transactions.keep(0, judged(batch))
    store.transactions.keep(0, judged(batch))
    store.transactions.keep(0, judged([*batch[5:], transaction(10)], start=5))
    assert store.transactions.position(0) == 11
    assert store.minutes.totals("live", 0, NOON * 2) == {"approved": 11}
    assert len(store.transactions.find(TransactionQuery()).items) == 11


def test_the_position_only_moves_forward(store: SqliteStore) -> None:
    assert store.transactions.position(0) == 0
    store.transactions.advance(0, 7)
    store.transactions.advance(0, 3)
    assert store.transactions.position(0) == 7


def test_pages_run_newest_first_without_gaps_or_repeats(store: SqliteStore) -> None:
    store.transactions.keep(0, judged([transaction(number) for number in range(25)]))
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = store.transactions.find(TransactionQuery(limit=10, cursor=cursor))
        seen.extend(item.transaction.transaction_id for item in page.items)
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == [f"t{number}" for number in reversed(range(25))]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (TransactionQuery(status="denied"), ["t3"]),
        (TransactionQuery(merchant_id="m1"), ["t3", "t1"]),
        (TransactionQuery(card_bin="650532"), ["t2"]),
        (TransactionQuery(since_ms=NOON + 2_000), ["t3", "t2"]),
        (TransactionQuery(until_ms=NOON + 2_000), ["t1", "t0"]),
        (TransactionQuery(min_level=1), []),
        (TransactionQuery(source="import"), []),
    ],
)
def test_transactions_are_found_by(store: SqliteStore, query: TransactionQuery, expected: list[str]) -> None:
    batch = [
        transaction(0),
        transaction(1),
        transaction(2, card_bin="650532"),
        transaction(3, status="denied"),
    ]
    store.transactions.keep(0, judged(batch))
    assert [item.transaction.transaction_id for item in store.transactions.find(query).items] == expected


def test_flagged_ones_are_found_by_level(store: SqliteStore) -> None:
    store.transactions.keep(0, judged([transaction(1)], level=0))
    store.transactions.keep(0, judged([transaction(2)], start=1, level=2))
    found = store.transactions.find(TransactionQuery(min_level=1)).items
    assert [item.transaction.transaction_id for item in found] == ["t2"]


@pytest.mark.parametrize("cursor", ["x", "!!!", "W10", "WyJhIiwgMV0", "WzFlOTksICIiXQ"])
def test_a_foreign_cursor_is_refused(store: SqliteStore, cursor: str) -> None:
    with pytest.raises(Invalid):
        store.transactions.find(TransactionQuery(cursor=cursor))
    with pytest.raises(Invalid):
        store.records.find(RecordQuery("alert", cursor=cursor))


def test_places_tell_who_used_an_id_and_where(store: SqliteStore) -> None:
    store.transactions.keep(0, judged([transaction(1), transaction(1, merchant_id="other")]))
    key = transaction_key("t1")
    places = store.transactions.places([key, transaction_key("t2")])
    assert sorted(places[key]) == [("live", "m1", "t1", 0), ("live", "other", "t1", 1)]
    assert len(places) == 1


def test_old_transactions_are_purged_in_bounded_steps(store: SqliteStore) -> None:
    store.transactions.keep(0, judged([transaction(number) for number in range(10)]))
    assert store.transactions.purge("live", NOON + 5_000, limit=3) == 3
    assert store.transactions.purge("live", NOON + 5_000) == 2
    assert len(store.transactions.find(TransactionQuery()).items) == 5


def test_counts_of_transactions_add_up_by_every_view(store: SqliteStore) -> None:
    batch = [transaction(0), transaction(1, status="denied", auth_code="59"), transaction(2, auth_code=None)]
    store.transactions.keep(0, judged(batch))
    counts = store.minutes.counts
    assert counts("live", "status", NOON, NOON + MINUTE_MS) == {NOON: {"approved": 2, "denied": 1}}
    assert counts("live", "auth_code", NOON, NOON + MINUTE_MS) == {NOON: {"00": 1, "59": 1}}
    assert counts("live", "status", NOON + MINUTE_MS, NOON + 2 * MINUTE_MS) == {}


def test_live_progress_never_runs_ahead_of_the_clock(store: SqliteStore) -> None:
    ahead = transaction(1, event_ms=NOON + 60_000, received_ms=NOON)
    store.transactions.keep(0, judged([ahead, transaction(2, source="file", event_ms=NOON + 60_000)]))
    assert {one.source: one.event_ms for one in store.minutes.progress()} == {
        "live": NOON,
        "file": NOON + 60_000,
    }


def counted(minute_ms: int, counts: dict[str, int], **changes: object) -> MinuteCounts:
    facts: dict[str, object] = {"source": "s", "minute_ms": minute_ms, "by": "status", "counts": counts}
    return MinuteCounts(**facts | {"received_ms": NOON} | changes)  # type: ignore[arg-type]


def test_counts_sent_again_replace_each_other(store: SqliteStore) -> None:
    store.minutes.replace([counted(NOON, {"approved": 5, "denied": 1})])
    store.minutes.replace([counted(NOON, {"approved": 7})])
    store.minutes.replace([counted(NOON, {"59": 3}, by="auth_code")])
    assert store.minutes.counts("s", "status", NOON, NOON + 1) == {NOON: {"approved": 7}}
    assert store.minutes.counts("s", "auth_code", NOON, NOON + 1) == {NOON: {"59": 3}}


def test_empty_counts_move_the_progress_and_the_last_closes_the_source(store: SqliteStore) -> None:
    store.minutes.replace([counted(NOON, {"approved": 1})])
    store.minutes.replace([counted(NOON + MINUTE_MS, {}, last=True)])
    expected = Progress("s", "counts", NOON, NOON + 2 * MINUTE_MS, NOON, closed=True)
    assert store.minutes.progress() == [expected]


def test_a_source_sends_transactions_or_counts_and_not_both(store: SqliteStore) -> None:
    store.minutes.replace([counted(NOON, {"approved": 1})])
    with pytest.raises(OtherKind):
        store.transactions.keep(0, judged([transaction(1, source="s")]))
    assert store.transactions.position(0) == 0
    store.transactions.keep(0, judged([transaction(1)]))
    with pytest.raises(OtherKind):
        store.minutes.replace([counted(NOON, {"approved": 1}, source="live")])


def test_points_are_kept_once_and_read_oldest_first(store: SqliteStore) -> None:
    first = SeriesPoint("live", "denied", NOON, 5, 4.0, 1.0, 9.0)
    second = SeriesPoint("live", "*", NOON + MINUTE_MS, 50, 48.0, 30.0, 70.0, learning=True)
    store.minutes.keep_points([second, first])
    store.minutes.keep_points([SeriesPoint("live", "denied", NOON, 99, 4.0, 1.0, 9.0)])
    assert store.minutes.points("live", None, NOON, NOON + 2 * MINUTE_MS) == [first, second]
    assert store.minutes.points("live", ["*"], NOON, NOON + 2 * MINUTE_MS) == [second]


def test_old_minutes_are_purged(store: SqliteStore) -> None:
    store.minutes.replace([counted(NOON, {"approved": 1}), counted(NOON + MINUTE_MS, {"approved": 1})])
    store.minutes.keep_points([SeriesPoint("s", "*", NOON, 1, 1.0, 0.0, 2.0)])
    assert store.minutes.purge("s", NOON + MINUTE_MS, 0) == 2
    assert list(store.minutes.counts("s", "status", 0, NOON * 2)) == [NOON + MINUTE_MS]


def test_one_source_is_purged_without_another_and_then_forgotten(store: SqliteStore) -> None:
    rows = [transaction(number, source=source) for source in ("live", "file") for number in range(2)]
    store.transactions.keep(0, judged(rows))
    store.minutes.keep_points(
        [SeriesPoint(source, "*", NOON, 1, 1.0, 0.0, 2.0) for source in ("live", "file")]
    )
    for_ever = NOON * 2
    assert store.transactions.purge("file", for_ever) == 2
    assert store.minutes.purge("file", for_ever, for_ever) > 0
    assert [one.source for one in store.minutes.progress()] == ["live"]
    assert store.transactions.find(TransactionQuery(source="file")).items == []
    assert store.minutes.totals("file", 0, for_ever) == {}
    assert len(store.transactions.find(TransactionQuery()).items) == 2
    assert store.minutes.totals("live", 0, for_ever) == {"approved": 2}
    assert len(store.minutes.points("live", None, 0, for_ever)) == 1
    assert store.transactions.purge("file", for_ever) == 0


def test_an_empty_batch_changes_nothing(store: SqliteStore) -> None:
    store.transactions.keep(0, judged([]))
    assert store.transactions.position(0) == 0
    assert store.minutes.progress() == []


def test_events_of_one_millisecond_are_all_kept_however_far_apart_on_the_bus(store: SqliteStore) -> None:
    apart = 1 << 22
    for number in range(3):
        for start in (number * apart, number * apart + 1):
            one = transaction(start, event_ms=NOON)
            store.transactions.keep(0, judged([one], start=start))
    found = store.transactions.find(TransactionQuery()).items
    assert len({item.transaction.transaction_id for item in found}) == 6
    assert {item.transaction.event_ms for item in found} == {NOON}
    assert store.transactions.places([transaction_key(f"t{apart}")]) == {
        transaction_key(f"t{apart}"): [("live", "m0", f"t{apart}", apart)]
    }


@pytest.mark.parametrize("event_ms", [0, 1, 2_199_023_255_551, 2_199_023_255_552, 253_402_300_799_999])
def test_an_import_takes_any_time(store: SqliteStore, event_ms: int) -> None:
    first, second = (transaction(n, source="old", event_ms=event_ms) for n in range(2))
    store.transactions.keep(0, judged([first, second]))
    found = store.transactions.find(TransactionQuery(source="old", since_ms=0, until_ms=10**15)).items
    assert [item.transaction for item in found] == [second, first]


@pytest.mark.parametrize("bound", [-(10**18), 10**18])
def test_bounds_beyond_all_time_are_no_error(store: SqliteStore, bound: int) -> None:
    store.transactions.keep(0, judged([transaction(1)]))
    expected = 1 if bound < 0 else 0
    assert len(store.transactions.find(TransactionQuery(since_ms=bound)).items) == expected
    assert len(store.transactions.find(TransactionQuery(until_ms=bound)).items) == 1 - expected


def test_nothing_of_a_batch_is_kept_when_one_of_its_sources_sends_counts(store: SqliteStore) -> None:
    store.minutes.replace([counted(NOON, {"approved": 1})])
    with pytest.raises(OtherKind) as refusal:
        store.transactions.keep(0, judged([transaction(1), transaction(2, source="s")]))
    assert refusal.value.sources == {"s"}
    assert store.transactions.get("t1") is None
    assert store.minutes.totals("live", 0, NOON * 2) == {}
    assert store.transactions.position(0) == 0


def test_nothing_of_a_report_is_kept_when_one_of_its_sources_sends_transactions(store: SqliteStore) -> None:
    store.transactions.keep(0, judged([transaction(1)]))
    with pytest.raises(OtherKind) as refusal:
        store.minutes.replace([counted(NOON, {"x": 1}), counted(NOON, {"x": 1}, source="live")])
    assert refusal.value.sources == {"live"}
    assert store.minutes.counts("s", "status", 0, NOON * 2) == {}


@pytest.mark.parametrize("since_min", [0, 1, 59, 60, 61, 125])
@pytest.mark.parametrize("until_min", [0, 30, 60, 119, 120, 180])
def test_totals_are_the_sum_of_the_minutes(store: SqliteStore, since_min: int, until_min: int) -> None:
    batch = [transaction(n, event_ms=NOON + n * 5 * MINUTE_MS) for n in range(36)]
    store.transactions.keep(0, judged(batch))
    since_ms, until_ms = NOON + since_min * MINUTE_MS, NOON + until_min * MINUTE_MS
    counts = store.minutes.counts("live", "status", since_ms, until_ms)
    total = sum(sum(minute.values()) for minute in counts.values())
    assert sum(store.minutes.totals("live", since_ms, until_ms).values()) == total


def test_a_page_of_a_small_source_is_found_among_many_others(store: SqliteStore) -> None:
    store.transactions.keep(0, judged([transaction(n) for n in range(50)]))
    old = [transaction(100 + n, source="old", event_ms=n) for n in range(3)]
    store.transactions.keep(0, judged(old, start=50))
    first = store.transactions.find(TransactionQuery(source="old", limit=2))
    second = store.transactions.find(TransactionQuery(source="old", limit=2, cursor=first.next_cursor))
    found = [item.transaction.transaction_id for item in (*first.items, *second.items)]
    assert found == ["t102", "t101", "t100"]


def test_the_newest_of_several_events_with_one_id_is_given(store: SqliteStore) -> None:
    batch = [transaction(1, merchant_id=f"m{n}", event_ms=NOON + ms) for n, ms in enumerate((1, 3, 2))]
    store.transactions.keep(0, judged(batch))
    found = store.transactions.get("t1")
    assert found is not None
    assert found.transaction.merchant_id == "m1"


def test_a_small_span_is_sampled_whole_and_in_columns(store: SqliteStore) -> None:
    rows = [transaction(n, acquirer="acq_a" if n % 2 else None, status="denied") for n in range(90)]
    store.transactions.keep(0, judged(rows))
    sample = store.transactions.sample("live", NOON, NOON + MINUTE_MS, 1_000)
    assert sample.rate == 1.0
    assert sample.columns["acquirer"] == tuple(one.acquirer for one in rows[:60])
    assert sample.columns["merchant_id"] == tuple(one.merchant_id for one in rows[:60])
    assert set(sample.columns["status"]) == {"denied"}
    assert (set(sample.columns["auth_code"]), set(sample.columns["card_bin"])) == ({"00"}, {"516220"})
    assert list(sample.amounts_minor) == [one.amount_minor for one in rows[:60]]
    assert set(sample.currencies) == {"BRL"}


def test_of_a_large_span_evenly_spread_spells_are_read_and_their_part_is_told(store: SqliteStore) -> None:
    rows = [transaction(n, event_ms=NOON + n * 10, received_ms=NOON + n * 10) for n in range(12_000)]
    store.transactions.keep(0, judged(rows))
    sample = store.transactions.sample("live", NOON, NOON + 2 * MINUTE_MS, 3_000)
    assert sample.rate == 0.25
    assert len(sample.currencies) == pytest.approx(3_000, rel=0.05)
    halves = [one - 1_000 < 6_000 for one in sample.amounts_minor]
    assert sum(halves) == pytest.approx(len(halves) / 2, rel=0.05)


def test_a_sample_is_of_one_source_and_may_be_empty(store: SqliteStore) -> None:
    store.transactions.keep(0, judged([transaction(1), transaction(2, source="file")]))
    assert len(store.transactions.sample("file", NOON, NOON + MINUTE_MS, 10).currencies) == 1
    nothing = store.transactions.sample("nobody", NOON, NOON + MINUTE_MS, 10)
    assert (list(nothing.currencies), nothing.rate, nothing.columns["acquirer"]) == ([], 1.0, ())
