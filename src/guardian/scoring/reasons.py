"""Why rows are rare: what the detectors would say if one feature were as usual."""

import numpy as np
from numpy.typing import NDArray

from guardian.domain.verdict import Reason
from guardian.models.artefact import ModelArtefact
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


def _falls(model: ModelArtefact, features: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n, F): how far the raw score of each row falls with each feature as usual; one pass for all."""
    falls = np.zeros(features.shape)
    rows, columns = np.nonzero(features != model.median)
    variants = features[rows]
    variants[np.arange(len(rows)), columns] = model.median[columns]
    falls[rows, columns] = evidence(model, features)[rows] - evidence(model, variants)
    return np.maximum(falls, 0.0)
