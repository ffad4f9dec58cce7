"""One minute of one stream: commit, predict, test, learn, raise. The compiled heart of the detector."""

import math

from numba import njit

from guardian.watching.alarms import judge_key
from guardian.watching.level import predict_level, score_level, update_level
from guardian.watching.parameters import ALPHA_SHARE, ALPHA_TOTAL, CODE_SLOTS, KEYS, SLOTS, STATUS_SLOTS
from guardian.watching.profile import commit_curve
from guardian.watching.shares import commit_shares, excess_spread, predict_shares, score_share, update_share
from guardian.watching.state import (
    COUNTS_BEHIND,
    FROZEN,
    HAS_CURVE,
    MEAN,
    MINUTE_OF_DAY,
    NOW,
    OPEN,
    P_CROSS,
    P_FAST,
    P_SLOW,
    P_WANDER,
    PORTION,
    SHORT,
    TOTAL,
    WANDER,
    Floats,
    State,
)
from guardian.watching.tail import central_range


@njit(cache=True, nogil=True)
def expect(S: State, row: int, mean: float, variance: float) -> None:
    """Keep a series' mean and central 99 % range for this minute."""
    low, high = central_range(max(mean, 1e-7), variance)
    S.expected[row, 0], S.expected[row, 1], S.expected[row, 2] = mean, low, high


@njit(cache=True, nogil=True)
def expect_minute(S: State) -> None:
    """What total, approved and every share in use should be, before the minute is looked at."""
    lv, mean = S.level, S.minute[MEAN]
    variance = lv[P_SLOW] + ALPHA_TOTAL
    if S.clock[HAS_CURVE] == 1:
        variance += 2 * lv[P_CROSS] + lv[P_FAST]
    approved = 1.0
    for k in range(SLOTS):
        if S.used[k] == 0:
            continue
        share = S.share[k]
        portion = min(1.0, share[PORTION] * math.exp(share[WANDER]))
        if k < STATUS_SLOTS or k >= STATUS_SLOTS + CODE_SLOTS:
            approved -= portion
        spread = variance + share[P_WANDER] + 1 / share[COUNTS_BEHIND] + ALPHA_SHARE[k]
        expect(S, k + 2, portion * mean, spread + excess_spread(S, k) / max(portion * mean, 1e-7))
    expect(S, 0, mean, variance)
    expect(S, 1, max(approved, 0.0) * mean, variance)


@njit(cache=True, nogil=True)
def judge_minute(S: State, minute_of_day: int, total: float, x: Floats, budget: float) -> None:
    """Feed one minute: `total` of all statuses, `x` (SLOTS,) counts; read score, key and expected after."""
    S.clock[MINUTE_OF_DAY], S.minute[TOTAL] = minute_of_day, total
    commit_curve(S)
    commit_shares(S)
    S.minute[FROZEN] = 0.0
    # on the first day a rise is a ramp until proven otherwise: it freezes nothing
    if S.key[0, OPEN] > 0 or (S.clock[HAS_CURVE] == 1 and S.key[1, OPEN] > 0):
        S.minute[FROZEN] = 1.0
    S.score[:] = 0.0
    S.key[:, SHORT] = 0.0
    predict_level(S)
    predict_shares(S, x)
    expect_minute(S)
    score_level(S)
    update_level(S)
    for k in range(SLOTS):
        score_share(S, k)
        update_share(S, k, x[k])
    for key in range(KEYS):
        judge_key(S, key, budget)
    S.clock[NOW] += 1
