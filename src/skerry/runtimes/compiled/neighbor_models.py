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
from skerry.runtimes.compiled.decisions import OUTLIER_AND_INLIER, by_sign, either
from skerry.runtimes.compiled.neighbors import Distances, Search, nearest_of, weights_of, within

_TIE = 1e-12
_FEW = 8
Row = Matrix
Votes = list[list[float]]
"""For each output, the probabilities of its classes."""


def _k_classifier(estimator: Any, _: Compile) -> Compiled:
    return _classifier(estimator, nearest_of(estimator, estimator.n_neighbors))


def _radius_classifier(estimator: Any, _: Compile) -> Compiled:
    return _classifier(estimator, within(estimator, estimator.radius))


def _classifier(estimator: Any, found_by: tuple[Search, Distances]) -> Compiled:
    search, distances_of = found_by
    several = bool(estimator.outputs_2d_)
    classes = [np.asarray(c) for c in (estimator.classes_ if several else [estimator.classes_])]
    codes = np.asarray(estimator._y).reshape(len(estimator._y), -1)  # noqa: SLF001 - has no public name
    columns = [codes[:, k].copy() for k in range(len(classes))]
    sizes = [len(c) for c in classes]
    weigh = weights_of(estimator)
    # Equal counts are equal, and the first class wins; equal sums of weights may be rounding.
    tie = 0.0 if weigh is None else _TIE

    def votes_of(row: Row) -> tuple[Votes, bool]:
        found = search(row)
        indices = found.indices
        if len(indices) == 0:  # scikit-learn says what an outlier is, or refuses it
            return [[1.0] + [0.0] * (size - 1) for size in sizes], False
        if weigh is None:
            total = float(len(indices))
            return [
                [count / total for count in _counts(column.take(indices).tolist(), size)]
                for column, size in zip(columns, sizes, strict=True)
            ], found.sure
        weights = weigh(distances_of(found))
        share = (weights / weights.sum()).tolist()
        return [
            _weighted_counts(column.take(indices).tolist(), share, size)
            for column, size in zip(columns, sizes, strict=True)
        ], found.sure

    def both(block: Block) -> tuple[Decision, Matrix | list[Matrix]]:
        found = [votes_of(row) for row in _rows(block)]
        sure = [each for _, each in found]
        labels, probabilities = [], []
        for k, known in enumerate(classes):
            outputs = [votes[k] for votes, _ in found]
            best = [votes.index(max(votes)) for votes in outputs]
            labels.append(known[best[0] : best[0] + 1] if len(best) == 1 else known.take(best))
            probabilities.append(np.array(outputs))
            if tie:
                sure = [s and _is_alone(v, b) for s, v, b in zip(sure, outputs, best, strict=True)]
        uncertain = None if all(sure) else ~np.array(sure)
        if not several:
            return Decision(labels[0], uncertain), probabilities[0]
        dtype = classes[0].dtype
        return Decision(np.stack(labels, axis=1).astype(dtype), uncertain), probabilities

    return _of_both(both)


def _counts(codes: list[int], size: int) -> list[int]:
    return [codes.count(code) for code in range(size)] if size < _FEW else _tally(codes, size)


def _tally(codes: list[int], size: int) -> list[int]:
    counts = [0] * size
    for code in codes:
        counts[code] += 1
    return counts


def _weighted_counts(codes: list[int], weights: list[float], size: int) -> list[float]:
    counts = [0.0] * size
    for code, weight in zip(codes, weights, strict=True):
        counts[code] += weight
    return counts


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


def _regressor(estimator: Any, found_by: tuple[Search, Distances]) -> Compiled:
    search, distances_of = found_by
    targets = np.asarray(estimator._y, dtype=np.float64)  # noqa: SLF001 - has no public name
    weigh = weights_of(estimator)
    shape, single = targets.shape[1:], targets.ndim == 1

    def answer_of_one(row: Row) -> tuple[Array, bool]:
        found = search(row)
        indices = found.indices
        if len(indices) == 0:
            return np.full((1, *shape), np.nan), False
        if weigh is None:
            if single:
                return np.array([sum(targets.take(indices).tolist()) / len(indices)]), found.sure
            weights = np.full(len(indices), 1.0 / len(indices))
        else:
            weights = weigh(distances_of(found))
            weights /= weights.sum()
        return weights.dot(targets[indices])[None], found.sure

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
    search, distances_of = nearest_of(estimator, estimator.n_neighbors_)
    density = np.asarray(estimator._lrd)  # noqa: SLF001 - has no public name
    reach = np.ascontiguousarray(estimator._distances_fit_X_[:, estimator.n_neighbors_ - 1])
    offset, count = float(estimator.offset_), float(estimator.n_neighbors_)
    ones = np.ones(estimator.n_neighbors_)

    def score_of(row: Row) -> tuple[float, bool]:
        found = search(row)
        indices = found.indices
        reached = np.maximum(distances_of(found), reach.take(indices)).dot(ones).item()
        own = 1.0 / (reached / count + 1e-10)
        return -density.take(indices).dot(ones).item() / count / own - offset, found.sure

    def predict(block: Block) -> Decision:
        found = [score_of(row) for row in _rows(block)]
        labels, uncertain = by_sign(np.array([score for score, _ in found]), OUTLIER_AND_INLIER)
        if not all(sure for _, sure in found):
            uncertain = either(uncertain, np.array([not sure for _, sure in found]))
        return Decision(labels, uncertain)

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
