"""For all ways to cut the stream: the same columns, also across a snapshot and a full table."""

import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from guardian.domain.transaction import Transaction
from guardian.scoring.base import VerdictColumns
from guardian.scoring.judge import ForestJudge
from guardian.scoring.rules.ruleset import load_rules

RULES = load_rules()
STATUSES = ("approved", "denied", "refunded", "failed")
one_transaction = st.builds(
    Transaction,
    transaction_id=st.just("t"),
    merchant_id=st.sampled_from("abcdefgh"),
    status=st.sampled_from(STATUSES),
    amount_minor=st.integers(1, 10**8),
    event_ms=st.integers(1_700_000_000_000, 1_700_000_000_000 + 5 * 86_400_000),
    received_ms=st.just(0),
    card_bin=st.sampled_from((None, "411111", "510000", "520000")),
    card_token=st.one_of(st.none(), st.sampled_from("0123456789")),
    source=st.sampled_from(("live", "import")),
)
streams = st.lists(one_transaction, min_size=1, max_size=60)
cuts = st.lists(st.integers(0, 60), max_size=6)


def parts(stream: list[Transaction], places: list[int]) -> list[list[Transaction]]:
    bounds = [0, *sorted(min(place, len(stream)) for place in places), len(stream)]
    return [stream[low:high] for low, high in pairwise(bounds)]


def assert_same(whole: VerdictColumns, pieces: list[VerdictColumns]) -> None:
    for name in ("features", "zscore", "score", "level", "method"):
        np.testing.assert_array_equal(
            getattr(whole, name), np.concatenate([getattr(piece, name) for piece in pieces]), err_msg=name
        )
    assert list(whole.rules) == [rule for piece in pieces for rule in piece.rules]


@settings(max_examples=60, deadline=None)
@given(stream=streams, places=cuts, keys=st.sampled_from((4, 7, 1_000)))
def test_any_batch_split_gives_the_same_columns(
    stream: list[Transaction], places: list[int], keys: int
) -> None:
    one, other = ForestJudge(RULES, keys=keys), ForestJudge(RULES, keys=keys)
    assert_same(one.judge(stream), [other.judge(part) for part in parts(stream, places)])


@settings(max_examples=15, deadline=None)
@given(stream=streams, place=st.integers(0, 60), keys=st.sampled_from((4, 1_000)))
def test_a_snapshot_in_the_middle_changes_nothing(stream: list[Transaction], place: int, keys: int) -> None:
    one, other = ForestJudge(RULES, keys=keys), ForestJudge(RULES, keys=keys)
    first, second = parts(stream, [place])
    whole = one.judge(stream)
    before = other.judge(first)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "memory.bin")
        other.save(path)
        restored = ForestJudge(RULES, keys=keys)
        restored.load(path)
    assert_same(whole, [before, restored.judge(second)])
