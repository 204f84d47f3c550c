"""Sums over boosted trees by tables of leaves are what Treelite and scikit-learn add up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import treelite.sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)

from skerry.runtimes.compiled.leaf_bits import LeafBits, leaf_bits
from skerry.runtimes.compiled.registry import compile_estimator
from skerry.runtimes.compiled.tree_inference import rounded
from skerry.runtimes.planning.thresholds import split_rows

N_FEATURES = 5


def data(n_rows: int, seed: int, missing: float = 0.0) -> np.ndarray[Any, Any]:
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(n_rows, N_FEATURES))
    rows[generator.random(rows.shape) < missing] = np.nan
    return rows


def labels(rows: np.ndarray[Any, Any], n_classes: int) -> np.ndarray[Any, Any]:
    filled = np.nan_to_num(rows)
    scores = filled[:, 0] * filled[:, 1] + np.sin(3 * filled[:, 2])
    if n_classes == 1:
        return np.asarray(scores)
    borders = np.quantile(scores, np.linspace(0, 1, n_classes + 1)[1:-1])
    return np.asarray(np.digitize(scores, borders))


def bits_of(estimator: Any) -> LeafBits:
    found = leaf_bits(treelite.sklearn.import_model(estimator))
    assert found is not None
    return found


def fitted(kind: Any, n_classes: int, missing: float = 0.0, **options: Any) -> Any:
    rows = data(600, seed=1, missing=missing)
    return kind(random_state=0, **options).fit(rows, labels(rows, n_classes))


@pytest.mark.parametrize("max_leaf_nodes", [2, 8, 9, 16, 17, 31, 33, 64])
def test_every_width_of_bits_answers_as_scikit_learn(max_leaf_nodes: int) -> None:
    model = fitted(
        HistGradientBoostingRegressor,
        1,
        max_iter=20,
        max_leaf_nodes=max_leaf_nodes,
        min_samples_leaf=2,
    )
    rows = data(700, seed=2)

    found = bits_of(model)(rows)

    np.testing.assert_allclose(found[:, 0], model.predict(rows), atol=1e-12)


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("kind", [GradientBoostingClassifier, HistGradientBoostingClassifier])
def test_each_class_has_the_sum_of_its_trees(kind: Any, n_classes: int) -> None:
    model = fitted(kind, n_classes)
    rows = rounded(data(300, seed=3))

    found = bits_of(model)(rows)

    expected = model.decision_function(rows).reshape(len(rows), -1)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_more_trees_than_are_asked_at_once() -> None:
    model = fitted(
        HistGradientBoostingClassifier,
        3,
        max_iter=100,
        max_leaf_nodes=64,
        min_samples_leaf=2,
        early_stopping=False,
    )
    bits = bits_of(model)
    rows = data(300, seed=4)

    assert len(bits.groups) > 3
    np.testing.assert_allclose(bits(rows), model.decision_function(rows), atol=1e-12)


def test_missing_values_go_where_they_went_in_training() -> None:
    model = fitted(HistGradientBoostingRegressor, 1, missing=0.2)
    rows = data(500, seed=5, missing=0.5)
    rows[0] = np.nan

    np.testing.assert_allclose(bits_of(model)(rows)[:, 0], model.predict(rows), atol=1e-12)


@pytest.mark.parametrize("kind", [GradientBoostingRegressor, HistGradientBoostingRegressor])
def test_rows_on_a_threshold_and_beside_it(kind: Any) -> None:
    model = fitted(kind, 1)
    rows = split_rows(model, data(50, seed=6), limit=4000)
    given = rounded(rows) if kind is GradientBoostingRegressor else rows

    assert len(rows) > 1000
    np.testing.assert_allclose(bits_of(model)(given)[:, 0], model.predict(rows), atol=1e-12)


def test_trees_of_one_leaf_add_what_they_hold() -> None:
    rows = data(100, seed=7)
    model = GradientBoostingRegressor(n_estimators=3).fit(rows, np.full(100, 2.5))

    np.testing.assert_allclose(bits_of(model)(rows)[:, 0], np.full(100, 2.5), atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(
    n_trees=st.integers(1, 12),
    max_leaf_nodes=st.integers(2, 64),
    seed=st.integers(0, 1000),
    n_rows=st.integers(1, 300),
)
def test_any_small_model_and_number_of_rows(
    n_trees: int, max_leaf_nodes: int, seed: int, n_rows: int
) -> None:
    given_rows = np.round(data(200, seed, missing=0.1), 1)
    model = HistGradientBoostingClassifier(
        max_iter=n_trees, max_leaf_nodes=max_leaf_nodes, min_samples_leaf=1, random_state=0
    ).fit(given_rows, labels(given_rows, 3))
    rows = np.round(data(n_rows, seed + 1, missing=0.1), 1)

    np.testing.assert_allclose(bits_of(model)(rows), model.decision_function(rows), atol=1e-12)


def test_trees_of_many_leaves_are_left_to_treelite() -> None:
    model = fitted(
        HistGradientBoostingRegressor, 1, max_iter=2, max_leaf_nodes=65, min_samples_leaf=1
    )

    assert leaf_bits(treelite.sklearn.import_model(model)) is None


def test_tables_that_would_be_large_are_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    model = fitted(HistGradientBoostingRegressor, 1)
    monkeypatch.setattr("skerry.runtimes.compiled.leaf_bits._MAX_BYTES", 1000)

    assert leaf_bits(treelite.sklearn.import_model(model)) is None


@pytest.mark.parametrize("n_rows", [1, 2, 5, 8, 64, 300])
def test_a_compiled_model_answers_any_number_of_rows(n_rows: int) -> None:
    model = fitted(HistGradientBoostingClassifier, 3)
    rows = data(n_rows, seed=8)
    predict_proba = compile_estimator(model).predict_proba

    assert predict_proba is not None
    np.testing.assert_allclose(predict_proba(rows), model.predict_proba(rows), atol=1e-12)
