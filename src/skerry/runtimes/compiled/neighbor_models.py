"""Classifiers, regressors and detectors that ask the nearest training rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

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
from skerry.runtimes.compiled.decisions import either, near
from skerry.runtimes.compiled.linear_classifiers import OUTLIER_AND_INLIER
from skerry.runtimes.compiled.neighbors import Search, nearest_of, weights_of, within

_TIE = 1e-12
Row = Matrix
Votes = list[list[float]]
"""For each output, the probabilities of its classes."""


def _k_classifier(estimator: Any, _: Compile) -> Compiled:
    return _classifier(estimator, nearest_of(estimator, estimator.n_neighbors))


def _radius_classifier(estimator: Any, _: Compile) -> Compiled:
    return _classifier(estimator, within(estimator, estimator.radius))


def _classifier(estimator: Any, search: Search) -> Compiled:
    several = bool(estimator.outputs_2d_)
    classes = [np.asarray(c) for c in (estimator.classes_ if several else [estimator.classes_])]
    codes = np.asarray(estimator._y).reshape(len(estimator._y), -1)  # noqa: SLF001 - has no public name
    columns = [codes[:, k].copy() for k in range(len(classes))]
    sizes = [len(c) for c in classes]
    weigh = weights_of(estimator)
    # Equal counts are equal, and the first class wins; equal sums of weights may be rounding.
    tie = 0.0 if weigh is None else _TIE

    def votes_of(row: Row) -> tuple[Votes, bool]:
        indices, distances, sure = search(row)
        if len(indices) == 0:  # scikit-learn says what an outlier is, or refuses it
            return [[1.0] + [0.0] * (size - 1) for size in sizes], False
        weights = [1.0] * len(indices) if weigh is None else weigh(distances).tolist()
        total = sum(weights)
        votes: Votes = []
        for column, size in zip(columns, sizes, strict=True):
            counts = [0.0] * size
            for code, weight in zip(column[indices].tolist(), weights, strict=True):
                counts[code] += weight
            votes.append([count / total for count in counts])
        return votes, sure

    def both(block: Block) -> tuple[Decision, Matrix | list[Matrix]]:
        found = [votes_of(row) for row in _rows(block)]
        sure = [each for _, each in found]
        labels, probabilities = [], []
        for k, known in enumerate(classes):
            outputs = [votes[k] for votes, _ in found]
            best = [votes.index(max(votes)) for votes in outputs]
            labels.append(known[best])
            probabilities.append(np.array(outputs))
            if tie:
                sure = [s and _is_alone(v, b) for s, v, b in zip(sure, outputs, best, strict=True)]
        uncertain = None if all(sure) else ~np.array(sure)
        if not several:
            return Decision(labels[0], uncertain), probabilities[0]
        dtype = classes[0].dtype
        return Decision(np.stack(labels, axis=1).astype(dtype), uncertain), probabilities

    return _of_both(both)


def _is_alone(votes: list[float], best: int) -> bool:
    highest = votes[best]
    return all(i == best or highest - vote > _TIE for i, vote in enumerate(votes))


def _of_both(both: Callable[[Block], tuple[Decision, Matrix | list[Matrix]]]) -> Compiled:
    return Compiled(
        predict=lambda block: both(block)[0], predict_proba=lambda block: both(block)[1], both=both
    )


def _k_regressor(estimator: Any, _: Compile) -> Compiled:
    return _regressor(estimator, nearest_of(estimator, estimator.n_neighbors))


def _radius_regressor(estimator: Any, _: Compile) -> Compiled:
    return _regressor(estimator, within(estimator, estimator.radius))


def _regressor(estimator: Any, search: Search) -> Compiled:
    targets = np.asarray(estimator._y, dtype=np.float64)  # noqa: SLF001 - has no public name
    weigh = weights_of(estimator)
    shape = targets.shape[1:]

    def answer_of_one(row: Row) -> tuple[Array, bool]:
        indices, distances, sure = search(row)
        if len(indices) == 0:
            return np.full((1, *shape), np.nan), False
        if weigh is None:
            weights = np.full(len(indices), 1.0 / len(indices))
        else:
            weights = weigh(distances)
            weights /= weights.sum()
        return weights.dot(targets[indices])[None], sure

    def predict(block: Block) -> Decision:
        found = [answer_of_one(row) for row in _rows(block)]
        sure = [each for _, each in found]
        answers = found[0][0] if len(found) == 1 else np.concatenate([a for a, _ in found])
        return Decision(answers, None if all(sure) else ~np.array(sure))

    return Compiled(predict=predict)


def _outliers(estimator: Any, _: Compile) -> Compiled:
    """Source: ``sklearn.neighbors.LocalOutlierFactor.score_samples``."""
    if not estimator.novelty:
        raise NotCompiled("a local outlier factor of novelty=False has no predict")
    search = nearest_of(estimator, estimator.n_neighbors_)
    density = np.asarray(estimator._lrd)  # noqa: SLF001 - has no public name
    reach = np.ascontiguousarray(estimator._distances_fit_X_[:, estimator.n_neighbors_ - 1])
    offset, count = float(estimator.offset_), float(estimator.n_neighbors_)

    def score_of(row: Row) -> tuple[float, bool]:
        indices, distances, sure = search(row)
        reached = float(np.maximum(distances, reach[indices]).sum())
        own = 1.0 / (reached / count + 1e-10)
        return -float(density[indices].sum()) / count / own - offset, sure

    def scores_of(block: Block) -> tuple[Array, list[bool]]:
        found = [score_of(row) for row in _rows(block)]
        return np.array([score for score, _ in found]), [sure for _, sure in found]

    def predict(block: Block) -> Decision:
        scores, sure = scores_of(block)
        uncertain = None if all(sure) else ~np.array(sure)
        labels = OUTLIER_AND_INLIER.take(scores >= 0.0)
        return Decision(labels, either(uncertain, near(scores, scores)))

    return Compiled(predict=predict)


def _rows(block: Block) -> list[Row]:
    matrix = as_matrix(block)
    return [matrix] if len(matrix) == 1 else [matrix[i : i + 1] for i in range(len(matrix))]


COMPILERS: Mapping[str, Compiler] = {
    "sklearn.neighbors.KNeighborsClassifier": _k_classifier,
    "sklearn.neighbors.KNeighborsRegressor": _k_regressor,
    "sklearn.neighbors.LocalOutlierFactor": _outliers,
    "sklearn.neighbors.RadiusNeighborsClassifier": _radius_classifier,
    "sklearn.neighbors.RadiusNeighborsRegressor": _radius_regressor,
}
