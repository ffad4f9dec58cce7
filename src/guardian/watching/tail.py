"""Tails and quantiles of the negative binomial with mean M and variance M + v M²."""

import math
from typing import Final

import numpy as np
from numba import njit

LN10: Final = 2.302585093
EXACT_UP_TO: Final = 400
NOT_RARE_Z: Final = 1.7
Z_995: Final = 2.5758293035489004
LOW_P: Final = 0.005
HIGH_P: Final = 0.995
QUANTILE_EXACT_UP_TO: Final = 200.0
QUANTILE_STEPS: Final = 5_000


@njit(cache=True, nogil=True)
def exact_tail(x: float, M: float, r: float, up: bool) -> float:
    """-log10 of the tail at x by its series, shape r; terms fall geometrically away from the mean."""
    q = M / (M + r)
    log_pmf = math.lgamma(x + r) - math.lgamma(r) - math.lgamma(x + 1.0) - r * math.log1p(M / r)
    log_pmf += x * math.log(q)
    total, term, k = 1.0, 1.0, x
    for _ in range(400):
        if up:
            term *= (k + r) / (k + 1.0) * q
            k += 1
        else:
            if k < 1:
                break
            term *= k / ((k - 1.0 + r) * q)
            k -= 1
        total += term
        if term < 1e-3 * total:
            break
    return max(0.0, -(log_pmf + math.log(total)) / LN10)


@njit(cache=True, nogil=True)
def deviance_tail(x: float, M: float, r: float, up: bool) -> float:
    """-log10 of the tail at a large x by the signed root of the deviance, continuity-corrected."""
    y = x - 0.5 if up else x + 0.5
    a = 1.0 / r
    deviance = 2 * (y * math.log(y / M) - (y + r) * math.log((1 + a * y) / (1 + a * M)))
    z = math.sqrt(max(deviance, 0.0))
    if z < 25:
        return -math.log10(0.5 * math.erfc(z / 1.41421356))
    return (z * z / 2 + math.log(z * 2.5066)) / LN10


@njit(cache=True, nogil=True)
def tail(x: float, M: float, v: float, up: bool) -> float:
    """-log10 P(X >= x) (up) or P(X <= x); 0 where x is nothing special (less than 1.7 sd off)."""
    z = (x - M) / math.sqrt(M + v * M * M)
    if not up:
        z = -z
    if z < NOT_RARE_Z:
        return 0.0
    r = 1.0 / max(v, 1e-7)
    return exact_tail(x, M, r, up) if x <= EXACT_UP_TO else deviance_tail(x, M, r, up)


@njit(cache=True, nogil=True)
def central_range(M: float, v: float) -> tuple[float, float]:
    """The 0.5 % and 99.5 % quantiles: exact for small means, Wilson-Hilferty on the gamma above."""
    if M > QUANTILE_EXACT_UP_TO:
        shape = 1.0 / (1.0 / M + v)
        centre, step = 1.0 - 1.0 / (9.0 * shape), Z_995 / (3.0 * math.sqrt(shape))
        return np.floor(M * max(0.0, centre - step) ** 3), np.ceil(M * (centre + step) ** 3)
    r = 1.0 / max(v, 1e-7)
    q = M / (M + r)
    pmf = math.exp(-r * math.log1p(M / r))
    cdf, low, k = pmf, -1.0, 0.0
    for _ in range(QUANTILE_STEPS):
        if low < 0 and cdf >= LOW_P:
            low = k
        if cdf >= HIGH_P:
            break
        pmf *= (k + r) / (k + 1.0) * q
        cdf += pmf
        k += 1
    return max(low, 0.0), k
