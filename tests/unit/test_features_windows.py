"""Features of transactions: what each column holds, late events, growing and recycling."""

import numpy as np
import pytest

from guardian.domain.clock import DAY_MS, HOUR_MS, MINUTE_MS
from guardian.domain.transaction import Transaction
from guardian.features.columns import columns_of
from guardian.features.definition import (
    FEATURE_COUNT,
    INDEX,
    LABELS_EN,
    LABELS_PT,
    MEANINGS,
    NAMES,
    label,
)
from guardian.features.memory import Memory

START_MS = 20_000 * DAY_MS


def transaction(at_ms: int = 0, **fields: object) -> Transaction:
    defaults: dict[str, object] = {
        "transaction_id": "t",
        "merchant_id": "m",
        "status": "approved",
        "amount_minor": 10_000,
        "event_ms": START_MS + at_ms,
        "received_ms": START_MS + at_ms,
        "card_bin": "411111",
        "card_token": "c",
    }
    return Transaction(**(defaults | fields))


def last(memory: Memory, transactions: list[Transaction]) -> dict[str, float]:
    return dict(zip(NAMES, memory.take_in(transactions)[-1].tolist(), strict=True))


def test_every_feature_has_a_place_a_meaning_and_two_labels() -> None:
    assert len(NAMES) == FEATURE_COUNT == len(set(NAMES)) == 26
    assert set(LABELS_EN) == set(LABELS_PT) == set(MEANINGS) == set(INDEX)
    assert label("card_count_1h") == "Card events, 1 h"
    assert label("card_count_1h", "pt-BR") == "Transações do cartão, 1 h"
    assert label("gone") == "gone"


def test_amounts_follow_the_minor_units_of_their_currency() -> None:
    columns = columns_of([transaction(), transaction(currency="JPY"), transaction(currency="KWD")])
    assert columns.amounts.tolist() == [100.0, 10_000.0, 10.0]


def test_a_user_stands_in_for_a_missing_card_and_never_for_a_card_of_that_name() -> None:
    columns = columns_of([transaction(), transaction(card_token=None, user_id="c")])
    assert columns.cards[0] == "c"
    assert columns.cards[1] not in {"c", None}
    assert columns_of([transaction(card_token=None)]).cards == [None]


def test_sources_do_not_share_a_memory() -> None:
    features = last(Memory(), [transaction(), transaction(1_000, source="import")])
    assert features["card_count_1h"] == 1


def test_counts_hold_what_was_known_at_the_event_itself() -> None:
    rows = Memory().take_in([transaction(place * 1_000) for place in range(4)])
    assert rows[:, INDEX["card_count_1h"]].tolist() == [1, 2, 3, 4]


def test_counts_of_an_hour_and_a_day_forget_in_time() -> None:
    memory = Memory()
    memory.take_in([transaction(), transaction(MINUTE_MS)])
    after_two_hours = last(memory, [transaction(2 * HOUR_MS)])
    assert (after_two_hours["card_count_1h"], after_two_hours["card_count_24h"]) == (1, 3)
    assert last(memory, [transaction(30 * HOUR_MS)])["card_count_24h"] == 1


def test_a_late_event_joins_its_own_time_and_a_too_late_one_is_left_out() -> None:
    memory = Memory()
    memory.take_in([transaction(2 * HOUR_MS)])
    assert last(memory, [transaction(2 * HOUR_MS - 10 * MINUTE_MS)])["card_count_1h"] == 2
    too_late = last(memory, [transaction(0)])
    assert (too_late["card_count_1h"], too_late["card_count_24h"]) == (2, 3)
    assert last(memory, [transaction(-3 * DAY_MS)])["card_count_24h"] == 3


