"""Tails of single features, summed by what they speak about, in the manner of ECOD (Li et al. 2022).

A feature's depth is how far it lies above its median, in steps from there to its 95 % quantile: each
step is about one decade of an exponential tail. Quantiles of the bulk do not move when one row in a
hundred of the past was an attack, which is what empirical tails of the past get wrong.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from guardian.features.definition import FEATURE_COUNT, INDEX, NAMES
from guardian.models.artefact import HOURS, ModelArtefact

DEEPEST = 8.0
"""One feature alone, however far, weighs no more than eight decades."""
_PLACE = (
    "merchant_burst_1h",
    "merchant_failure_rate_1h",
    "merchant_new_cards_10m",
    "bin_burst_1h",
    "bin_failure_rate_1h",
    "bin_new_cards_10m",
)
_CARD = (
    "card_count_1h",
    "card_new_merchants_1h",
    "card_failures_1h",
    "card_failure_rate_24h",
    "card_amount_ratio",
    "card_amount_z",
    "merchant_amount_z",
)
_COUNTS = (
    "card_count_1h",
    "card_count_24h",
    "card_failures_1h",
    "card_new_merchants_1h",
    "card_reversals_24h",
)
_LEAST_STEP, _ONE_EVENT = 0.05, 1.0
_HOUR_WEIGHT = 2.0
_CARD_GROUP = 1


def _weights() -> NDArray[np.float64]:
    """(3, F): an attack on a place (its merchant and BIN tell the same twice), a card, its refunds."""
    weights = np.zeros((3, FEATURE_COUNT))
    weights[0, [INDEX[name] for name in _PLACE]] = 0.5
    weights[_CARD_GROUP, [INDEX[name] for name in _CARD]] = 1.0
    weights[2, INDEX["card_reversals_24h"]] = 2.0
    return weights


_WEIGHTS = _weights()
_STEPS = np.array([_ONE_EVENT if name in _COUNTS else _LEAST_STEP for name in NAMES], np.float32)
_SIN, _COS = INDEX["hour_sin"], INDEX["hour_cos"]


def tails(model: ModelArtefact, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n, F) -> (n,) decades of the group that is farthest out; each value hangs on its row alone."""
    steps = np.maximum(model.high - model.median, _STEPS)
    return _deepest(rows, model.median, steps, _WEIGHTS, model.hours[hours_of(rows)] * _HOUR_WEIGHT)


def hours_of(rows: NDArray[np.float32]) -> NDArray[np.int64]:
    """The hour of the day (UTC), 0 to 23, of each row."""
    angles = np.arctan2(rows[:, _SIN].astype(np.float64), rows[:, _COS].astype(np.float64))
    # half a minute on: an angle rounded down must not fall into the hour before
    minutes = np.floor(angles * (1_440 / (2.0 * np.pi)) + 0.5).astype(np.int64)
    return minutes % 1_440 // 60


def quiet_hours(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """(24,) decades by which each hour, smoothed over its neighbours, is below the busiest."""
    counts = np.bincount(hours_of(rows), minlength=HOURS) + 1.0
    smooth = np.roll(counts, 1) + counts + np.roll(counts, -1)
    return np.asarray(np.log10(smooth.max() / smooth))


@njit(cache=True, nogil=True)
def _deepest(
    rows: NDArray[np.float32],
    median: NDArray[np.float32],
    steps: NDArray[np.float32],
    weights: NDArray[np.float64],
    by_hour: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The largest weighted sum of depths; the hour speaks about the card."""
    groups = weights.shape[0]
    out = np.zeros(rows.shape[0], np.float64)
    sums = np.zeros(groups, np.float64)
    for row in range(rows.shape[0]):
        sums[:] = 0.0
        sums[_CARD_GROUP] = by_hour[row]
        for column in range(rows.shape[1]):
            depth = (np.float64(rows[row, column]) - median[column]) / steps[column]
            depth = min(max(depth, 0.0), DEEPEST)
            for group in range(groups):
                sums[group] += weights[group, column] * depth
        out[row] = sums.max()
    return out
