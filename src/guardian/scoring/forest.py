"""Isolation forest (Liu, Ting, Zhou 2008) on perfect-tree heaps, branch-free and exact.

Trees of 256 samples are at most 8 deep, so each is a heap of 255 nodes: child = 2h + 1 + (x > t).
Thresholds are rounded down to float32: a float32 x compares with them as with the originals.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from guardian.models.artefact import Heaps, ModelArtefact

LARGEST_DECADES = 6.0
"""ml_score is kept as float32 near 1: beyond six decades nothing could be told apart."""


def leaf_sums(heaps: Heaps, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n, F) -> (n,) what the leaves say that a row comes to in all trees."""
    return _leaf_sums(rows, heaps.thresholds, heaps.columns, heaps.leaves)


@njit(cache=True, nogil=True)
def _leaf_sums(
    rows: NDArray[np.float32],
    thresholds: NDArray[np.float32],
    columns: NDArray[np.uint8],
    leaves: NDArray[np.float64],
) -> NDArray[np.float64]:
    """All trees go one step down together."""
    trees, inner = thresholds.shape
    depth = 0
    while (1 << depth) - 1 < inner:
        depth += 1
    # unsigned everywhere: a signed index would be tested for being negative at each step
    flat, drawn, ends = thresholds.ravel(), columns.ravel(), leaves.ravel()
    roots = np.arange(trees).astype(np.uint32) * np.uint32(inner)
    floors = np.arange(trees).astype(np.uint32) * np.uint32(inner + 1)
    nodes = np.zeros(trees, np.uint32)
    sums = np.zeros(rows.shape[0], np.float64)
    for number in range(rows.shape[0]):
        row = rows[number]
        nodes[:] = 0
        for _ in range(depth):
            for tree in range(trees):
                node = nodes[tree]
                place = roots[tree] + node
                nodes[tree] = node + node + np.uint32(1) + np.uint32(row[drawn[place]] > flat[place])
        for tree in range(trees):
            sums[number] += ends[floors[tree] + nodes[tree] - np.uint32(inner)]
    return sums


def raw_scores(model: ModelArtefact, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """2^(-E[path]/c), 0 to 1, higher is rarer: scikit-learn's score_samples with the sign turned."""
    return np.asarray(np.exp2(-leaf_sums(model.forest, rows) * model.scale))


def decades(model: ModelArtefact, raw: NDArray[np.float64]) -> NDArray[np.float64]:
    """-log10 of the share of usual traffic that scores at least so, straight on beyond the last.

    The slope beyond is that of the last full decade: tails of forest scores fall about exponentially.
    """
    scores, tail = model.tail_scores, model.tail_decades
    answer = np.interp(raw, scores, tail)
    anchor = int(np.searchsorted(tail, tail[-1] - 1.0))
    anchor = min(anchor, len(tail) - 2)
    slope = (tail[-1] - tail[anchor]) / max(scores[-1] - scores[anchor], 1e-9)
    beyond = tail[-1] + (raw - scores[-1]) * slope
    return np.asarray(np.minimum(np.where(raw > scores[-1], beyond, answer), LARGEST_DECADES))
