"""A fitted scikit-learn forest as the heaps that scoring walks."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

EULER_GAMMA = 0.5772156649015329


def average_path_length(samples: NDArray[np.int64]) -> NDArray[np.float64]:
    """c(n) = 2 (ln(n - 1) + γ) - 2 (n - 1) / n, the mean depth of an unsuccessful search; c(2) = 1."""
    counts = np.asarray(samples, np.float64)
    many = np.maximum(counts, 3.0)
    long = 2.0 * (np.log(many - 1.0) + EULER_GAMMA) - 2.0 * (many - 1.0) / many
    return np.where(counts > 2, long, np.where(counts == 2, 1.0, 0.0))


def heaps_of(
    forest: Any,  # sklearn.ensemble.IsolationForest, which has no types
) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.float64]]:
    """(thresholds, columns, leaves) of every tree, all of the depth of the deepest."""
    trees = [estimator.tree_ for estimator in forest.estimators_]
    depth = max(1, *(tree.max_depth for tree in trees))
    inner = (1 << depth) - 1
    thresholds = np.full((len(trees), inner), np.inf, np.float32)
    columns = np.zeros((len(trees), inner), np.uint8)
    leaves = np.zeros((len(trees), inner + 1), np.float64)
    for place, tree in enumerate(trees):
        _fill(tree, forest.estimators_features_[place], (thresholds[place], columns[place], leaves[place]))
    return thresholds, columns, leaves


def _fill(
    tree: Any,
    drawn: NDArray[np.int64],
    heap: tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.float64]],
) -> None:
    """Walk one tree; a leaf above the floor stands for all the places below it."""
    thresholds, columns, leaves = heap
    lengths = average_path_length(tree.n_node_samples)
    waiting = [(0, 0, 0)]
    while waiting:
        node, place, level = waiting.pop()
        if tree.children_left[node] >= 0:
            thresholds[place] = rounded_down(float(tree.threshold[node]))
            columns[place] = drawn[tree.feature[node]]
            waiting.append((tree.children_left[node], 2 * place + 1, level + 1))
            waiting.append((tree.children_right[node], 2 * place + 2, level + 1))
            continue
        first, last = place, place
        while first < len(thresholds):
            first, last = 2 * first + 1, 2 * last + 2
        leaves[first - len(thresholds) : last - len(thresholds) + 1] = level + lengths[node]


def rounded_down(threshold: float) -> np.float32:
    """The largest float32 not above: x <= it for a float32 x exactly when x <= the threshold."""
    near = np.float32(threshold)
    return near if float(near) <= threshold else np.nextafter(near, np.float32(-np.inf))
