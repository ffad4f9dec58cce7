"""Tails of single features, summed by what they speak about, in the manner of ECOD (Li et al. 2022).

A feature's depth is how far it lies above its median, in steps from there to its 95 % quantile (or
below, to the 5 %): each step is about one decade of an exponential tail. Quantiles of the bulk do not
move when one row in a hundred of the past was an attack, which is what empirical tails get wrong.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from guardian.features.definition import FEATURE_COUNT, INDEX, NAMES
from guardian.models.artefact import HOURS, ModelArtefact

DEEPEST = 8.0
"""One feature alone, however far, weighs no more than eight decades."""
_PLACE = {
    "merchant_burst_1h": 1.0,
    "merchant_failure_rate_1h": 1.0,
    "merchant_new_cards_10m": 2.0,
    "bin_failure_rate_1h": 1.0,
    "bin_new_cards_10m": 1.0,
}
_CARD = {
    "card_new_merchants_1h": 1.5,
    "card_failure_rate_24h": 1.0,
    "card_amount_ratio": 0.5,
    "merchant_amount_z": 1.0,
    "card_new_merchant": 3.0,
    "merchant_volume_24h": -2.0,
    "card_merchant_volume": -2.0,
}
_REFUNDS = {"card_reversals_24h": 1.0, "merchant_reversal_rate_24h": 1.5}
"""Of an attack on a place, a card, and on its refunds; below 0 it is the low values that are odd."""
_COUNTS = ("card_new_merchants_1h", "card_new_merchant", "card_reversals_24h")
_LEAST_STEP, _ONE_EVENT = 0.05, 1.0
_HOUR_WEIGHT = 2.0
_CARD_GROUP = 1


def _weights() -> NDArray[np.float64]:
    """(3, F)."""
    weights = np.zeros((3, FEATURE_COUNT))
    for group, own in enumerate((_PLACE, _CARD, _REFUNDS)):
        for name, weight in own.items():
            weights[group, INDEX[name]] = weight
    return weights


_WEIGHTS = _weights()
_LOW = (_WEIGHTS < 0.0).any(axis=0)
_STEPS = np.array([_ONE_EVENT if name in _COUNTS else _LEAST_STEP for name in NAMES], np.float32)
_SIN, _COS = INDEX["hour_sin"], INDEX["hour_cos"]


def tails(model: ModelArtefact, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n, F) -> (n,) decades of the group that is farthest out; each value hangs on its row alone."""
    reach = np.where(_LOW, model.low - model.median, model.high - model.median)
    steps = np.where(_LOW, np.minimum(reach, -_STEPS), np.maximum(reach, _STEPS))
    return _deepest(rows, model.median, steps, np.abs(_WEIGHTS), model.hours[hours_of(rows)] * _HOUR_WEIGHT)


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
