"""How a meta-estimator asks the compiled estimators it is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skerry.runtimes.compiled.base import (
    Block,
    Compile,
    Compiled,
    Decision,
    Matrix,
    NotCompiled,
    Predict,
)
from skerry.runtimes.compiled.decisions import by_probability

Score = Callable[[Block], NDArray[np.float64]]


def predict_of(part: Compiled) -> Predict:
    """Return its ``predict``, by way of ``predict_proba`` where that decides.

    Raises:
        NotCompiled: it has neither.
    """
    if part.predict is not None:
        return part.predict
    classes = part.classes
    probabilities = single_probabilities(part)
    if classes is None:
        raise NotCompiled("predict has no compiled form")

    def predict(block: Block) -> Decision:
        labels, _, uncertain = by_probability(probabilities(block), classes)
        return Decision(labels, uncertain)

    return predict


def single_probabilities(part: Compiled) -> Callable[[Block], Matrix]:
    """Return its ``predict_proba``, which must be one array.

    Raises:
        NotCompiled: it has none.
    """
    ask = part.predict_proba
    if ask is None:
        raise NotCompiled("predict_proba has no compiled form")

    def probabilities(block: Block) -> Matrix:
        found = ask(block)
        if not isinstance(found, np.ndarray):
            raise TypeError("predict_proba of several outputs")
        return found

    return probabilities


def score_of(part: Compiled, method: str, k: int = 1) -> Score:
    """Return one number a row: how much a classifier of two classes is for the class ``k``.

    method: predict_proba or decision_function.
    """
    if method == "predict_proba":
        probabilities = single_probabilities(part)
        return lambda block: probabilities(block)[:, k]
    decide = part.decision_function
    if decide is None:
        raise NotCompiled(f"{method} has no compiled form")
    if k == 1:
        return decide
    return lambda block: -decide(block)


def binary_score(estimator: Any, part: Compiled) -> tuple[Score, float]:
    """Return how one of several classifiers of two classes scores a row, and from where on.

    Source: ``_predict_binary`` and ``_threshold_for_binary_predict`` of ``sklearn.multiclass``.
    """
    from sklearn.base import is_regressor

    if is_regressor(estimator):
        predict = predict_of(part)
        return lambda block: predict(block).labels, 0.5
    if hasattr(estimator, "decision_function"):
        return score_of(part, "decision_function"), 0.0
    return score_of(part, "predict_proba"), 0.5


def stacked(scores: Sequence[Score], block: Block) -> Matrix:
    """Return float64 [n_rows, n_scores]."""
    found = [score(block) for score in scores]
    made = np.empty((len(found[0]), len(found)))
    for k, column in enumerate(found):
        made[:, k] = column
    return made


def compiled_all(estimators: Sequence[Any], compile_: Compile) -> list[Compiled]:
    """Return the compiled form of each."""
    return [compile_(estimator) for estimator in estimators]
