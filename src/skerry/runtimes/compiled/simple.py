"""The simplest estimators: constants, and a line through given points."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping
from typing import Any

import numpy as np

from skerry.runtimes.compiled.base import (
    Block,
    Compile,
    Compiled,
    Compiler,
    Decision,
    Matrix,
    NotCompiled,
    as_matrix,
    count_rows,
)


def _dummy_classifier(estimator: Any, _: Compile) -> Compiled:
    if estimator.strategy not in ("most_frequent", "prior", "constant"):
        raise NotCompiled("an answer that is drawn at random has no compiled form")
    labels = estimator.predict(np.zeros((1, 1)))
    if not isinstance(labels, np.ndarray):
        raise NotCompiled("sparse labels have no compiled form")
    found = estimator.predict_proba(np.zeros((1, 1)))
    each: list[Matrix] = found if isinstance(found, list) else [found]

    def both(block: Block) -> tuple[Decision, Matrix | list[Matrix]]:
        n_rows = count_rows(block)
        if n_rows == 1:
            return Decision(labels), found
        many = [p.repeat(n_rows, axis=0) for p in each]
        return (
            Decision(labels.repeat(n_rows, axis=0)),
            many if isinstance(found, list) else many[0],
        )

    return Compiled(
        predict=lambda block: both(block)[0], predict_proba=lambda block: both(block)[1], both=both
    )


def _dummy_regressor(estimator: Any, _: Compile) -> Compiled:
    answer = estimator.predict(np.zeros((1, 1)))

    def predict(block: Block) -> Decision:
        n_rows = count_rows(block)
        return Decision(answer if n_rows == 1 else answer.repeat(n_rows, axis=0))

    return Compiled(predict=predict)


def _isotonic(estimator: Any, _: Compile) -> Compiled:
    """Source: ``sklearn.isotonic.IsotonicRegression``; what it refuses or does not know is NaN."""
    at = np.asarray(estimator.X_thresholds_)
    height = np.asarray(estimator.y_thresholds_)
    if at.dtype != np.float64 or len(at) < 2:
        raise NotCompiled("thresholds of one value, or rounded, have no compiled form")
    clip = estimator.out_of_bounds == "clip"
    known: list[float] = at.tolist()
    heights: list[float] = height.astype(np.float64).tolist()
    lowest, highest = known[0], known[-1]

    def of_one(x: float) -> float:
        if not lowest <= x <= highest:
            if not clip or math.isnan(x):
                return np.nan
            return heights[0] if x < lowest else heights[-1]
        i = max(1, bisect_left(known, x))
        slope = (heights[i] - heights[i - 1]) / (known[i] - known[i - 1])
        return slope * (x - known[i - 1]) + heights[i - 1]

    def predict(block: Block) -> Decision:
        column = as_matrix(block)[:, 0]
        if len(column) == 1:
            return Decision(np.array([of_one(column.item())]))
        found = np.interp(column, at, height)
        if not clip:
            found[(column < lowest) | (column > highest)] = np.nan
        return Decision(found)

    return Compiled(predict=predict)


COMPILERS: Mapping[str, Compiler] = {
    "sklearn.dummy.DummyClassifier": _dummy_classifier,
    "sklearn.dummy.DummyRegressor": _dummy_regressor,
    "sklearn.isotonic.IsotonicRegression": _isotonic,
}