def test_failures_and_reversals_are_counted_by_status() -> None:
    memory = Memory()
    statuses = ["denied", "failed", "refunded", "backend_reversed", "reversed", "processing"]
    features = last(memory, [transaction(place, status=status) for place, status in enumerate(statuses)])
    assert features["card_failures_1h"] == 2
    assert features["card_failure_rate_24h"] == pytest.approx(2 / 8)
    assert features["card_reversals_24h"] == 3
    assert features["merchant_failure_rate_1h"] == pytest.approx(2 / 16)


def test_a_card_first_seen_counts_for_merchant_and_bin_only_once() -> None:
    memory = Memory()
    features = last(memory, [transaction(place, card_token=str(place % 5)) for place in range(10)])
    assert features["merchant_new_cards_10m"] == features["bin_new_cards_10m"] == pytest.approx(5 / 20)
    assert last(memory, [transaction(HOUR_MS)])["merchant_new_cards_10m"] == pytest.approx(1 / 11)


def test_merchants_new_to_a_card_are_counted_once_each() -> None:
    features = last(Memory(), [transaction(place, merchant_id=f"m{place % 3}") for place in range(9)])
    assert features["card_new_merchants_1h"] == 3


def test_how_a_card_goes_from_merchant_to_merchant_is_remembered_for_days() -> None:
    memory = Memory()
    first = last(memory, [transaction()])
    assert (first["card_new_merchant"], first["card_new_merchants_3d"]) == (1, 0)
    assert first["card_since_new_merchant"] == pytest.approx(np.log(30 * 24 + 0.01))
    again = last(memory, [transaction(HOUR_MS)])
    assert (again["card_new_merchant"], again["card_new_merchants_3d"]) == (0, 0)
    assert again["card_since_new_merchant"] == pytest.approx(np.log(1.01), abs=1e-6)
    spree = last(memory, [transaction(2 * HOUR_MS + place, merchant_id=f"n{place}") for place in range(4)])
    assert (spree["card_new_merchant"], spree["card_new_merchants_3d"]) == (1, pytest.approx(4))
    assert spree["card_since_new_merchant"] < -4
    later = last(memory, [transaction(2 * HOUR_MS + 3 * DAY_MS)])
    assert later["card_new_merchants_3d"] == pytest.approx(4 / np.e, rel=1e-3)


def test_a_card_that_leaves_the_large_merchants_for_small_ones_shows() -> None:
    memory = Memory()
    crowd = [transaction(place, card_token=f"c{place % 7}") for place in range(3_000)]
    usual = last(memory, crowd)
    assert usual["merchant_volume_24h"] == pytest.approx(np.log(3_001))
    assert usual["card_merchant_volume"] == pytest.approx(usual["merchant_volume_24h"], abs=0.2)
    astray = [transaction(5_000 + place, merchant_id=f"n{place}", card_token="c1") for place in range(5)]
    left = last(memory, astray)
    assert left["merchant_volume_24h"] == pytest.approx(np.log(2))
    assert left["card_merchant_volume"] < usual["card_merchant_volume"] / 2
    new_card = last(memory, [transaction(6_000, card_token="c9")])
    assert new_card["card_merchant_volume"] > 4


def test_refunds_are_held_against_all_that_the_merchant_does_in_a_day() -> None:
    memory = Memory()
    refunds = [transaction(place, status="refunded", card_token=str(place)) for place in range(30)]
    assert last(memory, refunds)["merchant_reversal_rate_24h"] == pytest.approx(30 / 40)


def test_an_amount_is_held_against_the_histories_of_merchant_and_card() -> None:
    memory = Memory()
    usual = [transaction(place * 1_000, amount_minor=9_000 + 100 * (place % 20)) for place in range(40)]
    calm = last(memory, usual)
    assert abs(calm["merchant_amount_z"]) < 1
    wild = last(memory, [transaction(60_000, amount_minor=1_000_000)])
    assert wild["merchant_amount_z"] > 8
    assert wild["card_amount_z"] > 8
    assert wild["card_amount_ratio"] == pytest.approx(np.log(10_000 / 100), abs=0.3)


