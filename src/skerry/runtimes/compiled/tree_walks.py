"""The ways of rows from the roots of scikit-learn's trees to their leaves, without its checks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skerry.runtimes.compiled.base import Matrix


def walk_of(tree: Any) -> Callable[[list[float]], int]:
    """Return the function from one row, rounded to float32, to its leaf's number in the tree."""
    left: list[int] = tree.children_left.tolist()
    right: list[int] = tree.children_right.tolist()
    feature: list[int] = tree.feature.tolist()
    threshold: list[float] = tree.threshold.tolist()
    missing_left = [bool(each) for each in tree.missing_go_to_left]

    def walk(row: list[float]) -> int:
        at, after = 0, left[0]
        while after >= 0:
            at = after if row[feature[at]] <= threshold[at] else right[at]
            after = left[at]
        return at

    def walk_with_missing(row: list[float]) -> int:
        at, after = 0, left[0]
        while after >= 0:
            value = row[feature[at]]
            goes_left = missing_left[at] if math.isnan(value) else value <= threshold[at]
            at = after if goes_left else right[at]
            after = left[at]
        return at

    return walk_with_missing if any(missing_left) else walk


def leaves_of(trees: Sequence[Any]) -> Callable[[Matrix], NDArray[np.intp]]:
    """Return the function from rows without missing values to their leaves in every tree.

    It answers [n_rows, n_trees]: numbers of nodes, counted through all trees.
    """
    starts = np.cumsum([0, *(tree.node_count for tree in trees)])[:-1]
    left, right, feature, threshold = [], [], [], []
    for start, tree in zip(starts, trees, strict=True):
        is_leaf = tree.children_left < 0
        itself = np.arange(tree.node_count)
        left.append(np.where(is_leaf, itself, tree.children_left) + start)
        right.append(np.where(is_leaf, itself, tree.children_right) + start)
        feature.append(np.where(is_leaf, 0, tree.feature))
        threshold.append(np.where(is_leaf, np.inf, tree.threshold))
    # The way to the left stands after the way to the right: a comparison is the place of it.
    ways = np.stack([np.concatenate(right), np.concatenate(left)], axis=1).ravel()
    features, thresholds = np.concatenate(feature), np.concatenate(threshold)
    depth = max(int(tree.max_depth) for tree in trees)
    at_features, at_thresholds = features[starts], thresholds[starts]
    twice = starts * 2

    def leaves(rows: Matrix) -> NDArray[np.intp]:
        single = rows.astype(np.float32)
        if len(single) == 1:
            row = single[0]
            at = ways.take(twice + (row.take(at_features) <= at_thresholds))
            for _ in range(depth - 1):
                goes_left = row.take(features.take(at)) <= thresholds.take(at)
                at = ways.take(2 * at + goes_left)
            alone: NDArray[np.intp] = at[None]
            return alone
        nodes: NDArray[np.intp] = np.broadcast_to(starts, (len(single), len(starts)))
        each = np.arange(len(single))[:, None]
        for _ in range(depth):
            goes_left = single[each, features[nodes]] <= thresholds[nodes]
            nodes = ways[2 * nodes + goes_left]
        return nodes

    return leaves
