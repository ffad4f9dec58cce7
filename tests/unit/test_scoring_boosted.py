"""Boosted trees as heaps say what LightGBM says, and what they say decides."""

import lightgbm
import numpy as np
import pytest
from msgspec.structs import replace

from guardian.domain.verdict import Method
from guardian.features.definition import FEATURE_COUNT, INDEX
from guardian.learning.flatten import boosted_heaps
from guardian.learning.train import train
from guardian.models.artefact import Heaps
from guardian.scoring.boosted import chance, log_odds
from guardian.scoring.combine import LIKELY, SURE, Evidence, combine
from guardian.scoring.reasons import reasons_of

METHODS = tuple(Method)


def fitted(depth: int, seed: int = 0) -> tuple[lightgbm.Booster, np.ndarray]:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(4_000, FEATURE_COUNT)).astype(np.float32)
    fraud = features[:, 3] + features[:, 7] ** 2 > 2.5
    options = {"objective": "binary", "max_depth": depth, "verbose": -1, "num_threads": 1, "seed": seed}
    return lightgbm.train(options, lightgbm.Dataset(features, fraud.astype(float)), 30), features


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_the_heaps_say_exactly_what_the_model_says(depth: int) -> None:
    booster, features = fitted(depth)
    heaps = boosted_heaps(booster.dump_model(), depth)
    np.testing.assert_allclose(
        log_odds(heaps, features), booster.predict(features, raw_score=True), atol=1e-12
    )
    np.testing.assert_allclose(chance(heaps, features), booster.predict(features), atol=1e-12)


def test_a_row_says_the_same_alone_and_among_others() -> None:
    booster, features = fitted(4)
    heaps = boosted_heaps(booster.dump_model(), 4)
    alone = np.concatenate([chance(heaps, features[row : row + 1]) for row in range(200)])
    np.testing.assert_array_equal(alone, chance(heaps, features[:200]))


def test_a_model_that_learnt_nothing_says_the_same_of_all() -> None:
    nothing = {"tree_info": [{"tree_structure": {"leaf_value": -1.5}}]}
    said = log_odds(boosted_heaps(nothing, 3), np.zeros((5, 2), np.float32))
    assert said.tolist() == [-1.5] * 5


def evidence(chances: list[float], warned: bool = False) -> Evidence:
    rows = len(chances)
    return Evidence(
        decades=np.full(rows, 3.5),
        z=np.zeros(rows, np.float32),
        warned=np.full(rows, warned),
        critical=np.zeros(rows, bool),
        chance=np.array(chances),
    )


def test_the_chance_is_the_score_and_raises_the_level_but_never_lowers_it() -> None:
    combined = combine(evidence([0.01, LIKELY, SURE]))
    assert combined.score.tolist() == pytest.approx([0.01, LIKELY, SURE])
    assert combined.level.tolist() == [1, 1, 2]
    assert [METHODS[method] for method in combined.method] == [Method.ML, Method.ML, Method.FRAUD]


def test_reasons_are_those_of_the_chance_once_there_is_one() -> None:
    rng = np.random.default_rng(1)
    usual = train(rng.exponential(size=(3_000, FEATURE_COUNT)).astype(np.float32), now_ms=0, seed=0)
    place = INDEX["card_spend_24h"]
    asks = Heaps(
        np.full((1, 1), usual.median[place] + 1, np.float32),
        np.full((1, 1), place, np.uint8),
        np.array([[-3.0, 3.0]]),
    )
    row = usual.median[None, :].copy()
    row[0, place] += 5
    (why,) = reasons_of(replace(usual, boosted=asks), row)
    assert [(one.feature, one.weight) for one in why] == [("card_spend_24h", 1.0)]
