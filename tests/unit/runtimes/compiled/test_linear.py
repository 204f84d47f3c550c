"""Linear regressors, projections and generalized linear models answer as scikit-learn does."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import linear_model
from sklearn.cross_decomposition import CCA, PLSCanonical, PLSRegression
from sklearn.svm import LinearSVR

from tests.agreement import disagreements

REGRESSORS = [
    linear_model.ARDRegression(),
    linear_model.BayesianRidge(),
    linear_model.ElasticNet(alpha=0.1),
    linear_model.ElasticNetCV(cv=3),
    linear_model.GammaRegressor(),
    linear_model.HuberRegressor(),
    linear_model.Lars(),
    linear_model.LarsCV(cv=3),
    linear_model.Lasso(alpha=0.1),
    linear_model.LassoCV(cv=3),
    linear_model.LassoLars(alpha=0.1),
    linear_model.LassoLarsCV(cv=3),
    linear_model.LassoLarsIC(),
    linear_model.LinearRegression(fit_intercept=False),
    linear_model.OrthogonalMatchingPursuit(),
    linear_model.OrthogonalMatchingPursuitCV(cv=3),
    linear_model.PoissonRegressor(),
    linear_model.QuantileRegressor(alpha=0.01),
    linear_model.Ridge(),
    linear_model.RidgeCV(),
    linear_model.SGDRegressor(random_state=0),
    linear_model.TheilSenRegressor(random_state=0),
    linear_model.TweedieRegressor(power=0),
    linear_model.TweedieRegressor(power=1.5, link="log"),
    linear_model.TweedieRegressor(power=1.5, link="identity"),
    LinearSVR(),
]
OF_SEVERAL = [
    CCA(),
    PLSCanonical(),
    PLSRegression(),
    linear_model.LinearRegression(),
    linear_model.Lasso(alpha=0.1),
    linear_model.MultiTaskElasticNet(alpha=0.1),
    linear_model.MultiTaskElasticNetCV(cv=3),
    linear_model.MultiTaskLasso(alpha=0.1),
    linear_model.MultiTaskLassoCV(cv=3),
    linear_model.Ridge(),
    linear_model.RidgeCV(),
]


@pytest.mark.parametrize("model", REGRESSORS, ids=str)
def test_a_regressor_answers_the_same_numbers(model: Any) -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(60, 4))
    y = np.exp(x @ [0.3, -0.2, 0.1, 0.0] + generator.normal(size=60) / 10)
    assert [] == disagreements(_fitted(model, x, y), generator.normal(size=(50, 4)) * 3)


@pytest.mark.parametrize("model", OF_SEVERAL, ids=str)
@pytest.mark.parametrize("n_targets", [2, 3])
def test_a_regressor_of_several_targets_answers_the_same_numbers(
    model: Any, n_targets: int
) -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(60, 4))
    y = x @ generator.normal(size=(4, n_targets)) + generator.normal(size=(60, n_targets)) / 10
    assert [] == disagreements(_fitted(model, x, y), generator.normal(size=(50, 4)) * 3)


@pytest.mark.parametrize("model", [PLSRegression(1), linear_model.LinearRegression()], ids=str)
@pytest.mark.parametrize("columns", [None, 1])
def test_one_column_of_targets_is_no_other_than_one_target(model: Any, columns: int | None) -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(60, 4))
    y = x @ [1.0, 2.0, 3.0, 4.0] + generator.normal(size=60)
    fitted = _fitted(model, x, y if columns is None else y[:, None])
    assert [] == disagreements(fitted, generator.normal(size=(50, 4)))


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_features=st.integers(1, 12),
    n_targets=st.integers(1, 4),
    size=st.sampled_from([1e-6, 1.0, 1e6]),
    intercept=st.booleans(),
)
def test_ridge_of_any_size_answers_the_same_numbers(
    seed: int, n_features: int, n_targets: int, size: float, intercept: bool
) -> None:
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(30, n_features)) * size
    y = generator.normal(size=(30, n_targets)).squeeze()
    model = linear_model.Ridge(fit_intercept=intercept).fit(x, y)
    assert [] == disagreements(model, generator.normal(size=(40, n_features)) * size)


def _fitted(model: Any, x: Any, y: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(x, y)
