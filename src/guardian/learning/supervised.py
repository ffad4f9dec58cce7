"""Learning fraud from labels: gradient-boosted trees (LightGBM; Ke et al. 2017) on the same features."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from guardian.domain.errors import Misconfigured

LEAST_FRAUDS = 50
"""Fewer known frauds would be learnt by heart."""
MOST_LEGITIMATE = 60_000
ROUNDS = 300
_PARAMETERS = {
    "objective": "binary",
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 50,
    "min_sum_hessian_in_leaf": 1.0,
    "lambda_l2": 5.0,
    "feature_fraction": 0.6,
    "max_bin": 127,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "seed": 0,
    "verbose": -1,
}


class FraudModel:
    """Chances of fraud by a fitted ensemble."""

    def __init__(self, booster: Any) -> None:
        self._booster = booster

    def score(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """(n, F) -> (n,) the chance of fraud, 0 to 1."""
        return np.asarray(self._booster.predict(features, num_threads=1), np.float64)


def learn(features: NDArray[np.float32], fraud: NDArray[np.bool_]) -> FraudModel | None:
    """A model of labelled rows, or None while too few frauds are known; the same rows, the same model.

    Raises Misconfigured where the system has no OpenMP, which LightGBM is linked against.
    """
    if int(fraud.sum()) < LEAST_FRAUDS or fraud.all():
        return None
    try:
        import lightgbm
    except OSError as error:
        raise Misconfigured("LightGBM needs libgomp.so.1: on Debian, apt-get install libgomp1.") from error

    legitimate = np.flatnonzero(~fraud)
    stride = -(-len(legitimate) // MOST_LEGITIMATE)
    rows = np.sort(np.concatenate([np.flatnonzero(fraud), legitimate[::stride]]))
    weight = np.where(fraud[rows], 1.0, float(stride))
    data = lightgbm.Dataset(features[rows], fraud[rows].astype(np.float64), weight=weight)
    return FraudModel(lightgbm.train(_PARAMETERS, data, ROUNDS))
