"""Alarms per key: open, roll back and freeze, repeat when much worse, close when quiet."""

from numba import njit

from guardian.watching.calibration import NOTHING_SEEN
from guardian.watching.level import drift_on_curve, drift_on_trend, keep_origin
from guardian.watching.parameters import (
    CLOSE_AFTER,
    FIRST_DAY,
    FIRST_DAY_DECADES,
    FIRST_DAY_RISE_DECADES,
    MAX_OPEN,
    MAX_OPEN_FIRST_DAY,
    NOTICE_APART,
    NOTICE_DECADES,
    PHI_SHARE,
    QUIET_SCORE,
    REBOUND,
    REBOUND_DECADES,
    REPEAT_AFTER,
    REPEAT_DECADES,
    RING,
    SIGMA_SHARE,
    TESTS,
    WARMUP,
)
from guardian.watching.state import (
    CALIBRATED,
    CLEAN,
    CLOSED,
    FROZEN,
    HAS_CURVE,
    NOTICE,
    NOTICED,
    NOW,
    OPEN,
    P_FAST,
    P_SLOW,
    P_WANDER,
    PAGE,
    QUIET,
    RAW,
    REPEAT,
    RESET,
    SENDS,
    SENT,
    SENT_AT,
    SHORT,
    SINCE,
    TEST,
    WANDER,
    WIDTH,
    State,
)


@njit(cache=True, nogil=True)
def threshold(S: State, key: int, budget: float) -> float:
    """Decades a key must reach: more on the first day, and more for the total after an alarm."""
    n, needed = S.clock[NOW], budget
    if key < 2 and n - max(S.key[0, CLOSED], S.key[1, CLOSED]) < REBOUND:
        needed += REBOUND_DECADES
    if n < FIRST_DAY:
        needed += FIRST_DAY_RISE_DECADES if key == 1 else FIRST_DAY_DECADES
    return needed


@njit(cache=True, nogil=True)
def roll_back_level(S: State, width: int) -> None:
    """Put the level back to the minute before the window and let it drift unseeing to now."""
    before = (S.clock[NOW] - width) % RING
    for state in range(5):
        S.level[state] = S.origin[before, state]
    for j in range(width):
        if S.clock[HAS_CURVE] == 1:
            drift_on_curve(S)
        else:
            drift_on_trend(S)
        keep_origin(S, (before + 1 + j) % RING)


@njit(cache=True, nogil=True)
def roll_back_share(S: State, k: int, lag: int) -> None:
    """Put the share's wander back to the origin of the winning test and let it drift to now."""
    origin = (S.clock[NOW] - lag) % RING
    wander, variance = S.share_origin[origin, k, 0], S.share_origin[origin, k, 1]
    noise = SIGMA_SHARE[k] ** 2 * 1.5 * (1 - PHI_SHARE**2)
    for j in range(lag):
        wander *= PHI_SHARE
        variance = variance * PHI_SHARE**2 + noise
        S.share_origin[(origin + 1 + j) % RING, k, 0] = wander
        S.share_origin[(origin + 1 + j) % RING, k, 1] = variance
    S.share[k, WANDER], S.share[k, P_WANDER] = wander, variance


@njit(cache=True, nogil=True)
def open_alarm(S: State, key: int) -> None:
    """Send, forget the suspicious minutes, and freeze what they may have spoilt."""
    n, row = S.clock[NOW], S.key[key]
    test = int(S.score[key, TEST])
    width, lag = TESTS[test, 0], TESTS[test, 1]
    row[OPEN], row[SINCE], row[WIDTH], row[QUIET] = 1, n, width, 0
    row[SENT], row[SENT_AT] = S.score[key, CALIBRATED], n
    S.score[key, SENDS] = PAGE
    for j in range(width):
        if key < 2:
            S.memory[(n - j) % RING, CLEAN] = 0.0
        else:
            S.share_memory[(n - j) % RING, key - 2] = -1.0
    if key >= 2:
        roll_back_share(S, key - 2, lag)
    elif (key == 0 or S.clock[HAS_CURVE] == 1) and S.minute[FROZEN] == 0:
        # a rise on the first day is a ramp until proven otherwise: it never freezes the trend
        roll_back_level(S, width)


@njit(cache=True, nogil=True)
def follow_alarm(S: State, key: int) -> None:
    """Repeat when the present is 6 decades worse than what was sent; close after 3 quiet minutes."""
    n, row = S.clock[NOW], S.key[key]
    present = S.calibration[key, 0] + S.calibration[key, 1] * row[SHORT]
    if present >= row[SENT] + REPEAT_DECADES and n - row[SENT_AT] >= REPEAT_AFTER:
        S.score[key, SENDS] = REPEAT
        row[SENT], row[SENT_AT] = present, n
    row[QUIET] = row[QUIET] + 1 if row[SHORT] < QUIET_SCORE else 0
    longest = MAX_OPEN if S.clock[HAS_CURVE] == 1 or key >= 2 else MAX_OPEN_FIRST_DAY
    if row[QUIET] < CLOSE_AFTER and n - row[SINCE] <= longest:
        return
    if row[QUIET] < CLOSE_AFTER:
        accept_as_normal(S, key)
    row[OPEN], row[WIDTH], row[RESET], row[CLOSED] = 0, 0, n, n


@njit(cache=True, nogil=True)
def accept_as_normal(S: State, key: int) -> None:
    """It has lasted too long to be a disturbance: open the variance so that it is learnt."""
    if key < 2:
        S.level[P_SLOW] += 0.2**2
        S.level[P_FAST] += 0.2**2
    else:
        S.share[key - 2, P_WANDER] += 0.5**2


@njit(cache=True, nogil=True)
def judge_key(S: State, key: int, budget: float) -> None:
    """Calibrate the key's score and move its alarm."""
    raw = S.score[key, RAW]
    calibrated = NOTHING_SEEN
    if raw > 0:
        calibrated = S.calibration[key, 0] + S.calibration[key, 1] * raw
    S.score[key, CALIBRATED] = calibrated
    n, needed = S.clock[NOW], threshold(S, key, budget)
    if S.key[key, OPEN] > 0:
        follow_alarm(S, key)
    elif calibrated >= needed and n >= WARMUP:
        open_alarm(S, key)
    elif calibrated >= needed - NOTICE_DECADES and n >= WARMUP:
        if n - S.key[key, NOTICED] > NOTICE_APART:
            S.score[key, SENDS] = NOTICE
    else:
        return
    S.key[key, NOTICED] = n
