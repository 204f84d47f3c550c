"""Models that ask the nearest training rows answer as scikit-learn does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    LocalOutlierFactor,
    RadiusNeighborsClassifier,
    RadiusNeighborsRegressor,
)

from skerry.runtimes.answers import Shape
from skerry.runtimes.compiled.answering import answer_of
from skerry.runtimes.compiled.base import NotCompiled
from skerry.runtimes.compiled.registry import compile_estimator
from tests.agreement import disagreements

METRICS = st.sampled_from(
    [
        {"p": 1},
        {"p": 2},
        {"metric": "chebyshev"},
        {"p": 2, "algorithm": "brute"},
        {"p": 1, "algorithm": "brute"},
        {"algorithm": "ball_tree"},
    ]
)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_points=st.sampled_from([7, 60, 400]),
    n_neighbors=st.integers(1, 7),
    n_outputs=st.integers(1, 3),
    metric=METRICS,
    weights=st.sampled_from(["uniform", "distance"]),
)
def test_the_nearest_answer_the_same(
    seed: int, n_points: int, n_neighbors: int, n_outputs: int, metric: Any, weights: str
) -> None:
    generator = np.random.default_rng(seed)
    x, rows = generator.normal(size=(n_points, 3)), generator.normal(size=(40, 3)) * 2
    options = {"weights": weights, **metric}
    y = generator.integers(0, 3, size=(n_points, n_outputs)).squeeze()
    assert [] == disagreements(fitted(KNeighborsClassifier(n_neighbors, **options), x, y), rows)
    target = generator.normal(size=(n_points, n_outputs))
    for each in (target, target[:, 0]):
        regressor = fitted(KNeighborsRegressor(n_neighbors, **options), x, each)
        assert [] == disagreements(regressor, rows)
    for radius in (2.0, 9.0):
        within = fitted(RadiusNeighborsClassifier(radius, **options), x, y)
        known = rows[[len(found) > 0 for found in within.radius_neighbors(rows)[1]]]
        assert [] == disagreements(within, known)
        regressor = fitted(RadiusNeighborsRegressor(radius, **options), x, target)
        assert [] == disagreements(regressor, known)


def fitted(estimator: Any, x: Any, y: Any) -> Any:
    """Fit it; where its distances come from products, all neighbours weigh the same.

    Which search ``auto`` takes depends on the numbers of rows and of neighbours.
    """
    estimator.fit(x, y)
    by_products = estimator._fit_method == "brute" and estimator.effective_metric_ == "euclidean"  # noqa: SLF001 - has no public name
    if by_products and estimator.weights == "distance":
        with pytest.raises(NotCompiled, match="matrix products"):
            compile_estimator(estimator)
        estimator.set_params(weights="uniform")
    return estimator


def test_training_rows_themselves_answer_the_same() -> None:
    x = np.random.default_rng(0).normal(size=(50, 3))
    y = np.array(["a", "b"])[(x.sum(axis=1) > 0).astype(int)]
    assert [] == disagreements(KNeighborsClassifier(4, weights="distance").fit(x, y), x)


def test_rows_whose_last_neighbour_is_not_sure_are_left_to_scikit_learn() -> None:
    model = KNeighborsClassifier(1).fit([[0.0], [2.0]], [0, 1])
    answer = answer_of(compile_estimator(model), Shape.SINGLE)
    uncertain = answer(np.array([[1.0], [1.5]])).uncertain
    assert uncertain is not None
    assert [True, False] == uncertain.tolist()


def test_rows_without_neighbours_are_left_to_scikit_learn() -> None:
    model = RadiusNeighborsClassifier(1.0).fit([[0.0], [2.0]], [0, 1])
    answer = answer_of(compile_estimator(model), Shape.SINGLE)
    uncertain = answer(np.array([[9.0], [1.5]])).uncertain
    assert uncertain is not None
    assert [True, False] == uncertain.tolist()


@pytest.mark.parametrize("options", [{"weights": np.exp}, {"p": 3}, {"metric": "cosine"}], ids=str)
def test_other_distances_and_weights_have_no_compiled_form(options: Any) -> None:
    model = KNeighborsRegressor(**options).fit(np.eye(9), np.arange(9))
    with pytest.raises(NotCompiled):
        compile_estimator(model)


@pytest.mark.parametrize("contamination", ["auto", 0.2])
@pytest.mark.parametrize("n_neighbors", [5, 20])
def test_local_outliers_are_the_same(contamination: Any, n_neighbors: int) -> None:
    generator = np.random.default_rng(0)
    model = LocalOutlierFactor(n_neighbors, contamination=contamination, novelty=True)
    model.fit(generator.normal(size=(80, 3)))
    assert [] == disagreements(model, generator.normal(size=(80, 3)) * 2)
