"""LightGBM's wrappers for scikit-learn: float64 sums over trees, and the link of the objective."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    NotCompiled,
    as_matrix,
)
from skerry.runtimes.compiled.boosting import sums_of
from skerry.runtimes.compiled.links import logistic, softmax
from skerry.runtimes.compiled.tree_inference import imported

_NOTHING = float(np.float32(1e-35))
"""Source: LightGBM, ``kZeroThreshold``."""

_INVERSES: Mapping[str, Callable[[Array], Array]] = {
    "identity": lambda raw: raw,
    "exponential": np.exp,
}
"""Treelite's names of links of one score, and how LightGBM inverts them."""


def _regressor(estimator: Any, _: Compile) -> Compiled:
    model, link = _imported(estimator)
    inverse = _INVERSES.get(link)
    if inverse is None:
        raise NotCompiled(f"LightGBM's link {link!r} has no compiled form")
    sums = sums_of(model, 1)

    def predict(block: Block) -> Decision:
        return Decision(inverse(sums(_given(block))[:, 0]))

    return Compiled(predict=predict, has_jumps=True, executor=Executor.TREELITE)


def _classifier(estimator: Any, _: Compile) -> Compiled:
    """Source: ``LGBMClassifier.predict`` and ``predict_proba``."""
    model, link = _imported(estimator)
    classes = np.asarray(estimator.classes_)
    if link not in ("sigmoid", "softmax") or (link == "sigmoid") is not (len(classes) == 2):
        raise NotCompiled(
            f"LightGBM's link {link!r} of {len(classes)} classes has no compiled form"
        )
    factor = float(model.get_header_accessor().get_field("sigmoid_alpha")[0])
    sums = sums_of(model, 1 if link == "sigmoid" else len(classes))

    def predict_proba(block: Block) -> Matrix:
        found = sums(_given(block))
        return logistic(factor * found[:, 0]) if link == "sigmoid" else softmax(found)

    return Compiled(
        predict_proba=predict_proba, classes=classes, has_jumps=True, executor=Executor.TREELITE
    )


def _given(block: Block) -> Matrix:
    """Return the rows as LightGBM reads them: what is next to nothing is nothing.

    Source: LightGBM, ``RowPairFunctionFromDenseRows``.
    """
    matrix = as_matrix(block)
    return np.where(np.abs(matrix) <= _NOTHING, 0.0, matrix)


def _imported(estimator: Any) -> tuple[Any, str]:
    """Return Treelite's model, and its name of the link."""
    model = imported(estimator)
    header = model.get_header_accessor()
    if header.get_field("average_tree_output")[0]:
        raise NotCompiled("LightGBM's forests have no compiled form")
    return model, header.get_field("postprocessor")


COMPILERS: Mapping[str, Compiler] = {
    "lightgbm.sklearn.LGBMClassifier": _classifier,
    "lightgbm.sklearn.LGBMRegressor": _regressor,
}
