"""Learning what is usual: the forest and its calibration from rows of features."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from guardian.domain.errors import Refused
from guardian.features.definition import NAMES
from guardian.learning.flatten import average_path_length, forest_heaps
from guardian.models.artefact import ModelArtefact
from guardian.scoring.forest import raw_scores
from guardian.scoring.rarity import BULK, evidence
from guardian.scoring.tails import quiet_hours

LEAST_ROWS = 2_000
TREES = 100
SAMPLES = 256


def train(features: NDArray[np.float32], now_ms: int, seed: int) -> ModelArtefact:
    """An isolation forest of 100 trees on 256 rows each (the paper's sizes) over (n, 26) features.

    Raises Refused below 2 000 rows, for another number of features and for values not finite.
    """
    if len(features) < LEAST_ROWS:
        raise Refused(f"A model needs at least {LEAST_ROWS} transactions.")
    if features.ndim != 2 or features.shape[1] != len(NAMES):
        raise Refused("These rows are not of the features in use.")
    if not np.isfinite(features).all():
        raise Refused("The features hold values that are not finite.")
    unscored = _fitted(features, now_ms, seed)
    scores, tail = calibration(raw_scores(unscored, features))
    forest = msgspec.structs.replace(unscored, tail_scores=scores, tail_decades=tail)
    return msgspec.structs.replace(forest, bulk=np.quantile(evidence(forest, features), BULK))


def calibration(raw: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Raw scores at steps of 0.05 decades of tail probability, as far as ten rows are left beyond.

    Ties are merged, so that the scores rise strictly.
    """
    deepest = np.log10(len(raw) / 10.0)
    tail = np.arange(0.0, deepest, 0.05)
    scores = np.quantile(raw, 1.0 - 10.0**-tail)
    keep = np.concatenate([[True], np.diff(scores) > 0.0])
    scores, tail = scores[keep], tail[keep]
    if len(scores) < 2:  # every row alike: anything rarer than them is one decade away
        return np.array([raw[0], raw[0] + 0.1]), np.array([0.0, 1.0])
    return scores, tail


def _fitted(features: NDArray[np.float32], now_ms: int, seed: int) -> ModelArtefact:
    from sklearn.ensemble import IsolationForest

    forest = IsolationForest(n_estimators=TREES, max_samples=SAMPLES, n_jobs=1, random_state=seed)
    forest.fit(features)
    low, median, high = np.quantile(features, (0.05, 0.5, 0.95), axis=0).astype(np.float32)
    return ModelArtefact(
        features=NAMES,
        created_ms=now_ms,
        rows=len(features),
        scale=1.0 / (TREES * float(average_path_length(np.array([SAMPLES]))[0])),
        forest=forest_heaps(forest),
        tail_scores=np.array([0.0, 1.0]),
        tail_decades=np.array([0.0, 1.0]),
        low=low,
        median=median,
        high=high,
        hours=quiet_hours(features),
        bulk=np.array([0.0, 1.0]),
    )
