"""The level of the total: two states in logs, predicted, tested against windows, updated."""

import math

from numba import njit

from guardian.watching.origins import CURVE_ORIGIN, TREND_ORIGIN
from guardian.watching.parameters import (
    ALPHA_TOTAL,
    CLIP,
    DAMPING,
    DAY,
    FIRST_DAY,
    LEVEL_TESTS,
    LONGEST_FIRST_DAY_WINDOW,
    PHI_FAST,
    Q_GROWTH,
    Q_LEVEL,
    Q_RAMP,
    QUIET_HOURS,
    QUIET_SCORE,
    RESTLESS_TEST,
    RING,
    SIGMA_DAY,
    SIGMA_FAST,
    SIGMA_INTRADAY,
    SLOTS,
    TEST_COUNT,
    TESTS,
    UNUSUAL_DAY,
    UNUSUAL_FAST,
    UNUSUAL_INTRADAY,
    WARMUP,
    WINDOWS,
)
from guardian.watching.profile import day_curve, refresh_curve
from guardian.watching.scores import bounded, inflated, learn_restless, note_score, rechecked, restless
from guardian.watching.state import (
    CLEAN,
    COUNTED,
    CURVE,
    CURVE_SINCE,
    DAY_FACTOR,
    FAST,
    FROZEN,
    HAS_CURVE,
    LEVEL,
    MEAN,
    MINUTE_OF_DAY,
    NOW,
    P_CROSS,
    P_FAST,
    P_SLOW,
    Q_FAST,
    Q_SLOW,
    RAW,
    RESET,
    SLOW,
    TOTAL,
    UNUSUAL,
    State,
)
from guardian.watching.tail import tail


@njit(cache=True, nogil=True)
def adopt_curve(S: State) -> None:
    """A day is known: split the trend's level over slow and fast state in proportion to their variances."""
    refresh_curve(S)
    expected, _, _ = day_curve(S, S.clock[MINUTE_OF_DAY])
    lv = S.level
    u = lv[SLOW] + lv[FAST] - math.log(expected)
    of_trend = lv[P_SLOW] + 2 * lv[P_CROSS] + lv[P_FAST] + Q_LEVEL
    slow, fast = SIGMA_DAY**2, SIGMA_FAST**2 * 3
    whole = slow + fast + of_trend
    lv[SLOW], lv[FAST] = u * slow / whole, u * fast / whole
    lv[P_SLOW] = slow - slow * slow / whole
    lv[P_CROSS] = -slow * fast / whole
    lv[P_FAST] = fast - fast * fast / whole
    S.clock[HAS_CURVE], S.clock[CURVE_SINCE] = 1, S.clock[NOW]


