"""Boosted trees: the sum of their scores, and scikit-learn's link in float64.

Treelite's own links compute in float32, which differs by 6e-8.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
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
from skerry.runtimes.compiled.chains import UNCHANGED, behind
from skerry.runtimes.compiled.composition import side_by_side
from skerry.runtimes.compiled.leaf_bits import leaf_bits
from skerry.runtimes.compiled.links import logistic, softmax
from skerry.runtimes.compiled.tree_inference import imported, inference, rounded

Given = Callable[[Block], Matrix]
Number = NDArray[np.float64]


def _gradient_regressor(estimator: Any, _: Compile) -> Compiled:
    return _regressor(estimator, _rounded, lambda raw: raw)


def _gradient_classifier(estimator: Any, _: Compile) -> Compiled:
    factor = 2.0 if estimator.loss == "exponential" else 1.0
    return _classifier(estimator, _rounded, factor)


def _histogram_regressor(estimator: Any, compile_: Compile) -> Compiled:
    inverse = estimator._loss.link.inverse  # noqa: SLF001 - no public name says which link it is
    return _encoded(estimator, compile_, lambda plain: _regressor(plain, as_matrix, inverse))


def _histogram_classifier(estimator: Any, compile_: Compile) -> Compiled:
    return _encoded(estimator, compile_, lambda plain: _classifier(plain, as_matrix, 1.0))


def _encoded(estimator: Any, compile_: Compile, build: Callable[[Any], Compiled]) -> Compiled:
    """Compile the encoder of categories, and behind it the trees, which know codes only.

    Source: ``BaseHistGradientBoosting._preprocess_X``: categories go before numbers.
    """
    if getattr(estimator, "_preprocessor", None) is None:
        return build(estimator)
    plain = copy(estimator)
    plain._preprocessor = None  # noqa: SLF001 - a copy that takes what the encoder gives
    is_category = np.asarray(estimator.is_categorical_)
    encoder = estimator._preprocessor.named_transformers_["encoder"]  # noqa: SLF001 - fitted state
    parts, selections = [compile_(encoder)], [np.flatnonzero(is_category).tolist()]
    if not is_category.all():
        parts.append(UNCHANGED)
        selections.append(np.flatnonzero(~is_category).tolist())
    return behind(side_by_side(parts, selections), build(plain))


def _regressor(estimator: Any, given: Given, inverse: Callable[[Number], Number]) -> Compiled:
    scores = sums_of(imported(estimator), 1)

    def predict(block: Block) -> Decision:
        return Decision(inverse(scores(given(block))[:, 0]))

    return Compiled(predict=predict, has_jumps=True, executor=Executor.TREELITE)


def _classifier(estimator: Any, given: Given, factor: float) -> Compiled:
    """Compile a classifier of one score (two classes) or one a class.

    factor: of the score before the logistic function; 2 for the exponential loss.
    """
    classes = np.asarray(estimator.classes_)
    n_scores = 1 if len(classes) == 2 else len(classes)
    if len(classes) < 2:
        raise NotCompiled("a boosted classifier of one class has no compiled form")
    scores = sums_of(imported(estimator), n_scores)

    def decision_function(block: Block) -> Array:
        found = scores(given(block))
        return found[:, 0] if n_scores == 1 else found

    def predict_proba(block: Block) -> Matrix:
        found = decision_function(block)
        return logistic(factor * found) if n_scores == 1 else softmax(found)

    return Compiled(
        predict_proba=predict_proba,
        decision_function=decision_function,
        classes=classes,
        has_jumps=True,
        executor=Executor.TREELITE,
    )


def sums_of(model: Any, n_scores: int) -> Callable[[Matrix], Matrix]:
    """Return the sums of all trees, [n_rows, n_scores]: of few rows one by one, of many at once.

    model: Treelite's, with float64 numbers.
    """
    few, many = inference(model, raw=True, targets=1, classes=n_scores), leaf_bits(model)

    def sums(matrix: Matrix) -> Matrix:
        if many is not None and len(matrix) >= many.pays_from:
            return many(matrix)
        return few(matrix)[:, 0, :]

    return sums


def _rounded(block: Block) -> Matrix:
    return rounded(as_matrix(block))


COMPILERS: Mapping[str, Compiler] = {
    "sklearn.ensemble.GradientBoostingClassifier": _gradient_classifier,
    "sklearn.ensemble.GradientBoostingRegressor": _gradient_regressor,
    "sklearn.ensemble.HistGradientBoostingClassifier": _histogram_classifier,
    "sklearn.ensemble.HistGradientBoostingRegressor": _histogram_regressor,
}
