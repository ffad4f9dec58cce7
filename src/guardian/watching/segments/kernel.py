"""One minute of all series, compiled: rotate, count, learn what is an hour old, test, open and close alarms.

A series is a share of its parent: a segment of all traffic, a status of its segment. Given the other
transactions O of the parent, the count is negative binomial with mean O p / (1 - p) and relative
variance 1 / O plus what the share may do: the dual of a binomial tail, which serves 1 % and 90 % alike.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from guardian.watching.segments.parameters import (
    ALPHA,
    CLOSE_AFTER,
    DELAY,
    DIRECTIONS,
    FALLS,
    FREE,
    KEEP_ANCHOR,
    KEEP_HOUR,
    LEARNING,
    MATERIAL,
    MAX_OPEN,
    OF_STATUS,
    ONSET,
    PART,
    PEAKS_A_WEEK,
    PEER_WEIGHT,
    PHI,
    PRIOR_SHARE,
    PRIOR_WEIGHT,
    PSEUDO_COUNTS,
    QUIET_SCORE,
    RING,
    RISES,
    SELF_CHECK_MINUTES,
    SHORT,
    SIGMA,
    SLOPE,
    STATUS,
    TOTAL,
    VOLUME,
    WINDOWS,
    WITHIN,
)
from guardian.watching.segments.state import Row, Series
from guardian.watching.tail import tail

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
W = len(WINDOWS)
LONGEST = W - 1
SHORTS = int(np.searchsorted(WINDOWS, SHORT, side="right"))
ROOT, EXPECTED = 0, 1
"""Rows of the total as it was seen, and as it was expected."""


@njit(cache=True, nogil=True)
def rotate(rows: Series, n: int) -> None:
    """Begin minute n: every window loses the minute that leaves it."""
    here = n % RING
    keep = ~(np.uint64(1) << np.uint64(here))
    for i in range(len(rows)):
        row = rows[i]
        if row.kind == FREE:
            continue
        for j in range(W):
            row.sums[j] -= row.ring[(n - WINDOWS[j]) % RING]
        row.ring[here] = 0.0
        row.dirty &= keep


@njit(cache=True, nogil=True)
def add(rows: Series, n: int, touched: Integers, counts: Floats) -> None:
    """Count what came in minute n."""
    here = n % RING
    for at in range(len(touched)):
        row = rows[touched[at]]
        row.ring[here] = counts[at]
        for j in range(W):
            row.sums[j] += row.ring[here]
        row.seen = n


@njit(cache=True, nogil=True)
def learnt(row: Row, prior: float, at: Floats) -> tuple[float, float]:
    """The learnt share at a moment and the counts behind it, where `prior` is known beforehand.

    `at` is kind of day, hour, next hour, weight of the latter. Shrunk by 20 counts from the kind of
    day to all days, from there to the last days, and from there to the prior.
    """
    weight = PRIOR_WEIGHT[row.kind]
    counts = row.anchor[0] + prior * weight
    anchor = counts / (row.anchor[1] + weight)
    pseudo = min(PSEUDO_COUNTS, counts)
    found, behind, day = 0.0, pseudo, int(at[0])
    for side in range(2):
        part = at[3] if side == 1 else 1 - at[3]
        hour = int(at[1 + side])
        own, of = row.hours[day, hour, 0], row.hours[day, hour, 1]
        every = (own + row.hours[1 - day, hour, 0] + pseudo) / (
            of + row.hours[1 - day, hour, 1] + pseudo / anchor
        )
        found += part * (own + pseudo) / (of + pseudo / every)
        behind += part * (own + 0.5 * row.hours[1 - day, hour, 0])
    return min(max(found, 1e-9), 0.999), behind


@njit(cache=True, nogil=True)
def usual(rows: Series, i: int, at: Floats) -> tuple[float, float]:
    """The learnt share of a row; a status within a segment starts from that status in all traffic."""
    row = rows[i]
    prior = learnt(rows[row.peer], PRIOR_SHARE, at)[0] if row.kind == WITHIN else PRIOR_SHARE
    return learnt(row, prior, at)


@njit(cache=True, nogil=True)
def learn(rows: Series, i: int, n: int, at: Floats, first_of_hour: bool) -> None:
    """Take in minute n, an hour old: a Kalman step of the wander, then the memory of hour and days."""
    row = rows[i]
    place, day, hour = n % RING, int(at[0]), int(at[4])
    row.wander[0] *= PHI
    row.wander[1] = row.wander[1] * PHI**2 + SIGMA[row.kind] ** 2 * (1 - PHI**2)
    if first_of_hour:
        row.hours[day, hour, 0] *= KEEP_HOUR
        row.hours[day, hour, 1] *= KEEP_HOUR
    if (row.dirty >> np.uint64(place)) & np.uint64(1):
        return
    count = row.ring[place]
    of = rows[row.parent].ring[place] if row.parent >= 0 else 0.0
    if row.kind > TOTAL and of > 0:
        expected = of * usual(rows, i, at)[0] * math.exp(row.wander[0])
        if count > 0 or expected > 1e-3:
            Q = row.wander[1] + 1 / expected + ALPHA[row.kind]
            limit = 2.5 * math.sqrt(Q) + (1 / expected if expected < 1 else 0.0)
            residual = max(-limit, min(limit, (count - expected) / expected))
            gain = row.wander[1] / Q
            row.wander[0] += gain * residual
            row.wander[1] -= gain * row.wander[1]
    row.hours[day, hour, 0] += count
    row.hours[day, hour, 1] += of
    row.anchor[0] = row.anchor[0] * KEEP_ANCHOR + count
    row.anchor[1] = row.anchor[1] * KEEP_ANCHOR + of


@njit(cache=True, nogil=True)
def elsewhere(rows: Series, i: int, j: int, share: float, at: Floats) -> tuple[float, float]:
    """How the status does in the rest of the traffic: a factor of at least 1, and its variance."""
    row = rows[i]
    part = usual(rows, row.peer, at)[0]
    seen = rows[row.peer].sums[j] - row.sums[j]
    expected = max(rows[ROOT].sums[j] * part - rows[row.parent].sums[j] * share, 0.0)
    factor = (PEER_WEIGHT + seen) / (PEER_WEIGHT + expected)
    return max(1.0, factor), 1 / (PEER_WEIGHT + max(seen, expected))


@njit(cache=True, nogil=True)
def share_now(rows: Series, i: int, roll: float, width: float, at: Floats) -> tuple[float, float, float]:
    """The learnt share, the same with its wander rolled on from an hour ago, and its relative variance."""
    row = rows[i]
    share, behind = usual(rows, i, at)
    now = min(share * math.exp(row.wander[0] * roll), 0.999)
    v = row.wander[1] * roll**2 + SIGMA[row.kind] ** 2 * (1 - roll**2) + 1 / behind
    return share, now, v + ALPHA[row.kind] / width


@njit(cache=True, nogil=True)
def predict(rows: Series, i: int, j: int, at: Floats) -> tuple[float, float, float]:
    """Of a window: the expected count were it to fall, were it to rise, and the relative variance."""
    row = rows[i]
    share, now, v = share_now(rows, i, PHI ** (DELAY + WINDOWS[j] / 2), WINDOWS[j], at)
    if row.kind == WITHIN:
        factor, of_factor = elsewhere(rows, i, j, share, at)
        now = min(now * factor, 0.999)
        others = max(rows[row.parent].sums[j] - row.sums[j], 0.5)
        M = others * now / (1 - now)
        return M, M, v + of_factor + 1 / others
    foreseen = max(rows[EXPECTED].sums[j] * (1 - now), 0.5)
    others = max(rows[ROOT].sums[j] - row.sums[j], 0.5)
    odds = now / (1 - now)
    return min(others, foreseen) * odds, max(others, foreseen) * odds, v + 1 / others


@njit(cache=True, nogil=True)
def minute_by_minute(rows: Series, i: int, n: int, back: int, at: Floats, result: Floats) -> None:
    """Into `result`, for each of the `back` minutes up to n: count, its mean and its relative variance.

    By what is usual now, given how much of the parent came; of a segment, how much was expected.
    """
    row = rows[i]
    _, now, v = share_now(rows, i, PHI**DELAY, 1.0, at[0])
    of = rows[EXPECTED] if row.kind == VOLUME else rows[row.parent]
    for minute in range(back):
        here = (n - back + 1 + minute) % RING
        result[minute, 0] = row.ring[here]
        result[minute, 1] = max(of.ring[here] * now, 1e-6)
        result[minute, 2] = v


@njit(cache=True, nogil=True)
def widened(M: float, v: float, check: float) -> float:
    """The variance, where past residuals were larger than it says."""
    return max(v, max(1.0, check - 0.05) * (1 / M + v) - 1 / M)


@njit(cache=True, nogil=True)
def check(row: Row, long: int, X: float, M: float, v: float) -> None:
    """Mean of squared residuals with one more, cut at 3 sd as they are here."""
    squared = (X / M - 1) ** 2 / (1 / M + v)
    row.check[long] += (min(squared, 9 * row.check[long]) - row.check[long]) / SELF_CHECK_MINUTES


@njit(cache=True, nogil=True)
def expected_roughly(rows: Series, row: Row) -> float:
    """Of the longest window, by the share of the last days alone."""
    of = rows[EXPECTED] if row.kind == VOLUME else rows[row.parent]
    return float(of.sums[LONGEST] * row.anchor[0] / max(row.anchor[1], 1.0))


@njit(cache=True, nogil=True)
def test(rows: Series, i: int, n: int, at: Floats, result: Floats) -> float:
    """The rarest window of a row into `result`: score, direction, window, observed, expected, variance.

    Returns the largest score of the short windows.
    """
    row = rows[i]
    result[0], short = 0.0, 0.0
    checked = row.open == 0 and expected_roughly(rows, row) >= MATERIAL
    for j in range(W):
        X, long = row.sums[j], 1 if j >= SHORTS else 0
        M_fall, M_rise, v = predict(rows, i, j, at[j])
        if checked and (j == SHORTS - 1 or j == LONGEST - 1):
            check(row, long, X, max(M_rise, 1e-6), v)
        if n - WINDOWS[j] < row.reset:
            continue
        for rising in range(1 if row.kind == WITHIN else 0, 2):
            M = max(M_rise if rising else M_fall, 1e-6)
            if (X - M if rising else M - X) < MATERIAL:
                continue
            wide = widened(M, v, row.check[long])
            score = tail(X, M, wide, rising == 1)
            if long == 0:
                short = max(short, score)
            if score > result[0]:
                result[0], result[1], result[2] = score, rising, j
                result[3], result[4], result[5] = X, M, wide
    return short


@njit(cache=True, nogil=True)
def family(dimension: int, kind: int, rising: int) -> int:
    """Which part of the budget."""
    return dimension * DIRECTIONS + (OF_STATUS if kind == WITHIN else RISES if rising else FALLS)


@njit(cache=True, nogil=True)
def accept_as_usual(rows: Series, i: int, at: Floats) -> None:
    """It has lasted too long to be a disturbance: what was learnt is moved to where the last hour is."""
    row = rows[i]
    factor = (row.sums[LONGEST] + 1) / (predict(rows, i, LONGEST, at[LONGEST])[1] + 1)
    for day in range(2):
        for hour in range(24):
            row.hours[day, hour, 0] *= factor
    row.anchor[0] *= factor
    row.wander[1] += 0.5**2


@njit(cache=True, nogil=True)
def follow(rows: Series, i: int, n: int, short: float, at: Floats) -> bool:
    """Whether the alarm of the row is over: quiet for three minutes, or so long that it is the new usual."""
    row = rows[i]
    row.dirty |= np.uint64(1) << np.uint64(n % RING)
    row.quiet = row.quiet + 1 if short < QUIET_SCORE else 0
    over = row.quiet >= CLOSE_AFTER
    if not over and n - row.since < MAX_OPEN:
        return False
    if not over:
        accept_as_usual(rows, i, at)
    row.open, row.quiet, row.reset = 0, 0, n
    return True


@njit(cache=True, nogil=True)
def open_alarm(rows: Series, i: int, n: int, rising: int, width: int) -> None:
    """Nothing of the window is learnt."""
    row = rows[i]
    row.open, row.since, row.quiet = 1 + rising, n, 0
    for back in range(width):
        row.dirty |= np.uint64(1) << np.uint64((n - back) % RING)


@njit(cache=True, nogil=True)
def worth_testing(rows: Series, i: int, n: int) -> bool:
    """Whether its segment is known for a day, and so many could be too many or too few."""
    row = rows[i]
    if row.open > 0:
        return True
    born = rows[row.parent].born if row.kind == WITHIN else row.born
    enough = row.sums[LONGEST] >= MATERIAL or expected_roughly(rows, row) >= MATERIAL / 2
    return bool(n - born >= LEARNING and enough)


@njit(cache=True, nogil=True)
def judge(
    rows: Series, n: int, at: Floats, active: Floats, budget: float, found: NDArray[np.void]
) -> tuple[int, int]:
    """Learn and test every row; how many of `found` are alarms that opened, and how many more that closed.

    `at` has a row per window, then one for the minute that is learnt; `active`, per family, how many
    series could have raised an alarm in the minute before, and is renewed.
    """
    result = np.zeros(6)
    now_active = np.zeros(len(active))
    opened, closed = 0, 0
    first_of_hour = at[W, 5] == 0
    for kind in (TOTAL, STATUS, VOLUME, WITHIN):  # a row is measured against those of the kinds before
        for i in range(len(rows)):
            if rows[i].kind == kind and n - DELAY >= rows[i].born:
                learn(rows, i, n - DELAY, at[W], first_of_hour)
    if n - rows[ROOT].born < LEARNING:
        return 0, 0
    for i in range(len(rows)):
        row = rows[i]
        if row.kind < VOLUME or not worth_testing(rows, i, n):
            continue
        short = test(rows, i, n, at, result)
        rising = int(result[1])
        for direction in range(2):
            if row.kind == VOLUME or direction == 1:
                now_active[family(row.dimension, row.kind, direction)] += 1
        if row.open > 0:
            if follow(rows, i, n, short, at) and opened + closed < len(found):
                closed += 1
                found[len(found) - closed].row = i
            continue
        of_family = max(1.0, active[family(row.dimension, row.kind, rising)])
        score = SLOPE * (result[0] - ONSET) - math.log10(PEAKS_A_WEEK * of_family / PART)
        if result[0] > 0 and score >= budget and opened + closed < len(found):
            open_alarm(rows, i, n, rising, WINDOWS[int(result[2])])
            one = found[opened]
            one.row, one.direction, one.window = i, rising, WINDOWS[int(result[2])]
            one.score, one.observed, one.expected, one.variance = score, result[3], result[4], result[5]
            opened += 1
    active[:] = now_active
    return opened, closed
