"""The shares: what part of the total each status and code is, learnt per hour, with its wander."""

import math

from numba import njit

from guardian.watching.origins import SHARE_ORIGIN
from guardian.watching.parameters import (
    ALPHA_SHARE,
    CLIP,
    CLUMPING_MARGIN,
    CLUMPING_PRIOR,
    DAY,
    KEEP_ANCHOR,
    KEEP_CLUMPING,
    KEEP_DAY,
    PHI_SHARE,
    PSEUDO_COUNTS,
    QUIET_SCORE,
    RESTLESS_TEST,
    RING,
    SHAPE_IN_ALARM,
    SHARE_DELAY,
    SIGMA_SHARE,
    SLOTS,
    TEST_COUNT,
    TESTS,
    WARMUP,
)
from guardian.watching.scores import bounded, inflated, learn_restless, note_score, rechecked, restless
from guardian.watching.state import (
    CLEAN,
    COUNTED,
    COUNTS_BEHIND,
    CURVE,
    CURVE_SINCE,
    DAYS_BEHIND,
    FAST,
    FROZEN,
    HAS_CURVE,
    LEVEL,
    MINUTE_OF_DAY,
    NEXT_SHARE,
    NOW,
    OPEN,
    P_WANDER,
    PORTION,
    Q_WANDER,
    RAW,
    RESET,
    SLOW,
    WANDER,
    Floats,
    State,
)
from guardian.watching.tail import tail


@njit(cache=True, nogil=True)
def commit_shares(S: State) -> None:
    """Learn the shares of an hour ago (sooner on the first two hours), minutes in alarm left out."""
    n = S.clock[NOW]
    delay = SHARE_DELAY if n >= 2 * SHARE_DELAY else n // 2
    while S.clock[NEXT_SHARE] <= n - 1 - delay:
        minute = S.clock[NEXT_SHARE]
        at = (S.clock[MINUTE_OF_DAY] - (n - minute)) % DAY
        if S.memory[minute % RING, CLEAN] > 0:
            for k in range(SLOTS):
                if S.share_memory[minute % RING, k] >= 0:
                    commit_share(S, k, at, minute % RING)
                    if minute >= S.clock[CURVE_SINCE]:
                        learn_clumping(S, k, minute)
        S.clock[NEXT_SHARE] += 1


@njit(cache=True, nogil=True)
def commit_share(S: State, k: int, at: int, place: int) -> None:
    """Add one minute to the hourly share (half-life 20 days) and to the anchor (5 days)."""
    hour = at // 60
    if at % 60 == 0:
        S.hourly[0, k, hour] *= KEEP_DAY
        S.hourly[1, k, hour] *= KEEP_DAY
        S.hourly[2, k, hour] *= KEEP_DAY
    S.hourly[0, k, hour] += S.share_memory[place, k]
    S.hourly[1, k, hour] += S.memory[place, COUNTED]
    S.hourly[2, k, hour] += 1 / 60.0
    S.anchor[k, 0] = S.anchor[k, 0] * KEEP_ANCHOR + S.share_memory[place, k]
    S.anchor[k, 1] = S.anchor[k, 1] * KEEP_ANCHOR + S.memory[place, COUNTED]


@njit(cache=True, nogil=True)
def learn_clumping(S: State, k: int, minute: int) -> None:
    """Sums instead of a mean of quotients, which minutes that expect next to nothing would upset."""
    here, before = minute % RING, (minute - 1) % RING
    fast = S.origin[here, FAST] if S.clock[HAS_CURVE] == 1 else 0.0
    log = S.origin[here, SLOW] + fast + S.share_origin[here, k, 0]
    exposure = S.share_sums[here, k, 1] - S.share_sums[before, k, 1]
    expected = max(exposure * math.exp(bounded(log)), 1e-9)
    variance = expected * (1 + (S.share_origin[here, k, 1] + ALPHA_SHARE[k]) * expected)
    squared = min((S.share_memory[here, k] - expected) ** 2, 25 * max(variance, 1.0))
    S.clumping[k, 0] = S.clumping[k, 0] * KEEP_CLUMPING + squared
    S.clumping[k, 1] = S.clumping[k, 1] * KEEP_CLUMPING + variance


@njit(cache=True, nogil=True)
def predict_share(S: State, k: int) -> None:
    """The learnt share at this minute, shrunk by 20 counts towards the anchor, linear between hours."""
    usual = S.anchor[k, 0] / S.anchor[k, 1]
    pseudo = min(PSEUDO_COUNTS, S.anchor[k, 0])
    hours = S.clock[MINUTE_OF_DAY] / 60.0 - 0.5
    whole = math.floor(hours)
    right = hours - whole
    a, b = int(whole) % 24, (int(whole) + 1) % 24
    counts, totals, days = S.hourly[0, k], S.hourly[1, k], S.hourly[2, k]
    at_a = (counts[a] + pseudo) / (totals[a] + pseudo / usual)
    at_b = (counts[b] + pseudo) / (totals[b] + pseudo / usual)
    row = S.share[k]
    row[PORTION] = (1 - right) * at_a + right * at_b
    row[COUNTS_BEHIND] = (1 - right) * counts[a] + right * counts[b] + pseudo
    row[DAYS_BEHIND] = (1 - right) * days[a] + right * days[b]
    spread = SIGMA_SHARE[k] ** 2 * restless(S, k) * (1 + 1 / (row[DAYS_BEHIND] + 0.2))
    row[Q_WANDER] = spread * (1 - PHI_SHARE**2)
    row[WANDER] = bounded(row[WANDER] * PHI_SHARE)
    row[P_WANDER] = row[P_WANDER] * PHI_SHARE**2 + row[Q_WANDER]