@njit(cache=True, nogil=True)
def predict_on_curve(S: State) -> None:
    """log E[T] = log curve + slow + fast; the slow state moves by 8 % in the quiet hours."""
    at, lv = S.clock[MINUTE_OF_DAY], S.level
    expected, days, variance = day_curve(S, at)
    usual = S.minute[UNUSUAL] == 0
    fast = SIGMA_FAST if usual else UNUSUAL_FAST
    stationary = fast**2 * restless(S, SLOTS) * (1 + 1 / max(days, 0.25)) + variance
    lv[Q_FAST] = stationary * (1 - PHI_FAST**2)
    lv[Q_SLOW] = (SIGMA_INTRADAY if usual else UNUSUAL_INTRADAY) ** 2 / DAY
    if S.quiet_hours[at // 60] == 1:
        lv[Q_SLOW] += (SIGMA_DAY if usual else UNUSUAL_DAY) ** 2 / (60 * QUIET_HOURS)
    drift_on_curve(S)
    S.minute[CURVE] = expected
    S.minute[MEAN] = expected * math.exp(bounded(lv[SLOW] + lv[FAST]))


@njit(cache=True, nogil=True)
def drift_on_curve(S: State) -> None:
    """One minute of the two states: a random walk and an AR(1)."""
    lv = S.level
    lv[SLOW], lv[FAST] = bounded(lv[SLOW]), bounded(lv[FAST] * PHI_FAST)
    lv[P_SLOW] += lv[Q_SLOW]
    lv[P_CROSS] *= PHI_FAST
    lv[P_FAST] = lv[P_FAST] * PHI_FAST**2 + lv[Q_FAST]


@njit(cache=True, nogil=True)
def drift_on_trend(S: State) -> None:
    """One minute of the damped local linear trend."""
    lv = S.level
    lv[SLOW] = bounded(lv[SLOW] + lv[FAST])
    lv[FAST] *= DAMPING
    level, cross, growth = lv[P_SLOW], lv[P_CROSS], lv[P_FAST]
    lv[P_SLOW] = level + 2 * cross + growth + Q_LEVEL
    lv[P_CROSS] = DAMPING * (cross + growth)
    lv[P_FAST] = DAMPING * DAMPING * growth + lv[Q_SLOW]


@njit(cache=True, nogil=True)
def predict_on_trend(S: State) -> None:
    """First day, no curve: a trend that is restless where counts are small, as ramps happen there."""
    lv = S.level
    if S.clock[NOW] == 0:
        first = S.minute[TOTAL] + 0.5
        lv[SLOW], lv[FAST] = math.log(first), 0.0
        lv[P_SLOW], lv[P_CROSS], lv[P_FAST] = 1 / first + 0.05, 0.0, 1e-4
    lv[Q_FAST] = 0.0
    lv[Q_SLOW] = Q_GROWTH + Q_RAMP / (1 + math.exp(bounded(lv[SLOW] + lv[FAST])) / 5) ** 2
    drift_on_trend(S)
    S.minute[CURVE] = 1.0
    S.minute[MEAN] = math.exp(lv[SLOW])


@njit(cache=True, nogil=True)
def predict_level(S: State) -> None:
    """Roll the level to this minute and add it to the running sums."""
    n = S.clock[NOW]
    if S.clock[HAS_CURVE] == 0 and n >= FIRST_DAY:
        adopt_curve(S)
    if S.clock[HAS_CURVE] == 1:
        predict_on_curve(S)
    else:
        predict_on_trend(S)
    here, before = n % RING, (n - 1) % RING
    S.sums[here, 0] = S.sums[before, 0] + S.minute[TOTAL]
    S.sums[here, 1] = S.sums[before, 1] + S.minute[CURVE]


@njit(cache=True, nogil=True)
def window_of_level(S: State, test: int) -> tuple[float, float]:
    """Predicted total of a window and its relative variance, from the state frozen at its origin.

    M = sum p(m) exp(s + a f); v = Pss + 2a Psf + a² Pff + n1 qf + n2 qs.
    """
    n, lv = S.clock[NOW], S.level
    then = (n - TESTS[test, 1]) % RING
    o = S.origin[then]
    exposure = S.sums[n % RING, 1] - S.sums[then, 1]
    if S.clock[HAS_CURVE] == 1:
        a, b = 1.0, CURVE_ORIGIN[test, 0]
        noise = CURVE_ORIGIN[test, 1] * lv[Q_FAST] + CURVE_ORIGIN[test, 2] * lv[Q_SLOW]
    else:
        a, b = TREND_ORIGIN[test, 0], TREND_ORIGIN[test, 1]
        noise = TREND_ORIGIN[test, 2] * Q_LEVEL + TREND_ORIGIN[test, 3] * lv[Q_SLOW]
    mean = a * o[SLOW] + b * o[FAST]
    variance = a * a * o[P_SLOW] + 2 * a * b * o[P_CROSS] + b * b * o[P_FAST] + noise
    return exposure * math.exp(bounded(mean)), variance


@njit(cache=True, nogil=True)
def score_level(S: State) -> None:
    """Score every window of the total, downward and upward; keep its prediction for the shares."""
    n, has_curve = S.clock[NOW], S.clock[HAS_CURVE] == 1
    squared, wander, rest = 0.0, 0.0, 0.0
    S.window[:] = 0.0
    for i in range(LEVEL_TESTS):
        w, lag = TESTS[i, 0], TESTS[i, 1]
        if n < w or n - lag < S.clock[CURVE_SINCE] or n < WARMUP:
            continue
        M, v = window_of_level(S, i)
        X = S.sums[n % RING, 0] - S.sums[(n - lag) % RING, 0]
        calm = S.minute[FROZEN] + S.minute[UNUSUAL] == 0 and n - w >= max(S.key[0, RESET], S.key[1, RESET])
        if has_curve and calm and i == RESTLESS_TEST:
            wander = CURVE_ORIGIN[i, 1] * S.level[Q_FAST]
            squared = (X / max(M, 1e-6) - 1) ** 2
            rest = v + ALPHA_TOTAL / w - wander + 1 / max(M, 1e-6)
        v, e2 = inflated(X, max(M, 1e-6), v + ALPHA_TOTAL / w, S.self_check[SLOTS, i])
        S.window[0, i], S.window[1, i] = M, 1 / v
        if S.minute[FROZEN] == 0 and n > DAY:
            S.self_check[SLOTS, i] = rechecked(S.self_check[SLOTS, i], e2, n)
        for up in range(2):
            if n - w < S.key[up, RESET] or (not has_curve and w > LONGEST_FIRST_DAY_WINDOW):
                continue
            note_score(S, up, i, (tail(X, M, v, up == 1), X, M, v))
    if wander > 0 and max(S.score[0, RAW], S.score[1, RAW]) < QUIET_SCORE:
        learn_restless(S, SLOTS, squared, wander, rest)
    for i in range(LEVEL_TESTS, TEST_COUNT):
        for j in range(LEVEL_TESTS):
            if WINDOWS[j] == TESTS[i, 0] or (WINDOWS[j] > TESTS[i, 0] and S.window[0, i] == 0):
                S.window[0, i] = S.window[0, j] * TESTS[i, 0] / WINDOWS[j]
                S.window[1, i] = S.window[1, j]


@njit(cache=True, nogil=True)
def keep_origin(S: State, place: int) -> None:
    """Remember the level's state as an origin of later tests."""
    for j in range(5):
        S.origin[place, j] = S.level[j]


@njit(cache=True, nogil=True)
def update_level(S: State) -> None:
    """Extended Kalman step with the residual clipped at 2.5 sd; nothing is learnt in an alarm."""
    lv, here = S.level, S.clock[NOW] % RING
    has_curve, frozen = S.clock[HAS_CURVE] == 1, S.minute[FROZEN] > 0
    S.minute[LEVEL] = S.minute[MEAN]
    if not frozen:
        mu = S.minute[MEAN]
        cross, fast = (lv[P_CROSS], lv[P_FAST]) if has_curve else (0.0, 0.0)
        Q = lv[P_SLOW] + 2 * cross + fast + 1 / mu + ALPHA_TOTAL
        limit = CLIP * math.sqrt(Q)
        residual = max(-limit, min(limit, (S.minute[TOTAL] - mu) / mu))
        gain_slow = (lv[P_SLOW] + cross) / Q
        gain_fast = (lv[P_CROSS] + fast) / Q
        lv[SLOW] += gain_slow * residual
        lv[FAST] += gain_fast * residual
        lv[P_SLOW] -= gain_slow * gain_slow * Q
        lv[P_CROSS] -= gain_slow * gain_fast * Q
        lv[P_FAST] -= gain_fast * gain_fast * Q
        S.minute[LEVEL] = S.minute[CURVE] * math.exp(bounded(lv[SLOW] + (lv[FAST] if has_curve else 0.0)))
    keep_origin(S, here)
    S.memory[here, COUNTED] = S.minute[TOTAL]
    S.memory[here, CLEAN] = 0.0 if frozen else 1.0
    S.memory[here, DAY_FACTOR] = math.exp(bounded(lv[SLOW])) if has_curve else 1.0
