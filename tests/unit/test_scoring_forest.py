"""The compiled forest against scikit-learn, and its calibration."""

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest

from guardian.domain.errors import Refused
from guardian.features.definition import FEATURE_COUNT
from guardian.learning.flatten import average_path_length, forest_heaps, rounded_down
from guardian.learning.train import SAMPLES, TREES, calibration, train
from guardian.models.artefact import ModelArtefact
from guardian.scoring.forest import LARGEST_DECADES, decades, leaf_sums, raw_scores
from guardian.scoring.rarity import evidence
from guardian.scoring.reasons import reasons_of


def rows(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(count, FEATURE_COUNT)).astype(np.float32)
    values[:, 0] = rng.lognormal(3, 1, count)
    values[:, 1] = rng.poisson(3, count)
    values[:, 2] = rng.random(count) < 0.1
    return values


@pytest.fixture(scope="module")
def model() -> ModelArtefact:
    return train(rows(4_000), now_ms=5, seed=1)


@pytest.mark.parametrize(("samples", "seed"), [(256, 0), (256, 7), (100, 1), (2, 2)])
def test_scores_equal_those_of_scikit_learn(samples: int, seed: int) -> None:
    forest = IsolationForest(n_estimators=30, max_samples=samples, random_state=seed).fit(rows(3_000, seed))
    heaps = forest_heaps(forest)
    values = rows(2_000, seed + 100)
    values[:500] = rows(3_000, seed)[:500]  # values that thresholds were drawn between
    scale = 1.0 / (30 * float(average_path_length(np.array([samples]))[0]))
    ours = np.exp2(-leaf_sums(heaps, values) * scale)
    np.testing.assert_allclose(ours, -forest.score_samples(values), rtol=0, atol=1e-12)


def test_a_trained_model_scores_like_the_forest_it_came_from(model: ModelArtefact) -> None:
    forest = IsolationForest(n_estimators=TREES, max_samples=SAMPLES, random_state=1).fit(rows(4_000))
    values = rows(1_000, 3)
    np.testing.assert_allclose(raw_scores(model, values), -forest.score_samples(values), rtol=0, atol=1e-12)


def test_rounding_down_keeps_every_comparison() -> None:
    for threshold in np.random.default_rng(0).normal(size=500):
        near = rounded_down(float(threshold))
        above = np.nextafter(near, np.float32(np.inf))
        assert float(near) <= threshold < float(above)


def test_rarity_rises_with_the_score_and_goes_on_beyond_what_was_seen(model: ModelArtefact) -> None:
    raw = np.linspace(0.2, 1.0, 2_000)
    rarity = decades(model, raw)
    assert (np.diff(rarity) >= 0).all()
    assert rarity[0] == 0
    assert rarity.max() <= LARGEST_DECADES
    assert decades(model, model.tail_scores[-1:] + 0.05)[0] > model.tail_decades[-1]


def test_calibrated_rarity_means_what_it_says_on_traffic_of_the_same_kind(model: ModelArtefact) -> None:
    rarity = decades(model, raw_scores(model, rows(20_000, 9)))
    assert (rarity >= 1).mean() == pytest.approx(0.1, rel=0.2)
    assert (rarity >= 2).mean() == pytest.approx(0.01, rel=0.5)


def test_rows_all_alike_can_still_be_calibrated() -> None:
    scores, tail = calibration(np.full(5_000, 0.4))
    assert (np.diff(scores) > 0).all()
    assert tail.tolist() == [0.0, 1.0]
    assert train(np.ones((2_000, FEATURE_COUNT), np.float32), 0, 0).rows == 2_000


def test_training_repeats_exactly_with_the_same_seed(model: ModelArtefact) -> None:
    again = train(rows(4_000), now_ms=5, seed=1)
    np.testing.assert_array_equal(again.forest.leaves, model.forest.leaves)
    np.testing.assert_array_equal(again.tail_scores, model.tail_scores)


def test_training_refuses_what_it_cannot_learn_from() -> None:
    with pytest.raises(Refused, match="at least"):
        train(rows(1_999), 0, 0)
    with pytest.raises(Refused, match="not of the features"):
        train(rows(2_000)[:, :5], 0, 0)
    broken = rows(2_000)
    broken[0, 0] = np.nan
    with pytest.raises(Refused, match="finite"):
        train(broken, 0, 0)


def test_the_odd_feature_is_the_heaviest_reason(model: ModelArtefact) -> None:
    row = model.median.copy()
    row[7] = 9.0
    [reasons] = reasons_of(model, row[None, :])
    assert reasons[0].feature == model.features[7]
    assert reasons[0].value == 9.0
    assert reasons[0].low < reasons[0].high < 9.0
    assert len(reasons) <= 5
    assert sum(reason.weight for reason in reasons) <= 1 + 1e-9


def test_the_usual_row_and_rows_of_other_features_have_no_reasons(model: ModelArtefact) -> None:
    assert reasons_of(model, model.median[None, :]) == [()]
    assert reasons_of(model, np.zeros((2, 3), np.float32)) == [(), ()]
    assert reasons_of(model, np.array([], np.float32)) == []


def test_each_of_many_rows_has_the_reasons_that_replacing_its_features_one_by_one_gives(
    model: ModelArtefact,
) -> None:
    values = rows(300, 11)
    values[::3, 5:] = model.median[5:]  # much as usual, as in real traffic
    for row, reasons in zip(values, reasons_of(model, values), strict=True):
        variants = np.repeat(row[None, :], FEATURE_COUNT, axis=0)
        np.fill_diagonal(variants, model.median)
        falls = np.maximum(evidence(model, row[None, :]) - evidence(model, variants), 0.0)
        weights = falls / max(falls.sum(), 1e-12)
        heaviest = [place for place in np.argsort(-weights, kind="stable")[:5] if weights[place] >= 0.01]
        assert [reason.feature for reason in reasons] == [model.features[place] for place in heaviest]
        assert [reason.value for reason in reasons] == row[heaviest].tolist()
        np.testing.assert_allclose([reason.weight for reason in reasons], weights[heaviest])