def test_short_histories_say_nothing() -> None:
    features = last(Memory(), [transaction(), transaction(1, amount_minor=1_000_000)])
    assert (features["merchant_amount_z"], features["card_amount_z"]) == (0, 0)


def test_denied_amounts_do_not_become_usual() -> None:
    memory = Memory()
    memory.take_in([transaction(place) for place in range(30)])
    memory.take_in([transaction(place, status="denied", amount_minor=900_000) for place in range(100)])
    assert last(memory, [transaction(amount_minor=900_000)])["card_amount_z"] > 5


def test_a_burst_is_measured_against_the_hours_before() -> None:
    memory = Memory()
    memory.take_in([transaction(place * 6 * MINUTE_MS) for place in range(60)])
    burst = last(memory, [transaction(6 * HOUR_MS + place * 100) for place in range(200)])
    assert burst["merchant_burst_1h"] > 8
    assert burst["bin_burst_1h"] > 8
    assert burst["merchant_burst_1m"] > 20


def test_without_card_and_bin_their_features_are_neutral() -> None:
    features = last(Memory(), [transaction(card_bin=None, card_token=None)])
    assert features["bin_burst_1h"] == 1
    assert all(features[name] == 0 for name in NAMES if name.startswith("card_"))
    memory = Memory()
    memory.take_in([transaction(place) for place in range(2_000)])
    none = last(memory, [transaction(3_000, merchant_id="small", card_token=None)])
    assert none["card_merchant_volume"] == pytest.approx(memory.usual[0], rel=0.01)


def test_the_hour_of_the_day_is_a_point_on_a_circle() -> None:
    features = last(Memory(), [transaction(6 * HOUR_MS)])
    assert (features["hour_sin"], features["hour_cos"]) == (pytest.approx(1), pytest.approx(0, abs=1e-6))


def test_what_would_be_equals_what_then_is_and_changes_nothing() -> None:
    memory = Memory()
    memory.take_in([transaction(place * 1_000, card_token=str(place % 3)) for place in range(50)])
    for one in (transaction(60_000), transaction(60_000, merchant_id="x", card_token="y", card_bin=None)):
        expected = memory.would_be(one)
        np.testing.assert_array_equal(memory.would_be(one), expected)
        np.testing.assert_array_equal(memory.take_in([one]), expected)


def test_tables_grow_without_losing_anything() -> None:
    memory = Memory()
    cards = [transaction(card_token=str(place)) for place in range(3_000)]
    memory.take_in(cards)
    assert len(memory.cards) == 3_000
    assert (memory.take_in(cards)[:, INDEX["card_count_1h"]] == 2).all()


def test_a_full_table_forgets_keys_idle_for_a_day_first() -> None:
    memory = Memory(keys=10)
    memory.take_in([transaction(card_token=f"old{place}") for place in range(5)])
    memory.take_in([transaction(2 * DAY_MS, card_token=f"new{place}") for place in range(6)])
    assert len(memory.cards) == 6
    assert last(memory, [transaction(2 * DAY_MS, card_token="new0")])["card_count_1h"] == 2
    assert last(memory, [transaction(2 * DAY_MS, card_token="old0")])["card_count_24h"] == 1


def test_a_full_table_without_idle_keys_forgets_the_one_idle_longest() -> None:
    memory = Memory(keys=10)
    memory.take_in([transaction(place, card_token=str(place)) for place in range(11)])
    assert len(memory.cards) == 10
    assert last(memory, [transaction(20, card_token="1")])["card_count_1h"] == 2
    assert last(memory, [transaction(21, card_token="0")])["card_count_1h"] == 1


def test_a_hundred_thousand_merchants_and_cards_fit_in_two_hundred_megabytes() -> None:
    memory = Memory()
    per_key = sum(array[:1].nbytes for array in memory.cards.rings)
    assert 200_000 * per_key + memory.pairs.nbytes < 200 << 20
