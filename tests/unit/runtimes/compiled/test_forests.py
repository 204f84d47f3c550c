"""Forests answer as scikit-learn does, by Treelite for few rows and tree by tree for many."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)

from skerry.runtimes.compiled.registry import compile_estimator

GENERATOR = np.random.default_rng(0)
FEATURES = GENERATOR.normal(size=(300, 5))
LABELS = (FEATURES @ GENERATOR.normal(size=(5, 2)) > 0).astype(int)
N_ROWS = (1, 31, 32, 300)


def same(expected: Any, found: Any, n_rows: int) -> bool:
    """Tell whether both are scikit-learn's bits; Treelite's mean may differ in the last one."""
    return np.allclose(expected, found, rtol=1e-15 if n_rows < 32 else 0.0, atol=0.0)


@pytest.mark.parametrize("kind", [RandomForestClassifier, ExtraTreesClassifier])
@pytest.mark.parametrize("several", [False, True])
def test_classifiers(kind: Any, several: bool) -> None:
    target = LABELS if several else LABELS.sum(axis=1)
    forest = kind(30, max_depth=4, random_state=0).fit(FEATURES, target)
    compiled = compile_estimator(forest)
    assert compiled.predict_proba is not None

    for n_rows in N_ROWS:
        rows = FEATURES[:n_rows]
        expected, found = forest.predict_proba(rows), compiled.predict_proba(rows)
        pairs = zip(expected, found, strict=True) if several else [(expected, found)]
        assert all(same(a, b, n_rows) for a, b in pairs)


@pytest.mark.parametrize("kind", [RandomForestRegressor, ExtraTreesRegressor])
@pytest.mark.parametrize("several", [False, True])
def test_regressors(kind: Any, several: bool) -> None:
    target = FEATURES @ GENERATOR.normal(size=(5, 2))
    forest = kind(30, random_state=0).fit(FEATURES, target if several else target[:, 0])
    predict = compile_estimator(forest).predict
    assert predict is not None

    for n_rows in N_ROWS:
        rows = FEATURES[:n_rows]
        assert same(forest.predict(rows), predict(rows).labels, n_rows)


def test_missing_values() -> None:
    features = FEATURES.copy()
    features[::3, 1] = np.nan
    forest = RandomForestClassifier(20, random_state=0).fit(features, LABELS[:, 0])
    predict_proba = compile_estimator(forest).predict_proba
    assert predict_proba is not None

    for n_rows in N_ROWS:
        rows = features[:n_rows]
        assert same(forest.predict_proba(rows), predict_proba(rows), n_rows)
