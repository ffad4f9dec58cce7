"""How rare a row is by all detectors together: the forest for combinations, the tails for extremes."""

import numpy as np
from numpy.typing import NDArray

from guardian.models.artefact import ModelArtefact
from guardian.scoring.forest import LARGEST_DECADES, decades, raw_scores
from guardian.scoring.tails import tails

BULK = (0.5, 0.95)
"""Quantiles of the training rows between which the sum is calibrated: attacks in the past are beyond."""
_AT_MEDIAN = float(-np.log10(1.0 - BULK[0]))
_DECADES = float(np.log10((1.0 - BULK[0]) / (1.0 - BULK[1])))


def evidence(model: ModelArtefact, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Decades of forest and tails, added up (n,)."""
    return tails(model, rows) + decades(model, raw_scores(model, rows))


def rarity(model: ModelArtefact, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """-log10 of the share of usual traffic at least so odd, straight on through the bulk's quantiles."""
    middle, high = model.bulk
    beyond = (evidence(model, rows) - middle) / max(high - middle, 1e-9)
    return np.asarray(np.clip(_AT_MEDIAN + beyond * _DECADES, 0.0, LARGEST_DECADES))
