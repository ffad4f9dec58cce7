"""Rolling windows per key as rings of coarse buckets, and the key's own history of amounts.

A row of `cells` begins with the sums of its windows: the count of 1 min, then count, failures,
amount and fresh of 1 h, then count, failures, amount and reversals of 24 h. The buckets follow, 12
of 5 s, 12 of 5 min and 24 of 1 h, each with its statistics side by side. A window ends with the
newest event of its key, so it covers up to one bucket less than its name says; a late event joins
the bucket of its own time.
"""

from math import sqrt
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

COUNT_1M, SUMS_1H, SUMS_24H = 0, 1, 5
SECONDS, MINUTES, HOURS, CELLS = 9, 21, 69, 165
"""Where the sums and the buckets of each ring begin, and how many cells a row has."""
COUNT, FAILURES, AMOUNT, EXTRA = 0, 1, 2, 3
PAIR_WAYS = 4


class Rings(NamedTuple):
    """State of all keys of one kind, one row each; all zero means never seen."""

    heads: NDArray[np.int64]
    """(rows, 3): number of the newest bucket of each ring."""
    cells: NDArray[np.float32]
    history: NDArray[np.float32]
    """(rows, 5): weight, mean and variance of log amounts, the old ones forgotten; volume of the
    merchants visited lately and how many of them were new (of cards only)."""
    stamps: NDArray[np.int64]
    """(rows, 4): first and newest event in ms, serial number of the key, newest new merchant in ms."""


def empty_rings(rows: int) -> Rings:
    """Zeroed; pages are taken from the machine only when they are written."""
    return Rings(
        np.zeros((rows, 3), np.int64),
        np.zeros((rows, CELLS), np.float32),
        np.zeros((rows, 5), np.float32),
        np.zeros((rows, 4), np.int64),
    )


@njit(cache=True, nogil=True)
def turn(ring: NDArray[np.float32], sums: NDArray[np.float32], passed: int, place: int) -> None:
    """Empty the `passed` buckets up to and including `place`, and sum up what is left.

    Summing anew keeps rounding errors from piling up in the sums.
    """
    width = len(sums)
    size = len(ring) // width
    if passed >= size:
        ring[:] = 0.0
        sums[:] = 0.0
        return
    for _ in range(passed):
        for statistic in range(width):
            ring[place * width + statistic] = 0.0
        place = place - 1 if place > 0 else size - 1
    for statistic in range(width):
        total = np.float32(0.0)
        for bucket in range(size):
            total += ring[bucket * width + statistic]
        sums[statistic] = total


@njit(cache=True, nogil=True)
def record(rings: Rings, row: int, event_ms: int, amount: float, outcome: int, fresh: int) -> None:
    """Count one event in all three rings of its key (outcome: 1 failure, 2 reversal)."""
    cells, heads, stamps = rings.cells[row], rings.heads[row], rings.stamps[row]
    failed = 1.0 if outcome == 1 else 0.0
    reversal = 1.0 if outcome == 2 else 0.0
    bucket = event_ms // 5_000
    place = bucket % 12
    if bucket > heads[0]:
        turn(cells[SECONDS:MINUTES], cells[:SUMS_1H], bucket - heads[0], place)
        heads[0] = bucket
    if bucket > heads[0] - 12:
        cells[SECONDS + place] += 1
        cells[COUNT_1M] += 1
    bucket = event_ms // 300_000
    place = bucket % 12
    if bucket > heads[1]:
        turn(cells[MINUTES:HOURS], cells[SUMS_1H:SUMS_24H], bucket - heads[1], place)
        heads[1] = bucket
    if bucket > heads[1] - 12:
        add(cells, MINUTES + 4 * place, amount, failed, float(fresh))
        add(cells, SUMS_1H, amount, failed, float(fresh))
    bucket = event_ms // 3_600_000
    place = bucket % 24
    if bucket > heads[2]:
        turn(cells[HOURS:], cells[SUMS_24H:SECONDS], bucket - heads[2], place)
        heads[2] = bucket
    if bucket > heads[2] - 24:
        add(cells, HOURS + 4 * place, amount, failed, reversal)
        add(cells, SUMS_24H, amount, failed, reversal)
    stamps[0] = event_ms if stamps[1] == 0 else min(stamps[0], event_ms)
    stamps[1] = max(stamps[1], event_ms, 1)


@njit(cache=True, nogil=True)
def add(cells: NDArray[np.float32], start: int, amount: float, failed: float, extra: float) -> None:
    """Add one event to the four statistics from cell `start` on."""
    cells[start + COUNT] += 1
    cells[start + FAILURES] += failed
    cells[start + AMOUNT] += amount
    cells[start + EXTRA] += extra


@njit(cache=True, nogil=True)
def newest(cells: NDArray[np.float32], head: int, statistic: int) -> float:
    """Sum of a statistic over the newest three buckets of 5 min."""
    answer = 0.0
    place = head % 12
    for _ in range(3):
        answer += cells[MINUTES + 4 * place + statistic]
        place = place - 1 if place > 0 else 11
    return answer


@njit(cache=True, nogil=True)
def deviation(rings: Rings, row: int, log_amount: float, needed: float) -> float:
    """Standard deviations from the key's mean, 0 below `needed` events; ±12 at most.

    The variance is shrunk towards 0.5² with the weight of four events: short histories look too calm.
    """
    weight = rings.history[row, 0]
    if weight < needed:
        return 0.0
    variance = (weight * rings.history[row, 2] + 4.0 * 0.25) / (weight + 4.0)
    z = (log_amount - rings.history[row, 1]) / sqrt(variance)
    return float(max(-12.0, min(12.0, z)))


@njit(cache=True, nogil=True)
def learn_amount(rings: Rings, row: int, log_amount: float, memory: float) -> None:
    """Exponentially weighted mean and variance over about `memory` events, steps held to 4 sd."""
    history = rings.history
    step = log_amount - history[row, 1]
    if history[row, 0] >= 8.0:
        bound = 4.0 * sqrt(history[row, 2] + 0.01)
        step = max(-bound, min(bound, step))
    weight = min(history[row, 0] + 1.0, memory)
    rate = 1.0 / weight
    history[row, 0] = weight
    history[row, 1] += rate * step
    history[row, 2] = (1.0 - rate) * (history[row, 2] + rate * step * step)


@njit(cache=True, nogil=True)
def first_pair(pairs: NDArray[np.int64], one: int, other: int, remember: bool) -> int:
    """1 when the two serial numbers never met; a set of four forgets the one unseen longest."""
    mixed = np.int64(one) * np.int64(-7046029254386353131) + np.int64(other) * np.int64(-4417276706812531889)
    mixed ^= (mixed >> 29) & np.int64(0x7FFFFFFFF)
    mixed = mixed * np.int64(-4658895280553007687) | 1
    base = ((mixed >> 33) & (pairs.shape[0] // PAIR_WAYS - 1)) * PAIR_WAYS
    way = 0
    while way < PAIR_WAYS and pairs[base + way] != mixed:
        way += 1
    if remember:
        for back in range(min(way, PAIR_WAYS - 1), 0, -1):
            pairs[base + back] = pairs[base + back - 1]
        pairs[base] = mixed
    return 1 if way == PAIR_WAYS else 0
