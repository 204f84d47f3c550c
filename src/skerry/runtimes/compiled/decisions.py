"""From scores and probabilities to labels, and which labels rounding may have decided."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skerry.runtimes.argmax import NARROW, TIE
from skerry.runtimes.compiled.base import Array, Decision, Matrix

OUTLIER_AND_INLIER = np.array([-1, 1])
_FEW_CLASSES = 128
_SCORE_TIE = 1e-9
"""Scores are sums of any size; closer than this part of their size, rounding may order them."""


def by_probability(
    probabilities: Matrix, classes: Array, *, ties_are_exact: bool = False
) -> tuple[Array, NDArray[np.float64], NDArray[np.bool_] | None]:
    """Return the class of highest probability, that probability, and the uncertain rows.

    probabilities: [n_rows, n_classes]. NaN makes a row uncertain, and so does a tie, unless they
        are exact: then the first class wins.
    """
    if len(probabilities) == 1:
        values = probabilities.tolist()[0]
        if math.isfinite(sum(values)):
            best = max(values)
            i = values.index(best)
            values[i] = -math.inf
            sure = ties_are_exact or best - max(values) > TIE
            return classes[i : i + 1], probabilities[0, i : i + 1], None if sure else _ONE
    chosen, best_of_each, uncertain = _highest(probabilities, TIE, 0.0)
    if ties_are_exact:
        unknown = np.isnan(best_of_each)
        uncertain = unknown if unknown.any() else None
    return classes[chosen], best_of_each, uncertain


def by_probabilities(
    each: Sequence[Matrix], classes: Sequence[Array], dtype: Any, *, ties_are_exact: bool = False
) -> Decision:
    """Return the class of highest probability of each output, [n_rows, n_outputs].

    each, classes: one an output; otherwise as ``by_probability``. dtype: of the labels.
    """
    labels: list[Array] = []
    uncertain = None
    for probabilities, known in zip(each, classes, strict=True):
        chosen, _, unsure = by_probability(probabilities, known, ties_are_exact=ties_are_exact)
        labels.append(chosen)
        uncertain = either(uncertain, unsure)
    return Decision(np.stack(labels, axis=1).astype(dtype, copy=False), uncertain)


def by_score(
    scores: Matrix,
    classes: Array,
    tie: float = _SCORE_TIE,
    size: float | NDArray[np.float64] = 1.0,
) -> Decision:
    """Return the class of highest score of each row.

    scores: [n_rows, n_classes]. tie: scores closer than this part of their size are uncertain.
    size: the least that their size is taken for, of all rows or [n_rows].
    """
    if len(scores) == 1 and scores.size <= _FEW_CLASSES:
        values = scores.tolist()[0]
        if math.isfinite(sum(values)):
            highest = max(values)
            i = values.index(highest)
            values[i] = -math.inf
            sure = highest - max(values) > tie * max(float(size), abs(highest))
            return Decision(classes[i : i + 1], None if sure else _ONE)
    chosen, _, uncertain = _highest(scores, tie * size, tie)
    return Decision(classes[chosen], uncertain)


def by_sign(scores: NDArray[np.float64], classes: Array, threshold: float = 0.0) -> Decision:
    """Return ``classes[1]`` where the score is above the threshold, else ``classes[0]``.

    scores: [n_rows]; classes: two of them.
    """
    if len(scores) == 1:
        score = scores.item()
        i = int(score > threshold)
        sure = abs(score - threshold) > _SCORE_TIE * max(1.0, abs(score))
        return Decision(classes[i : i + 1], None if sure else _ONE)
    distance = scores - threshold
    return Decision(classes[(distance > 0).astype(np.intp)], near(distance, scores))


def by_threshold(scores: Matrix, threshold: float) -> Decision:
    """Return 1 for each score above the threshold, else 0.

    scores: [n_rows, n_labels].
    """
    if len(scores) == 1 and scores.size <= _FEW_CLASSES:
        distances = [score - threshold for score in scores.tolist()[0]]
        if math.isfinite(sum(distances)):
            sure = min(map(abs, distances)) > _SCORE_TIE * max(1.0, *map(abs, distances))
            labels = np.array([[1 if distance > 0.0 else 0 for distance in distances]])
            return Decision(labels, None if sure else _ONE)
    distance = scores - threshold
    uncertain = near(distance, scores)
    return Decision(
        (distance > 0).astype(np.int64), None if uncertain is None else np.any(uncertain, axis=1)
    )


def near(distance: NDArray[np.float64], size: NDArray[np.float64]) -> NDArray[np.bool_] | None:
    """Return the rows whose distance from a border is rounding, None where there are none.

    size: how large the numbers are that the distance was made of.
    """
    sure = np.abs(distance) > _SCORE_TIE * np.maximum(1.0, np.abs(size))
    return None if sure.all() else ~sure


def either(a: NDArray[np.bool_] | None, b: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
    """Return the rows that are uncertain in one or the other."""
    if a is None or b is None:
        return b if a is None else a
    return a | b


def _highest(
    scores: Matrix, tie: float | NDArray[np.float64], relative: float
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.bool_] | None]:
    """Return the column of each row's highest score, that score, and the uncertain rows.

    tie, relative: a second one is uncertain within ``tie``, or this part of the highest's size;
        tie of all rows or [n_rows].
    """
    # numpy reduces long columns several times sooner than short rows.
    columns = scores.T
    if scores.shape[1] <= NARROW:
        columns = np.ascontiguousarray(columns)
    best: NDArray[np.float64] = columns.max(axis=0)
    margin = np.maximum(tie, relative * np.abs(best)) if relative else tie
    close = columns >= best - margin
    chosen = close.argmax(axis=0)
    if np.count_nonzero(close) == len(best) and bool(np.isfinite(best).all()):
        return chosen, best, None
    unsure: NDArray[np.bool_] = np.count_nonzero(close, axis=0) != 1
    return columns.argmax(axis=0), best, unsure if unsure.any() else None


_ONE = np.ones(1, dtype=np.bool_)
