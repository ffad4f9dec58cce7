"""How a state rolled forward weighs on the mean of a window, and the noise it gathers on the way."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from guardian.watching.parameters import DAMPING, PHI_FAST, PHI_SHARE, TESTS

Array = NDArray[np.float64]


def rolled_forward(transition: Array, seen: Array, window: int, lag: int) -> tuple[Array, Array]:
    """Weights (2,) of the state at the origin, and (2, 2) noise per unit of innovation variance.

    The state moves by x' = F x + e, a minute shows h x; the result is about the mean of the last
    `window` of `lag` minutes: weights = mean of h F^i, noise = sum over j of g_j g_j'.
    """
    powers = [np.eye(2)]
    for _ in range(lag):
        powers.append(transition @ powers[-1])
    rows = np.array([seen @ power for power in powers])
    weights = rows[lag - window + 1 : lag + 1].mean(axis=0)
    noise = np.zeros((2, 2))
    for entered in range(1, lag + 1):
        first = max(entered, lag - window + 1)
        gain = rows[first - entered : lag - entered + 1].sum(axis=0) / window
        noise += np.outer(gain, gain)
    return weights, noise


def _tables() -> tuple[Array, Array, Array]:
    curve, share, trend = [], [], []
    for window, lag in TESTS.tolist():
        weights, noise = rolled_forward(np.diag([1.0, PHI_FAST]), np.ones(2), window, lag)
        curve.append([weights[1], noise[1, 1], noise[0, 0]])
        weights, noise = rolled_forward(np.diag([1.0, PHI_SHARE]), np.ones(2), window, lag)
        share.append([weights[1], noise[1, 1]])
        weights, noise = rolled_forward(
            np.array([[1.0, 1.0], [0.0, DAMPING]]), np.array([1.0, 0.0]), window, lag
        )
        trend.append([weights[0], weights[1], noise[0, 0], noise[1, 1]])
    return np.array(curve), np.array(share), np.array(trend)


_TABLES = _tables()
CURVE_ORIGIN: Final = _TABLES[0]
"""Per test: weight of the fast state, noise of the fast and of the slow state."""
SHARE_ORIGIN: Final = _TABLES[1]
"""Per test: weight of the share's wander, its noise."""
TREND_ORIGIN: Final = _TABLES[2]
"""Per test: weights of level and growth, noise of both."""
