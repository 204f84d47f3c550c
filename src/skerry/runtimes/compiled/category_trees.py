"""Boosted trees that split by categories of a table, which Treelite does not take."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from skerry.runtimes.compiled.base import Block, Matrix, NotCompiled

_MAX_NODES = 100_000
Leaf = float
Fork = tuple[int, float | frozenset[int], bool, Any, Any]
"""Feature, threshold or the categories that go left, whether missing ones do, left, right."""
Node = Leaf | Fork


def raw_scores(estimator: Any) -> Callable[[Block], Matrix]:
    """Return the sums over trees [n_rows, n_scores] of a histogram-based boosting model.

    Source: ``sklearn.ensemble._hist_gradient_boosting._predictor``.
    """
    if sum(len(each.nodes) for trees in estimator._predictors for each in trees) > _MAX_NODES:  # noqa: SLF001 - has no public name
        raise NotCompiled("trees of so many nodes take too much memory as Python objects")
    rounds = [[_tree(each) for each in trees] for trees in estimator._predictors]  # noqa: SLF001 - has no public name
    by_score = list(zip(*rounds, strict=True))
    start: list[float] = np.ravel(estimator._baseline_prediction).tolist()  # noqa: SLF001 - has no public name
    encoded = _encoder(estimator)

    def scores_of(row: list[float]) -> list[float]:
        return [
            sum((_value(tree, row) for tree in trees), first)
            for trees, first in zip(by_score, start, strict=True)
        ]

    def scores(block: Block) -> Matrix:
        values: Iterable[Any] = block.tolist() if isinstance(block, np.ndarray) else _rows(block)
        return np.array([scores_of(encoded(row)) for row in values])

    return scores


def _rows(columns: tuple[Any, ...]) -> Iterable[tuple[Any, ...]]:
    return zip(*(column.tolist() for column in columns), strict=True)


def _encoder(estimator: Any) -> Callable[[Any], list[float]]:
    """Return the function that numbers the categories of a row; they come first then."""
    is_category = np.asarray(estimator.is_categorical_)
    encoder = estimator._preprocessor.named_transformers_["encoder"]  # noqa: SLF001 - has no public name
    codes = [
        {category: float(code) for code, category in enumerate(known) if not _is_missing(category)}
        for known in (each.tolist() for each in encoder.categories_)
    ]
    categories = list(zip(np.flatnonzero(is_category).tolist(), codes, strict=True))
    numbers = np.flatnonzero(~is_category).tolist()

    def encoded(row: Any) -> list[float]:
        return [
            *(known.get(row[j], math.nan) for j, known in categories),
            *(row[j] for j in numbers),
        ]

    return encoded


def _tree(predictor: Any) -> Node:
    nodes, bitsets = predictor.nodes, predictor.raw_left_cat_bitsets

    def node_at(at: int) -> Node:
        node = nodes[at]
        if node["is_leaf"]:
            return float(node["value"])
        border: float | frozenset[int] = float(node["num_threshold"])
        if node["is_categorical"]:
            words = bitsets[node["bitset_idx"]].tolist()
            border = frozenset(c for c in range(256) if words[c >> 5] >> (c & 31) & 1)
        sides = node_at(int(node["left"])), node_at(int(node["right"]))
        return int(node["feature_idx"]), border, bool(node["missing_go_to_left"]), *sides

    return node_at(0)


def _value(node: Node, row: list[float]) -> float:
    while isinstance(node, tuple):
        feature, border, missing_left, left, right = node
        value = row[feature]
        if math.isnan(value):
            goes_left = missing_left
        else:
            goes_left = value <= border if isinstance(border, float) else value in border
        node = left if goes_left else right
    return node


def _is_missing(category: object) -> bool:
    return category is None or (isinstance(category, float) and math.isnan(category))
