"""Support vector machines: weighted sums of kernels, one for each pair of classes."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skerry.runtimes.compiled.base import (
    Array,
    Block,
    Compile,
    Compiled,
    Compiler,
    Decision,
    Matrix,
    NotCompiled,
    Scores,
    as_matrix,
)
from skerry.runtimes.compiled.decisions import OUTLIER_AND_INLIER, by_sign, near
from skerry.runtimes.compiled.kernels import kernel_of, require_well_conditioned
from skerry.runtimes.compiled.linear import linear_scores

_TIE = 1e-9
_MAX_WEIGHTS = 4_000_000
_MANY_DIGITS_LOST = 1e-7


def _classifier(estimator: Any, _: Compile) -> Compiled:
    classes = np.asarray(estimator.classes_)
    if estimator.break_ties:
        raise NotCompiled("break_ties=True has no compiled form")
    scores = _weighted(estimator, _of_pairs(estimator._dual_coef_, estimator._n_support))  # noqa: SLF001 - of libsvm's sign and order, unlike the public ones
    if len(classes) == 2:

        def of_two(block: Block) -> Array:
            return -scores(block)

        return Compiled(
            predict=lambda block: by_sign(of_two(block), classes), decision_function=of_two
        )
    pairs = list(combinations(range(len(classes)), 2))
    one_vs_rest = estimator.decision_function_shape == "ovr"
    return Compiled(
        predict=lambda block: _by_votes(scores(block), pairs, classes),
        decision_function=(
            (lambda block: _confidences(scores(block), pairs, len(classes)))
            if one_vs_rest
            else scores
        ),
    )


def _by_votes(scores: Matrix, pairs: list[tuple[int, int]], classes: Array) -> Decision:
    """Return the class that won most often, the first of several.

    scores: [n_rows, n_pairs], above zero where the first of the pair wins.
    """
    if len(scores) == 1:
        counts, sure = [0] * len(classes), True
        for score, (i, j) in zip(scores.tolist()[0], pairs, strict=True):
            counts[i if score > 0 else j] += 1
            if -_TIE <= score <= _TIE:
                sure = False
        best = counts.index(max(counts))
        return Decision(classes[best : best + 1], None if sure else np.ones(1, dtype=np.bool_))
    votes = _votes(scores, pairs, len(classes))
    uncertain = near(np.abs(scores).min(axis=1), np.ones(1))
    return Decision(classes[votes.argmax(axis=1)], uncertain)


def _votes(scores: Matrix, pairs: list[tuple[int, int]], n_classes: int) -> NDArray[np.float64]:
    votes = np.zeros((len(scores), n_classes))
    for k, (i, j) in enumerate(pairs):
        won = scores[:, k] > 0
        votes[:, i] += won
        votes[:, j] += ~won
    return votes


def _confidences(scores: Matrix, pairs: list[tuple[int, int]], n_classes: int) -> Matrix:
    """Return one score a class. Source: ``sklearn.utils.multiclass._ovr_decision_function``."""
    votes, sums = _votes(scores, pairs, n_classes), np.zeros((len(scores), n_classes))
    for k, (i, j) in enumerate(pairs):
        sums[:, i] += scores[:, k]
        sums[:, j] -= scores[:, k]
    confidences: Matrix = votes + sums / (3.0 * (np.abs(sums) + 1.0))
    return confidences


def _regressor(estimator: Any, _: Compile) -> Compiled:
    scores = _weighted(estimator, estimator._dual_coef_.T)
    return Compiled(predict=lambda block: Decision(scores(block)))


def _outliers(estimator: Any, _: Compile) -> Compiled:
    scores = _weighted(estimator, estimator._dual_coef_.T)
    return Compiled(
        predict=lambda block: by_sign(scores(block), OUTLIER_AND_INLIER), decision_function=scores
    )


def _of_pairs(coef: Array, n_support: Array) -> Matrix:
    """Return the weights [n_vectors, n_pairs] of libsvm's coefficients [n_classes - 1, n_vectors].

    Source: ``svm_predict_values`` of libsvm.
    """
    ends = np.cumsum(n_support)
    groups = [slice(int(end - n), int(end)) for end, n in zip(ends, n_support, strict=True)]
    pairs = list(combinations(range(len(groups)), 2))
    if coef.shape[1] * len(pairs) > _MAX_WEIGHTS:
        raise NotCompiled(f"{len(pairs)} pairs of classes take too much memory")
    weights = np.zeros((coef.shape[1], len(pairs)))
    for k, (i, j) in enumerate(pairs):
        weights[groups[i], k] = coef[j - 1, groups[i]]
        weights[groups[j], k] = coef[i, groups[j]]
    return weights


def _weighted(estimator: Any, weights: Array) -> Scores:
    """Return libsvm's decision values: [n_rows] of one sum, else [n_rows, n_sums].

    NaN where a sum has lost so many digits that another order of it would show.
    """
    if estimator._sparse:  # noqa: SLF001 - has no public name
        raise NotCompiled("a support vector machine of sparse rows has no compiled form")
    vectors, intercept = np.asarray(estimator.support_vectors_), estimator._intercept_
    if estimator.kernel == "linear":
        return linear_scores((vectors.T @ weights).T, intercept)
    kernel = kernel_of(
        estimator.kernel,
        vectors,
        estimator._gamma,  # noqa: SLF001 - what "scale" came to
        estimator.degree,
        estimator.coef0,
    )
    weights = np.ascontiguousarray(weights[:, 0] if weights.shape[1] == 1 else weights)
    offset = float(intercept[0]) if weights.ndim == 1 else np.asarray(intercept)
    if estimator.kernel != "poly":
        require_well_conditioned(weights)
        row_offset = np.array([offset])

        def weighted(block: Block) -> Array:
            found: Array = kernel(as_matrix(block)).dot(weights)
            found += row_offset
            return found

        return weighted
    sizes = np.abs(weights)

    def scores(block: Block) -> Array:
        values = kernel(as_matrix(block))
        found: Array = values.dot(weights) + offset
        lost = np.abs(values).dot(sizes) * _MANY_DIGITS_LOST > np.maximum(1.0, np.abs(found))
        found[lost] = np.nan
        return found

    return scores


COMPILERS: Mapping[str, Compiler] = {
    "sklearn.svm.NuSVC": _classifier,
    "sklearn.svm.NuSVR": _regressor,
    "sklearn.svm.OneClassSVM": _outliers,
    "sklearn.svm.SVC": _classifier,
    "sklearn.svm.SVR": _regressor,
}
