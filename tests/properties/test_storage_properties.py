"""For all cursors, and for all ways in which the bus may deliver the same records."""

import tempfile
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardian.domain.errors import Invalid
from guardian.domain.transaction import Transaction
from guardian.storage.base import Judged, TransactionQuery
from guardian.storage.sqlite import cursors
from guardian.storage.sqlite.store import SqliteStore

NOON = 1_763_985_600_000
PLACES = st.integers(-(1 << 63), (1 << 63) - 1)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)


@given(PLACES, NAMES)
def test_a_cursor_leads_back_to_its_place(place: int, name: str) -> None:
    assert cursors.decode(cursors.encode(place, name)) == (place, name)


@given(st.text(max_size=200) | st.from_regex(r"[A-Za-z0-9_-]{0,60}", fullmatch=True))
def test_any_other_text_is_refused_or_harmless(text: str) -> None:
    try:
        place, name = cursors.decode(text)
    except Invalid:
        return
    assert -(1 << 63) <= place < 1 << 63
    name.encode()


@pytest.mark.parametrize("place", [-(1 << 63) - 1, 1 << 63, 10**18 * 99])
def test_a_place_that_no_row_can_have_is_refused(place: int) -> None:
    with pytest.raises(Invalid):
        cursors.decode(cursors.encode(place))


def test_an_endless_cursor_is_refused() -> None:
    with pytest.raises(Invalid):
        cursors.decode(cursors.encode(1, "x" * 2_000))


EVENTS = st.builds(
    lambda ms, status, merchant, code: (NOON + ms, status, merchant, code),
    st.sampled_from([0, 1, 59_999, 60_000, 3_600_000]),
    st.sampled_from(["approved", "denied"]),
    st.sampled_from(["m0", "m1"]),
    st.sampled_from([None, "00", "59"]),
)


def batch(events: list[tuple[int, str, str, str | None]], start: int, end: int) -> Judged:
    made = [
        Transaction(f"t{n}", merchant, status, 100 + n, event_ms, NOON, auth_code=code)
        for n, (event_ms, status, merchant, code) in enumerate(events)
    ][start:end]
    n = len(made)
    zeros = np.zeros(n, np.float32)
    return Judged(
        transactions=made,
        positions=range(start, start + n),
        ml_score=np.array([(start + i) / 64 for i in range(n)], np.float32),
        zscore=zeros,
        score=zeros,
        level=np.array([(start + i) % 3 for i in range(n)], np.uint8),
        method=np.zeros(n, np.uint8),
        rules=[""] * n,
        features=np.zeros((n, 2), np.float32),
        model_version="v1",
        processing_ms=0.0,
    )


def content(store: SqliteStore) -> tuple[object, ...]:
    with store._hot.read() as connection:
        tables = [
            connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3, 4").fetchall()
            for table in ("minute_counts", "hours", "progress")
        ]
    found = store.transactions.find(TransactionQuery(limit=100)).items
    return store.transactions.position(0), msgspec.to_builtins(found), tables


@settings(max_examples=20)
@given(st.lists(EVENTS, min_size=1, max_size=12), st.data())
def test_any_cutting_and_redelivery_leaves_the_same_store(
    events: list[tuple[int, str, str, str | None]], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        at_once, in_pieces = SqliteStore(Path(folder) / "a"), SqliteStore(Path(folder) / "b")
        at_once.transactions.keep(0, batch(events, 0, len(events)))
        kept = 0
        while kept < len(events):
            start = data.draw(st.integers(0, kept))
            end = data.draw(st.integers(kept + 1, len(events)))
            in_pieces.transactions.keep(0, batch(events, start, end))
            kept = end
        same = content(at_once) == content(in_pieces)
        at_once.close()
        in_pieces.close()
        assert same
