"""History comes as columns: everything of the span, once, oldest first, and only what was asked for."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from guardian.domain.transaction import Transaction
from guardian.storage.base import NUMBERS, TEXTS, Judged, Span
from guardian.storage.sqlite.history import BLOCK_ROWS
from guardian.storage.sqlite.store import SqliteStore

NOON = 1_763_985_600_000
LIVE = Span("live", 0, 2 * NOON)


@pytest.fixture(params=["sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqliteStore]:
    back_end = SqliteStore(tmp_path)
    yield back_end
    back_end.close()


def transaction(number: int, **changes: object) -> Transaction:
    facts = {"transaction_id": f"t{number}", "merchant_id": "m", "status": "approved", "amount_minor": number}
    times = {"event_ms": NOON + number * 10, "received_ms": NOON}
    return Transaction(**{**facts, **times, **changes})


def kept(store: SqliteStore, of: list[Transaction], start: int = 0, features: int = 3) -> None:
    n = len(of)
    store.transactions.keep(
        0,
        Judged(
            transactions=of,
            positions=range(start, start + n),
            ml_score=np.where(np.arange(n) % 2, 0.5, np.nan).astype(np.float32),
            zscore=np.full(n, 1.5, np.float32),
            score=np.full(n, 0.25, np.float32),
            level=(np.arange(n) % 3).astype(np.uint8),
            method=np.full(n, 2, np.uint8),
            rules=["a,b"] * n,
            features=np.arange(features * n, dtype=np.float32).reshape(n, features),
            model_version="v1",
            processing_ms=2.0,
        ),
    )


def test_every_column_comes_back_by_its_name(store: SqliteStore) -> None:
    kept(store, [transaction(1, acquirer="acq_a", card_bin="516220"), transaction(2, user_id="u")])
    (block,) = store.transactions.history(LIVE, (*NUMBERS, *TEXTS), features=3)
    assert block.event_ms.tolist() == [NOON + 10, NOON + 20]
    assert {name: column.tolist() for name, column in block.numbers.items() if name != "ml_score"} == {
        "amount_minor": [1, 2],
        "level": [0, 1],
        "zscore": [1.5, 1.5],
        "score": [0.25, 0.25],
        "method": [2, 2],
    }
    np.testing.assert_array_equal(block.numbers["ml_score"], [np.nan, 0.5])
    assert set(block.texts) == set(TEXTS)
    assert list(block.texts["acquirer"]) == ["acq_a", None]
    assert list(block.texts["card_bin"]) == ["516220", None]
    assert list(block.texts["user_id"]) == [None, "u"]
    assert list(block.texts["rules"]) == ["a,b", "a,b"]
    np.testing.assert_array_equal(block.features, [[0, 1, 2], [3, 4, 5]])


def test_what_is_not_asked_for_is_not_read(store: SqliteStore) -> None:
    kept(store, [transaction(1)])
    (block,) = store.transactions.history(LIVE, ("status",))
    assert block.numbers == {}
    assert list(block.texts) == ["status"]
    assert block.features.shape == (1, 0)


def test_every_row_of_the_span_comes_once_and_in_order(store: SqliteStore) -> None:
    everything = BLOCK_ROWS + 100
    kept(store, [transaction(number) for number in range(everything)])
    blocks = list(store.transactions.history(LIVE, ("amount_minor",)))
    assert [len(block.event_ms) for block in blocks] == [BLOCK_ROWS, 100]
    amounts = np.concatenate([block.numbers["amount_minor"] for block in blocks])
    np.testing.assert_array_equal(amounts, np.arange(everything))
    some = Span("live", NOON + 50, NOON + 90)
    (block,) = store.transactions.history(some, ("amount_minor",))
    assert block.numbers["amount_minor"].tolist() == [5, 6, 7, 8]


def test_other_sources_and_other_features_are_left_out(store: SqliteStore) -> None:
    kept(store, [transaction(1), transaction(2, source="imported")])
    kept(store, [transaction(3)], start=2, features=4)
    (block,) = store.transactions.history(LIVE, ("amount_minor",), features=3)
    assert block.numbers["amount_minor"].tolist() == [1]
    (block,) = store.transactions.history(LIVE, ("amount_minor",))
    assert block.numbers["amount_minor"].tolist() == [1, 3]
    assert list(store.transactions.history(Span("unknown", 0, NOON), ("status",))) == []
    assert list(store.transactions.history(Span("live", 0, NOON), ("status",))) == []


def test_a_column_that_there_is_not_is_said(store: SqliteStore) -> None:
    with pytest.raises(ValueError, match="there is no column colour"):
        next(iter(store.transactions.history(LIVE, ("colour",))))
