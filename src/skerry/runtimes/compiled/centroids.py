"""What answers the nearest of a few centers: clusterers, and the nearest-centroid classifier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from skerry.runtimes.compiled.base import (
    Array,
    Block,
    Compile,
    Compiled,
    Compiler,
    Decision,
    NotCompiled,
    Predict,
    as_matrix,
)
from skerry.runtimes.compiled.decisions import by_score
from skerry.runtimes.compiled.linear import linear_scores
from skerry.runtimes.compiled.quadratic import probabilities_of, scaled_squares

_ROUNDING = 1e-15
_TIE = 1e-12
"""Of the size of the squares that are compared: rounding is a thousandth of it."""


def nearest(centers: Array, labels: Array, *, whole: bool = True) -> Predict:
    """Return the label of the nearest center, by Euclidean distance.

    whole: scikit-learn compares whole squares, in which |x|² may drown the rest.

    Raises:
        NotCompiled: there is no center, or they are no float64, so scikit-learn rounds otherwise.
    """
    centers = np.asarray(centers)
    if centers.ndim != 2 or len(centers) == 0 or centers.dtype != np.float64:
        raise NotCompiled(f"centers of {centers.dtype} {centers.shape} have no compiled form")
    if len(centers) == 1:
        return lambda block: Decision(labels.repeat(len(as_matrix(block))))
    # |x - c|² without |x|², which is the same for all, and negative: the largest is the nearest.
    squares = np.vecdot(centers, centers)
    scores, size = linear_scores(2.0 * centers, -squares), max(1.0, float(squares.max()))

    def predict(block: Block) -> Decision:
        return by_score(scores(block), labels, _TIE, size)

    def predict_by_whole(block: Block) -> Decision:
        matrix = as_matrix(block)
        if len(matrix) == 1:
            row = matrix[0]
            sizes = max(size, row.dot(row).item() * _ROUNDING / _TIE)
            return by_score(scores(matrix), labels, _TIE, sizes)
        each = np.maximum(size, np.vecdot(matrix, matrix) * (_ROUNDING / _TIE))
        return by_score(scores(matrix), labels, _TIE, each)

    return predict_by_whole if whole else predict


def _k_means(estimator: Any, _: Compile) -> Compiled:
    centers = estimator.cluster_centers_
    return Compiled(predict=nearest(centers, np.arange(len(centers), dtype=np.int32), whole=False))


def _clusterer(estimator: Any, _: Compile) -> Compiled:
    centers = estimator.cluster_centers_
    return Compiled(predict=nearest(centers, np.arange(len(centers))))


def _birch(estimator: Any, _: Compile) -> Compiled:
    labels = np.asarray(estimator.subcluster_labels_)
    return Compiled(predict=nearest(estimator.subcluster_centers_, labels))


def _bisecting(estimator: Any, _: Compile) -> Compiled:
    """Source: ``sklearn.cluster.BisectingKMeans``: the nearer of two centers, again and again."""
    moved = getattr(estimator, "_X_mean", 0.0)
    directions: list[Array] = []
    constants: list[float] = []
    sizes: list[float] = []

    def walk(node: Any) -> Any:
        """Return the label of a leaf, or the number of a fork with both its ways."""
        if node.left is None:
            return int(node.label)
        left, right = node.left.center + moved, node.right.center + moved
        directions.append(2.0 * (right - left))
        constants.append(float(right @ right - left @ left))
        sizes.append(max(1.0, float(right @ right), float(left @ left)))
        number = len(constants) - 1
        return number, walk(node.left), walk(node.right)

    root = walk(estimator._bisecting_tree)  # noqa: SLF001 - has no public name
    if isinstance(root, int):
        only = np.array([root], dtype=np.int32)
        return Compiled(predict=lambda block: Decision(only.repeat(len(as_matrix(block)))))
    weights, offset = np.ascontiguousarray(np.array(directions).T), np.array([constants])
    labels = np.arange(estimator.n_clusters, dtype=np.int32)

    def label_of(scores: list[float]) -> tuple[int, bool]:
        at, sure = root, True
        while isinstance(at, tuple):
            number, left, right = at
            score = scores[number]
            sure = sure and abs(score) > _TIE * max(sizes[number], abs(score))
            at = right if score > 0 else left
        return at, sure

    def predict(block: Block) -> Decision:
        each = [label_of(scores) for scores in (as_matrix(block).dot(weights) - offset).tolist()]
        uncertain = None if all(sure for _, sure in each) else np.array([not s for _, s in each])
        return Decision(labels.take([label for label, _ in each]), uncertain)

    return Compiled(predict=predict)


def _centroid_classifier(estimator: Any, _: Compile) -> Compiled:
    """Source: ``sklearn.neighbors.NearestCentroid``: probabilities measure by the spread."""
    if estimator.metric != "euclidean":
        raise NotCompiled(f"nearest centroids by {estimator.metric!r} have no compiled form")
    classes = np.asarray(estimator.classes_)
    prior = np.asarray(estimator.class_prior_)
    spread = np.asarray(estimator.within_class_std_dev_)
    scales = np.where(spread == 0.0, 1.0, 1.0 / np.where(spread == 0.0, 1.0, spread))
    squares = scaled_squares(estimator.centroids_, scales[None])
    predict_proba = probabilities_of(squares, 2.0 * np.log(prior))
    if not np.isclose(prior, 1.0 / len(classes)).all():
        return Compiled(predict_proba=predict_proba, classes=classes)
    predict = nearest(estimator.centroids_, classes)
    return Compiled(predict=predict, predict_proba=predict_proba)


COMPILERS: Mapping[str, Compiler] = {
    "sklearn.cluster.AffinityPropagation": _clusterer,
    "sklearn.cluster.Birch": _birch,
    "sklearn.cluster.BisectingKMeans": _bisecting,
    "sklearn.cluster.KMeans": _k_means,
    "sklearn.cluster.MeanShift": _clusterer,
    "sklearn.cluster.MiniBatchKMeans": _k_means,
    "sklearn.neighbors.NearestCentroid": _centroid_classifier,
}
