"""Learning fraud from labels: gradient-boosted trees (LightGBM; Ke et al. 2017) on the same features."""

import numpy as np

from guardian.domain.errors import Misconfigured
from guardian.learning.flatten import boosted_heaps
from guardian.learning.lessons import LEAST_FRAUDS, Lessons
from guardian.models.artefact import Heaps

MOST_LEGITIMATE = 60_000
ROUNDS, DEPTH = 200, 4
"""As cheap to walk as the forest; deeper or more trees rank no better."""
_PARAMETERS = {
    "objective": "binary",
    "learning_rate": 0.07,
    "max_depth": DEPTH,
    "num_leaves": 1 << DEPTH,
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


def learn(lessons: Lessons) -> Heaps | None:
    """Trees of labelled rows, or None while too few frauds are known; the same rows, the same trees.

    Raises Misconfigured where the system has no OpenMP, which LightGBM is linked against.
    """
    fraud = lessons.fraud
    if int(fraud.sum()) < LEAST_FRAUDS or fraud.all():
        return None
    try:
        import lightgbm
    except OSError as error:
        raise Misconfigured("LightGBM needs libgomp.so.1: on Debian, apt-get install libgomp1.") from error

    legitimate = np.flatnonzero(~fraud)
    stride = -(-len(legitimate) // MOST_LEGITIMATE)
    rows = np.sort(np.concatenate([np.flatnonzero(fraud), legitimate[::stride]]))
    weight = lessons.weight[rows] * np.where(fraud[rows], 1.0, float(stride))
    data = lightgbm.Dataset(lessons.features[rows], fraud[rows].astype(np.float64), weight=weight)
    return boosted_heaps(lightgbm.train(_PARAMETERS, data, ROUNDS).dump_model(), DEPTH)