@njit(cache=True, nogil=True)
def predict_shares(S: State, x: Floats) -> None:
    """Roll every share to this minute and add counts and exposures to the running sums."""
    here, before = S.clock[NOW] % RING, (S.clock[NOW] - 1) % RING
    for k in range(SLOTS):
        predict_share(S, k)
        S.share_sums[here, k, 0] = S.share_sums[before, k, 0] + x[k]
        S.share_sums[here, k, 1] = S.share_sums[before, k, 1] + S.share[k, PORTION] * S.minute[CURVE]


@njit(cache=True, nogil=True)
def excess_spread(S: State, k: int) -> float:
    """Learnt variance over mean of a share's events, less one: above 0 they come in clumps."""
    ratio = (S.clumping[k, 0] + CLUMPING_PRIOR) / (S.clumping[k, 1] + CLUMPING_PRIOR)
    return float(max(0.0, ratio - 1 - CLUMPING_MARGIN))


@njit(cache=True, nogil=True)
def window_of_share(S: State, k: int, test: int) -> tuple[float, float, float]:
    """Count of a window, its predicted mean and relative variance.

    rho = (r + X_T - X_k) / (r + M_T (1 - q)): the rest of the window corrects the level;
    M = q M_T rho exp(a h), v = a² P_h + n q_h + 1/counts + 1/(r + X_T - X_k) + alpha / w + clumping / M.
    """
    n, w = S.clock[NOW], TESTS[test, 0]
    here, then, origin = n % RING, (n - w) % RING, (n - TESTS[test, 1]) % RING
    X = S.share_sums[here, k, 0] - S.share_sums[then, k, 0]
    exposure = S.sums[here, 1] - S.sums[then, 1]
    portion = (S.share_sums[here, k, 1] - S.share_sums[then, k, 1]) / max(exposure, 1e-9)
    others = (S.sums[here, 0] - S.sums[then, 0]) - X
    known = SHAPE_IN_ALARM if S.key[0, OPEN] + S.key[1, OPEN] > 0 else 1e7
    shape, total = min(S.window[1, test], known), S.window[0, test]
    rho = (shape + others) / (shape + total * (1 - portion))
    a = SHARE_ORIGIN[test, 0]
    mean = S.share_origin[origin, k, 0] * a
    variance = S.share_origin[origin, k, 1] * a * a + SHARE_ORIGIN[test, 1] * S.share[k, Q_WANDER]
    variance += 1 / S.share[k, COUNTS_BEHIND] + 1 / (shape + max(others, 0)) + ALPHA_SHARE[k] / w
    M = max(portion * total * rho * math.exp(bounded(mean)), 1e-7)
    return X, M, variance + excess_spread(S, k) / M


@njit(cache=True, nogil=True)
def score_share(S: State, k: int) -> None:
    """Score every window of one share, upward."""
    n, key = S.clock[NOW], k + 2
    quiet = S.key[key, OPEN] == 0 and S.minute[FROZEN] == 0
    squared, wander, rest = 0.0, 0.0, 0.0
    for i in range(TEST_COUNT):
        w, lag = TESTS[i, 0], TESTS[i, 1]
        if n < lag or S.window[0, i] <= 0 or n < WARMUP or n - w < S.key[key, RESET]:
            continue
        seen = S.share_sums[n % RING, k, 0] - S.share_sums[(n - w) % RING, k, 0]
        if seen <= 0 and S.self_check[k, i] <= 1:
            continue
        X, M, v = window_of_share(S, k, i)
        if quiet and i == RESTLESS_TEST and n > DAY // 2:
            wander = SHARE_ORIGIN[i, 1] * S.share[k, Q_WANDER]
            squared, rest = (X / M - 1) ** 2, v - wander + 1 / M
        v, e2 = inflated(X, M, v, S.self_check[k, i])
        if quiet and n > DAY // 2:
            S.self_check[k, i] = rechecked(S.self_check[k, i], e2, n)
        note_score(S, key, i, (tail(X, M, v, True), X, M, v))
    if wander > 0 and S.score[key, RAW] < QUIET_SCORE:
        learn_restless(S, k, squared, wander, rest)


@njit(cache=True, nogil=True)
def update_share(S: State, k: int, count: float) -> None:
    """Scalar Kalman step of the wander, residual clipped; nothing is learnt in an alarm."""
    row, here, is_open = S.share[k], S.clock[NOW] % RING, S.key[k + 2, OPEN] > 0
    if S.minute[FROZEN] == 0 and not is_open:
        expected = max(row[PORTION] * math.exp(row[WANDER]) * S.minute[LEVEL], 1e-9)
        Q = row[P_WANDER] + (1 + excess_spread(S, k)) / expected + ALPHA_SHARE[k]
        limit = CLIP * math.sqrt(Q) + (1 / expected if expected < 1 else 0.0)
        residual = max(-limit, min(limit, (count - expected) / expected))
        row[WANDER] += row[P_WANDER] / Q * residual
        row[P_WANDER] -= row[P_WANDER] * row[P_WANDER] / Q
    S.share_origin[here, k, 0], S.share_origin[here, k, 1] = row[WANDER], row[P_WANDER]
    S.share_memory[here, k] = -1.0 if is_open else count
