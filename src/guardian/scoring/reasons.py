"""Why a row is rare: what the forest would say if one feature were as usual."""

import numpy as np
from numpy.typing import NDArray

from guardian.domain.verdict import Reason
from guardian.models.artefact import ModelArtefact
from guardian.scoring.forest import raw_scores

SHOWN = 5
_LEAST_WEIGHT = 0.01


def reasons_of(model: ModelArtefact, features: NDArray[np.float32]) -> tuple[Reason, ...]:
    """The five features of the row (F,) that add most to its rarity, heaviest first.

    Ablation: each feature in turn is replaced by its median; its weight is its share of the summed
    falls of the raw score. Features whose replacement changes nothing are left out.
    """
    row = np.asarray(features, np.float32)
    if row.shape != model.median.shape:
        return ()
    variants = np.repeat(row[None, :], len(row) + 1, axis=0)
    np.fill_diagonal(variants[1:], model.median)
    raw = raw_scores(model, variants)
    falls = np.maximum(raw[0] - raw[1:], 0.0)
    whole = float(falls.sum())
    if whole <= 0.0:
        return ()
    weights = falls / whole
    heaviest = np.argsort(-weights, kind="stable")[:SHOWN]
    return tuple(
        Reason(
            model.features[place],
            float(row[place]),
            float(model.low[place]),
            float(model.high[place]),
            float(weights[place]),
        )
        for place in heaviest
        if weights[place] >= _LEAST_WEIGHT
    )
