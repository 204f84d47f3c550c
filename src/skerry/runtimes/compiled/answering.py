"""Has a compiled estimator answer as a servable does: labels, confidences, probabilities."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skerry.core.rows import Predictions
from skerry.runtimes.answers import Shape, best_of, split_probabilities
from skerry.runtimes.compiled.base import (
    Array,
    Block,
    Both,
    Compiled,
    Matrix,
    NotCompiled,
    Predict,
    Probabilities,
)
from skerry.runtimes.compiled.decisions import by_probability, either


class Answered(NamedTuple):
    """Predictions, and the rows of them that scikit-learn has to answer; None for no row."""

    predictions: Predictions
    uncertain: NDArray[np.bool_] | None


Answer = Callable[[Block], Answered]


def answer_of(compiled: Compiled, shape: Shape) -> Answer:
    """Return the function that answers rows.

    shape: how ``predict_proba`` of the model itself answers.

    Raises:
        NotCompiled: a method that the answer needs has no compiled form.
    """
    predict, predict_proba = compiled.predict, compiled.predict_proba
    if shape is Shape.SINGLE and predict_proba is not None and compiled.classes is not None:
        return _by_argmax(predict_proba, compiled.classes, compiled.ties_are_exact)
    if predict is None:
        raise NotCompiled("predict has no compiled form")
    if shape is Shape.NONE:
        return _of_labels(predict)
    if predict_proba is None:
        raise NotCompiled("predict_proba has no compiled form")
    both = compiled.both or (lambda block: (predict(block), predict_proba(block)))
    return _of_one_output(both) if shape is Shape.SINGLE else _of_several_outputs(both, shape)


def _by_argmax(predict_proba: Probabilities, classes: Array, ties_are_exact: bool) -> Answer:
    def answer(block: Block) -> Answered:
        probabilities: Matrix = predict_proba(block)  # type: ignore[assignment]  # one output
        labels, best, uncertain = by_probability(
            probabilities, classes, ties_are_exact=ties_are_exact
        )
        return Answered(Predictions(labels, best, (probabilities,)), uncertain)

    return answer


def _of_labels(predict: Predict) -> Answer:
    def answer(block: Block) -> Answered:
        labels, uncertain = predict(block)
        if labels.ndim == 2 and labels.shape[1] == 1:  # as a native answer has it
            labels = labels[:, 0]
        if labels.dtype.kind == "f":
            uncertain = either(uncertain, _not_finite(labels))
        return Answered(Predictions(labels), uncertain)

    return answer


def _of_one_output(both: Both) -> Answer:
    def answer(block: Block) -> Answered:
        (labels, uncertain), found = both(block)
        probabilities: Matrix = found  # type: ignore[assignment]  # one output
        confidences = best_of((probabilities,))[:, 0]
        uncertain = either(uncertain, _not_finite(confidences))
        return Answered(Predictions(labels, confidences, (probabilities,)), uncertain)

    return answer


def _of_several_outputs(both: Both, shape: Shape) -> Answer:
    def answer(block: Block) -> Answered:
        (labels, uncertain), probabilities = both(block)
        each = split_probabilities(shape, probabilities)
        confidences = best_of(each)
        uncertain = either(uncertain, _not_finite(confidences))
        if labels.shape[1:] == (1,):
            labels = labels[:, 0]
        if labels.ndim == 1:
            confidences = confidences[:, 0]
        return Answered(Predictions(labels, confidences, each), uncertain)

    return answer


def _not_finite(numbers: NDArray[np.float64]) -> NDArray[np.bool_] | None:
    """Return the rows that hold no numbers: scikit-learn may refuse what overflowed here."""
    if len(numbers) == 1 and math.isfinite(sum(numbers.ravel().tolist())):
        return None
    finite: NDArray[np.bool_] = np.isfinite(numbers)
    if finite.all():
        return None
    rows: NDArray[np.bool_] = finite if finite.ndim == 1 else np.all(finite, axis=1)
    return ~rows
