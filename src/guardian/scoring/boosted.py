"""The chance of fraud by boosted trees (LightGBM; Ke et al. 2017), learnt from labels."""

import numpy as np
from numpy.typing import NDArray

from guardian.models.artefact import Heaps
from guardian.scoring.forest import leaf_sums


def log_odds(boosted: Heaps, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n, F) -> (n,) natural log of chance ÷ (1 - chance); each value hangs on its row alone."""
    return leaf_sums(boosted, rows)


def chance(boosted: Heaps, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n, F) -> (n,) the chance of fraud, 0 to 1."""
    return np.asarray(1.0 / (1.0 + np.exp(-log_odds(boosted, rows))))
