"""Why rows are rare: what the detectors would say if one feature were as usual."""

import numpy as np
from numpy.typing import NDArray

from guardian.domain.verdict import Reason
from guardian.models.artefact import ModelArtefact
from guardian.scoring.boosted import log_odds
from guardian.scoring.rarity import evidence

SHOWN = 5
_LEAST_WEIGHT = 0.01


def reasons_of(model: ModelArtefact, features: NDArray[np.float32]) -> list[tuple[Reason, ...]]:
    """For each of the rows (n, F) the five features that add most to its rarity, heaviest first.

    Ablation: each feature in turn is replaced by its median; its weight is its share of the summed
    falls of the evidence. Features whose replacement changes nothing are left out.
    """
    if features.shape[1:] != model.median.shape:
        return [()] * len(features)
    falls = _falls(model, features)
    whole = falls.sum(axis=1, keepdims=True)
    weights = falls / np.where(whole > 0.0, whole, 1.0)
    heaviest = np.argsort(-weights, axis=1, kind="stable")[:, :SHOWN]
    shown = (heaviest, *(np.take_along_axis(of, heaviest, 1) for of in (features, weights)))
    low, high = model.low.tolist(), model.high.tolist()
    return [
        tuple(
            Reason(model.features[place], value, low[place], high[place], weight)
            for place, value, weight in zip(*row, strict=True)
            if weight >= _LEAST_WEIGHT
        )
        for row in zip(*(one.tolist() for one in shown), strict=True)
    ]


def _oddness(model: ModelArtefact, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Decades: of what is learnt from frauds once there is that, else of rarity."""
    if model.boosted is None:
        return evidence(model, rows)
    return np.asarray(log_odds(model.boosted, rows) / np.log(10.0))


def _falls(model: ModelArtefact, features: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n, F): how far the oddness of each row falls with each feature as usual; one pass for all."""
    falls = np.zeros(features.shape)
    rows, columns = np.nonzero(features != model.median)
    variants = features[rows]
    variants[np.arange(len(rows)), columns] = model.median[columns]
    falls[rows, columns] = _oddness(model, features)[rows] - _oddness(model, variants)
    return np.maximum(falls, 0.0)
