"""Forests of independent trees: their mean, or the depth at which a row is alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from skerry.core.plan import Executor
from skerry.runtimes.compiled.base import (
    Array,
    Block,
    Compile,
    Compiled,
    Compiler,
    Decision,
    Matrix,
    as_matrix,
)
from skerry.runtimes.compiled.decisions import OUTLIER_AND_INLIER, by_sign
from skerry.runtimes.compiled.tree_inference import imported, inference, rounded
from skerry.runtimes.compiled.trees import several_outputs

_MANY_ROWS = 32
"""So many cost less tree by tree, each for all rows, than by Treelite, row by row."""
_TREES = Compiled(has_jumps=True, executor=Executor.TREELITE)


def _regressor(estimator: Any, _: Compile) -> Compiled:
    n_outputs = int(estimator.n_outputs_)
    mean = _mean(estimator, targets=n_outputs, classes=1)

    def predict(block: Block) -> Decision:
        found = mean(as_matrix(block))
        return Decision(found[:, 0, 0] if n_outputs == 1 else found[:, :, 0])

    return Compiled(predict=predict, has_jumps=True, executor=Executor.TREELITE)


def _classifier(estimator: Any, _: Compile) -> Compiled:
    if estimator.n_outputs_ == 1:
        n_classes = int(estimator.n_classes_)
        mean = _mean(estimator, targets=1, classes=n_classes)

        def predict_proba(block: Block) -> Matrix:
            return mean(as_matrix(block)).reshape(-1, n_classes)

        return Compiled(
            predict_proba=predict_proba,
            classes=np.asarray(estimator.classes_),
            ties_are_exact=_counts(estimator),
            has_jumps=True,
            executor=Executor.TREELITE,
        )
    counts = [int(n) for n in estimator.n_classes_]
    mean_of_all = _mean(estimator, targets=len(counts), classes=max(counts))

    def several(block: Block) -> list[Matrix]:
        found = mean_of_all(as_matrix(block))
        return [found[:, k, :n] for k, n in enumerate(counts)]

    like = replace(_TREES, ties_are_exact=_counts(estimator))
    return several_outputs(several, estimator.classes_, like)


def _mean(forest: Any, *, targets: int, classes: int) -> Callable[[Matrix], Array]:
    """Return the mean of all trees' values, [n_rows, n_targets, n_classes].

    Source: ``ForestClassifier.predict_proba``, which adds up in this order, too.
    """
    infer = inference(imported(forest), raw=False, targets=targets, classes=classes)
    trees = [each.tree_ for each in forest.estimators_]

    def mean(matrix: Matrix) -> Array:
        if len(matrix) < _MANY_ROWS:
            return infer(rounded(matrix))
        given = np.ascontiguousarray(matrix, dtype=np.float32)
        total: Array = np.zeros((len(given), targets, classes))
        for tree in trees:
            total += tree.predict(given).reshape(total.shape)
        total /= len(trees)
        return total

    return mean


def _counts(forest: Any) -> bool:
    """Tell whether every leaf is of one class: the probabilities are then counts of trees."""
    trees = [each.tree_ for each in forest.estimators_]
    leaves = [tree.value[tree.children_left < 0] for tree in trees]
    return all(bool(((values == 0.0) | (values == 1.0)).all()) for values in leaves)


def _isolation(estimator: Any, _: Compile) -> Compiled:
    """Source: ``IsolationForest.decision_function``; Treelite gives the score's negative."""
    infer = inference(imported(estimator), raw=False, targets=1, classes=1)
    offset = float(estimator.offset_)

    def decision_function(block: Block) -> Array:
        return -infer(rounded(as_matrix(block)))[:, 0, 0] - offset

    def predict(block: Block) -> Decision:
        return by_sign(decision_function(block), OUTLIER_AND_INLIER)

    return Compiled(
        predict=predict,
        decision_function=decision_function,
        has_jumps=True,
        executor=Executor.TREELITE,
    )


COMPILERS: Mapping[str, Compiler] = {
    "sklearn.ensemble.RandomForestClassifier": _classifier,
    "sklearn.ensemble.RandomForestRegressor": _regressor,
    "sklearn.ensemble.ExtraTreesClassifier": _classifier,
    "sklearn.ensemble.ExtraTreesRegressor": _regressor,
    "sklearn.ensemble.IsolationForest": _isolation,
}
