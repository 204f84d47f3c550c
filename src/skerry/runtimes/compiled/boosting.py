"""Boosted trees: the sum of their scores by Treelite, and scikit-learn's link in float64.

Treelite's own links compute in float32, which differs by 6e-8.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skerry.core.plan import Executor
from skerry.runtimes.compiled.base import (
    Array,
    Block,
    Compile,
    Compiled,
    Compiler,
    Decision,
    Matrix,
    NotCompiled,
    as_matrix,
)
from skerry.runtimes.compiled.category_trees import raw_scores
from skerry.runtimes.compiled.links import logistic, softmax
from skerry.runtimes.compiled.tree_inference import imported, inference, rounded

Given = Callable[[Block], Matrix]
Number = NDArray[np.float64]


def _gradient_regressor(estimator: Any, _: Compile) -> Compiled:
    return _regressor(estimator, _rounded, lambda raw: raw)


def _gradient_classifier(estimator: Any, _: Compile) -> Compiled:
    factor = 2.0 if estimator.loss == "exponential" else 1.0
    return _classifier(estimator, _rounded, factor)


def _histogram_regressor(estimator: Any, _: Compile) -> Compiled:
    inverse = estimator._loss.link.inverse  # noqa: SLF001 - no public name says which link it is
    return _regressor(estimator, as_matrix, inverse)


def _histogram_classifier(estimator: Any, _: Compile) -> Compiled:
    return _classifier(estimator, as_matrix, 1.0)


def _regressor(estimator: Any, given: Given, inverse: Callable[[Number], Number]) -> Compiled:
    raw, executor = _raw(estimator, given, 1)

    def predict(block: Block) -> Decision:
        return Decision(inverse(raw(block)[:, 0]))

    return Compiled(predict=predict, has_jumps=True, executor=executor)


def _classifier(estimator: Any, given: Given, factor: float) -> Compiled:
    """Compile a classifier of one score (two classes) or one a class.

    factor: of the score before the logistic function; 2 for the exponential loss.
    """
    classes = np.asarray(estimator.classes_)
    n_scores = 1 if len(classes) == 2 else len(classes)
    if len(classes) < 2:
        raise NotCompiled("a boosted classifier of one class has no compiled form")
    raw, executor = _raw(estimator, given, n_scores)

    def decision_function(block: Block) -> Array:
        found = raw(block)
        return found[:, 0] if n_scores == 1 else found

    def predict_proba(block: Block) -> Matrix:
        scores = decision_function(block)
        return logistic(factor * scores) if n_scores == 1 else softmax(scores)

    return Compiled(
        predict_proba=predict_proba,
        decision_function=decision_function,
        classes=classes,
        has_jumps=True,
        executor=executor,
    )


def _raw(estimator: Any, given: Given, n_scores: int) -> tuple[Given, Executor]:
    """Return the sums over trees, [n_rows, n_scores]."""
    try:
        model = imported(estimator)
    except NotCompiled:
        if getattr(estimator, "_preprocessor", None) is None:
            raise
        return raw_scores(estimator), Executor.NUMPY
    infer = inference(model, raw=True, targets=1, classes=n_scores)
    return lambda block: infer(given(block))[:, 0, :], Executor.TREELITE


def _rounded(block: Block) -> Matrix:
    return rounded(as_matrix(block))


COMPILERS: Mapping[str, Compiler] = {
    "sklearn.ensemble.GradientBoostingClassifier": _gradient_classifier,
    "sklearn.ensemble.GradientBoostingRegressor": _gradient_regressor,
    "sklearn.ensemble.HistGradientBoostingClassifier": _histogram_classifier,
    "sklearn.ensemble.HistGradientBoostingRegressor": _histogram_regressor,
}
