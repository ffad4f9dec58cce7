"""The tails of single features, and the calibration of all detectors together."""

import numpy as np
import pytest

from guardian.features.definition import FEATURE_COUNT, INDEX
from guardian.learning.train import train
from guardian.models.artefact import ModelArtefact
from guardian.scoring.rarity import evidence, rarity
from guardian.scoring.tails import DEEPEST, hours_of, quiet_hours, tails

PLACE = ("merchant_burst_1h", "merchant_failure_rate_1h", "merchant_new_cards_10m")


def rows(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.exponential(size=(count, FEATURE_COUNT)).astype(np.float32)
    angles = 2 * np.pi * rng.integers(8 * 60, 22 * 60, count) / 1_440
    values[:, INDEX["hour_sin"]], values[:, INDEX["hour_cos"]] = np.sin(angles), np.cos(angles)
    return values


@pytest.fixture(scope="module")
def model() -> ModelArtefact:
    return train(rows(6_000), now_ms=0, seed=0)


def usual(model: ModelArtefact, hour: int = 14, **features: float) -> np.ndarray:
    row = model.median.copy()
    angle = 2 * np.pi * hour / 24
    row[INDEX["hour_sin"]], row[INDEX["hour_cos"]] = np.sin(angle), np.cos(angle)
    for name, value in features.items():
        row[INDEX[name]] = value
    return row[None, :]


def test_every_minute_of_the_day_falls_into_its_hour() -> None:
    minutes = np.arange(1_440)
    values = np.zeros((1_440, FEATURE_COUNT), np.float32)
    values[:, INDEX["hour_sin"]] = np.sin(2 * np.pi * minutes / 1_440)
    values[:, INDEX["hour_cos"]] = np.cos(2 * np.pi * minutes / 1_440)
    assert hours_of(values).tolist() == (minutes // 60).tolist()


def test_an_hour_without_traffic_is_quieter_than_a_busy_one() -> None:
    quiet = quiet_hours(rows(6_000))
    assert quiet.min() == 0.0
    assert quiet[3] > 2.0
    assert quiet[14] < 0.3


def test_the_95_percent_quantile_lies_one_step_out(model: ModelArtefact) -> None:
    at_high = usual(model, merchant_amount_z=float(model.high[INDEX["merchant_amount_z"]]))
    assert tails(model, at_high)[0] - tails(model, usual(model))[0] == pytest.approx(1.0, rel=1e-6)


def test_where_low_values_are_odd_it_is_the_5_percent_quantile(model: ModelArtefact) -> None:
    name = "merchant_volume_24h"
    at_low = usual(model, merchant_volume_24h=float(model.low[INDEX[name]]))
    assert tails(model, at_low)[0] - tails(model, usual(model))[0] == pytest.approx(2.0, rel=1e-6)
    assert tails(model, usual(model, merchant_volume_24h=1e9))[0] == tails(model, usual(model))[0]


def test_one_feature_alone_weighs_no_more_than_its_bound(model: ModelArtefact) -> None:
    assert tails(model, usual(model, merchant_amount_z=1e9))[0] == DEEPEST + tails(model, usual(model))[0]


def test_below_the_median_nothing_is_odd(model: ModelArtefact) -> None:
    assert tails(model, usual(model, merchant_amount_z=-50.0))[0] == tails(model, usual(model))[0]


def test_what_fits_together_weighs_more_than_the_same_spread_over_places_and_cards(
    model: ModelArtefact,
) -> None:
    together = usual(model, card_failure_rate_24h=20, merchant_amount_z=20, card_new_merchants_1h=20)
    apart = usual(model, card_failure_rate_24h=20, card_reversals_24h=3, merchant_burst_1h=20)
    assert tails(model, together)[0] > tails(model, apart)[0]


def test_the_dead_of_night_makes_a_card_odder(model: ModelArtefact) -> None:
    assert tails(model, usual(model, hour=3))[0] > tails(model, usual(model, hour=14))[0] + 2.0


def test_rarity_means_what_it_says_in_the_bulk(model: ModelArtefact) -> None:
    found = rarity(model, rows(20_000, 9))
    assert (found >= 1.3).mean() == pytest.approx(0.05, rel=0.25)
    assert (found >= 0.301).mean() == pytest.approx(0.5, rel=0.1)


def test_attacks_in_the_past_hide_none_to_come(model: ModelArtefact) -> None:
    past = rows(6_000)
    past[::50, [INDEX[name] for name in PLACE]] = 30.0
    attack = usual(model, **dict.fromkeys(PLACE, 30.0))
    poisoned = rarity(train(past, 0, 0), attack)[0]
    assert poisoned == pytest.approx(rarity(model, attack)[0], rel=0.2)
    assert poisoned > 4.0


def test_each_row_is_judged_by_itself(model: ModelArtefact) -> None:
    values = rows(300, 4)
    one_by_one = np.concatenate([evidence(model, values[place : place + 1]) for place in range(300)])
    np.testing.assert_array_equal(evidence(model, values), one_by_one)
