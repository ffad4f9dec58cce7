"""The day curve: what the total usually is at a minute of the day."""

import math

import numpy as np
from numba import njit

from guardian.watching.parameters import CURVE_DELAY, DAY, KEEP_DAY, QUIET_HOURS, RING
from guardian.watching.state import CLEAN, COUNTED, DAY_FACTOR, MINUTE_OF_DAY, NOW, State


@njit(cache=True, nogil=True)
def find_quiet_hours(S: State) -> None:
    """Mark the hours of least traffic: where one business day ends and the next, which differs, begins."""
    rates = np.zeros(24)
    for hour in range(24):
        first, last = DAY + 60 * hour, DAY + 60 * hour + 60
        counts = S.curve_sums[0, last] - S.curve_sums[0, first]
        rates[hour] = counts / max(S.curve_sums[1, last] - S.curve_sums[1, first], 1.0)
    S.quiet_hours[:] = 0
    S.quiet_hours[np.argsort(rates)[:QUIET_HOURS]] = 1


@njit(cache=True, nogil=True)
def refresh_curve(S: State) -> None:
    """Prefix sums of the curve's bins, three days side by side, so that kernels wrap at midnight."""
    counts = factors = 0.0
    for i in range(3 * DAY):
        counts += S.curve[0, i % DAY]
        factors += S.curve[1, i % DAY]
        S.curve_sums[0, i + 1] = counts
        S.curve_sums[1, i + 1] = factors
    find_quiet_hours(S)


@njit(cache=True, nogil=True)
def commit_curve(S: State) -> None:
    """Learn the minute of three hours ago, unless the level was in alarm; half-life 20 days."""
    n = S.clock[NOW]
    if n % 30 == 0:
        refresh_curve(S)
    if n < CURVE_DELAY:
        return
    place = (n - CURVE_DELAY) % RING
    if S.memory[place, CLEAN] > 0:
        at = (S.clock[MINUTE_OF_DAY] - CURVE_DELAY) % DAY
        S.curve[0, at] = KEEP_DAY * S.curve[0, at] + S.memory[place, COUNTED]
        S.curve[1, at] = KEEP_DAY * S.curve[1, at] + S.memory[place, DAY_FACTOR]


@njit(cache=True, nogil=True)
def kernel_shrinkage(S: State, centre: int, half: int) -> float:
    """Factor that undoes the bias of a box kernel on exponential growth g: y / sinh y, y = g h."""
    counts, factors = S.curve_sums[0], S.curve_sums[1]
    left, left_factor = counts[centre] - counts[centre - half], factors[centre] - factors[centre - half]
    right = counts[centre + half + 1] - counts[centre + 1]
    right_factor = factors[centre + half + 1] - factors[centre + 1]
    if left <= 20 or right <= 20 or left_factor <= 0 or right_factor <= 0:
        return 1.0
    growth = math.log(right / right_factor / (left / left_factor)) / (half + 1.0)
    y = min(abs(growth) * (half + 0.5), 4.0)
    return y / math.sinh(y) if y > 1e-3 else 1.0


@njit(cache=True, nogil=True)
def day_curve(S: State, minute_of_day: int) -> tuple[float, float, float]:
    """Expected total from past days, the days behind it and its relative variance.

    Box kernel of half width 8 to 40 minutes, the smallest that holds 1,500 counts (200 from 18 up).
    """
    centre = minute_of_day + DAY
    half = 8
    while True:
        counts = S.curve_sums[0, centre + half + 1] - S.curve_sums[0, centre - half]
        factors = S.curve_sums[1, centre + half + 1] - S.curve_sums[1, centre - half]
        enough = counts >= 1500 or (counts >= 200 and half >= 18)
        if (factors > 0.5 * half and enough) or half >= 40:
            break
        half = int(half * 1.5)
    if factors <= 0 or counts <= 0:
        return max(counts, 0.5) / max(factors, 1.0), 0.2, 0.5
    shrinkage = kernel_shrinkage(S, centre, half)
    bias = 0.7 * (1 - shrinkage)
    days = factors / (2 * half + 1.0)
    return max(counts / factors * shrinkage, 0.02), days, 1 / max(counts, 1.0) + bias * bias
