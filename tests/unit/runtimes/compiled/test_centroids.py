"""Clusterers and the nearest-centroid classifier answer the labels of scikit-learn."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn import cluster
from sklearn.datasets import make_blobs
from sklearn.neighbors import NearestCentroid

from skerry.runtimes.answers import Shape
from skerry.runtimes.compiled.answering import answer_of
from skerry.runtimes.compiled.registry import compile_estimator
from tests.agreement import disagreements


@pytest.mark.parametrize(
    "model",
    [
        cluster.AffinityPropagation(random_state=0),
        cluster.Birch(n_clusters=3),
        cluster.Birch(n_clusters=None, threshold=0.2),
        cluster.BisectingKMeans(n_clusters=7, random_state=0),
        cluster.BisectingKMeans(n_clusters=1, random_state=0),
        cluster.KMeans(n_clusters=1, random_state=0),
        cluster.KMeans(n_clusters=2, random_state=0),
        cluster.KMeans(n_clusters=5, random_state=0),
        cluster.MeanShift(),
        cluster.MiniBatchKMeans(n_clusters=4, random_state=0),
    ],
    ids=str,
)
@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_a_clusterer_answers_the_same(model: Any, offset: float) -> None:
    x, _ = make_blobs(120, 3, centers=5, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(x + offset)
    assert [] == disagreements(model, np.random.default_rng(0).normal(size=(80, 3)) * 5 + offset)


@pytest.mark.parametrize(
    "model",
    [
        NearestCentroid(),
        NearestCentroid(shrink_threshold=0.3),
        NearestCentroid(priors="empirical"),
        NearestCentroid(priors=[0.2, 0.5, 0.3]),
    ],
    ids=str,
)
def test_nearest_centroids_answer_the_same(model: Any) -> None:
    x, y = make_blobs(100, 4, centers=3, cluster_std=4.0, random_state=0)
    model.fit(x[:90], np.array(["a", "b", "c"])[y[:90]])
    assert [] == disagreements(model, np.random.default_rng(0).normal(size=(80, 4)) * 5)


def test_a_row_between_two_centers_is_left_to_scikit_learn() -> None:
    model = cluster.KMeans(2, random_state=0).fit([[0.0], [2.0]])
    answer = answer_of(compile_estimator(model), Shape.NONE)
    for rows, expected in ([[1.0]], [True]), ([[1.0], [1.1]], [True, False]):
        uncertain = answer(np.array(rows)).uncertain
        assert uncertain is not None
        assert expected == uncertain.tolist()


def test_a_row_so_far_that_its_own_square_drowns_the_rest_is_left_to_scikit_learn() -> None:
    centers = np.array([[1.0, 0.0], [1.0, 5.0], [1.0, 9.0]])
    model = cluster.MeanShift(bandwidth=0.5).fit(np.repeat(centers, 5, axis=0))
    answer = answer_of(compile_estimator(model), Shape.NONE)
    for rows, expected in ([[1e11, 4.0]], [True]), ([[1e11, 4.0], [1.0, 4.0]], [True, False]):
        uncertain = answer(np.array(rows)).uncertain
        assert uncertain is not None
        assert expected == uncertain.tolist()
