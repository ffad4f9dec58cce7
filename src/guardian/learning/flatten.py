"""Fitted trees of scikit-learn and LightGBM as the heaps that scoring walks."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from guardian.models.artefact import Heaps

EULER_GAMMA = 0.5772156649015329


def average_path_length(samples: NDArray[np.int64]) -> NDArray[np.float64]:
    """c(n) = 2 (ln(n - 1) + γ) - 2 (n - 1) / n, the mean depth of an unsuccessful search; c(2) = 1."""
    counts = np.asarray(samples, np.float64)
    many = np.maximum(counts, 3.0)
    long = 2.0 * (np.log(many - 1.0) + EULER_GAMMA) - 2.0 * (many - 1.0) / many
    return np.where(counts > 2, long, np.where(counts == 2, 1.0, 0.0))


class Split(NamedTuple):
    """A node of a fitted tree that asks: up to its threshold it leads to the first of two nodes."""

    column: int
    threshold: float
    ways: tuple[Any, Any]


Walk = Callable[[Any], Split | float]
"""Where a node leads, or what a leaf says."""


def forest_heaps(
    forest: Any,  # sklearn.ensemble.IsolationForest, which has no types
) -> Heaps:
    """The trees of an isolation forest; a leaf says the mean path length that ends there."""
    trees = [estimator.tree_ for estimator in forest.estimators_]
    walks = [_path_lengths(tree, forest.estimators_features_[place]) for place, tree in enumerate(trees)]
    return _heaps([((0, 0), walk) for walk in walks], max(tree.max_depth for tree in trees))


def boosted_heaps(described: dict[str, Any], depth: int) -> Heaps:
    """The trees, at most that deep, of a LightGBM model as `dump_model` describes it."""
    return _heaps([(tree["tree_structure"], _boosted) for tree in described["tree_info"]], depth)


def _path_lengths(tree: Any, drawn: NDArray[np.int64]) -> Walk:
    lengths = average_path_length(tree.n_node_samples)

    def walk(place: tuple[int, int]) -> Split | float:
        """A node by its number, below 0 where there is none, and its level."""
        node, level = place
        if tree.children_left[node] < 0:
            return float(level + lengths[node])
        ways = [(children[node], level + 1) for children in (tree.children_left, tree.children_right)]
        return Split(drawn[tree.feature[node]], float(tree.threshold[node]), (ways[0], ways[1]))

    return walk


def _boosted(node: dict[str, Any]) -> Split | float:
    if "leaf_value" in node:
        return float(node["leaf_value"])
    return Split(node["split_feature"], node["threshold"], (node["left_child"], node["right_child"]))


def _heaps(trees: Sequence[tuple[Any, Walk]], deepest: int) -> Heaps:
    """Each from its root, all of the depth of the deepest."""
    inner = (1 << max(1, deepest)) - 1
    thresholds = np.full((len(trees), inner), np.inf, np.float32)
    columns = np.zeros((len(trees), inner), np.uint8)
    leaves = np.zeros((len(trees), inner + 1), np.float64)
    for place, (root, walk) in enumerate(trees):
        _fill(root, walk, Heaps(thresholds[place], columns[place], leaves[place]))
    return Heaps(thresholds, columns, leaves)


def _fill(root: Any, walk: Walk, heap: Heaps) -> None:
    """Walk one tree; a leaf above the floor stands for all the places below it."""
    inner = len(heap.thresholds)
    waiting = [(root, 0)]
    while waiting:
        node, place = waiting.pop()
        found = walk(node)
        if isinstance(found, Split):
            heap.thresholds[place] = rounded_down(found.threshold)
            heap.columns[place] = found.column
            waiting += [(way, 2 * place + 1 + side) for side, way in enumerate(found.ways)]
            continue
        first, last = place, place
        while first < inner:
            first, last = 2 * first + 1, 2 * last + 2
        heap.leaves[first - inner : last - inner + 1] = found


def rounded_down(threshold: float) -> np.float32:
    """The largest float32 not above: x <= it for a float32 x exactly when x <= the threshold."""
    near = np.float32(threshold)
    return near if float(near) <= threshold else np.nextafter(near, np.float32(-np.inf))
