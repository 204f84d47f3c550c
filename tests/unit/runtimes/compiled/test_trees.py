"""Single trees and AdaBoost answer as scikit-learn does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import make_classification
from sklearn.ensemble import AdaBoostClassifier, AdaBoostRegressor, RandomForestClassifier
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)

from tests.agreement import disagreements

ROWS = np.random.default_rng(9).normal(size=(60, 5)) * 2


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    depth=st.sampled_from([1, 3, None]),
    missing=st.booleans(),
    n_outputs=st.integers(1, 2),
)
def test_a_tree_answers_the_same(
    seed: int, depth: int | None, missing: bool, n_outputs: int
) -> None:
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(70, 5))
    if missing:
        x[generator.random(x.shape) < 0.2] = np.nan
    rows = np.concatenate([x, np.nextafter(x, 9), x.astype(np.float32)])
    y = generator.integers(0, 3, size=(70, n_outputs)).squeeze()
    for tree in (DecisionTreeClassifier, ExtraTreeClassifier):
        model = tree(max_depth=depth, random_state=0).fit(x, y)
        assert [] == disagreements(model, rows, most_uncertain=0.0)
    target = generator.normal(size=(70, n_outputs)).squeeze()
    for regressor in (DecisionTreeRegressor, ExtraTreeRegressor):
        assert [] == disagreements(regressor(max_depth=depth, random_state=0).fit(x, target), rows)


@pytest.mark.parametrize("n_classes", [2, 3, 4])
@pytest.mark.parametrize("depth", [1, 2, None])
def test_boosted_trees_answer_the_same(n_classes: int, depth: int | None) -> None:
    x, y = make_classification(
        100, 5, n_informative=4, n_redundant=0, n_classes=n_classes, random_state=0
    )
    tree = DecisionTreeClassifier(max_depth=depth)
    model = AdaBoostClassifier(tree, n_estimators=20, random_state=0).fit(x, y.astype(str))
    assert [] == disagreements(model, ROWS)
    regressor = AdaBoostRegressor(
        DecisionTreeRegressor(max_depth=depth), n_estimators=20, random_state=0
    )
    assert [] == disagreements(regressor.fit(x, x[:, 0] * x[:, 1] + y), ROWS)


@pytest.mark.parametrize("n_trees", [4, 6])
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_trees_that_vote_alike_are_a_tie_that_the_first_class_wins(
    n_trees: int, n_outputs: int
) -> None:
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(80, 5)), generator.integers(0, 3, size=(80, n_outputs)).squeeze()
    model = RandomForestClassifier(n_trees, random_state=0).fit(x, y)
    best = np.sort(np.asarray(model.predict_proba(ROWS)), axis=-1)
    assert (best[..., -1] == best[..., -2]).any()
    assert [] == disagreements(model, ROWS, most_uncertain=0.0)


def test_boosted_linear_models_answer_the_same() -> None:
    x, y = make_classification(100, 5, n_informative=4, n_redundant=0, n_classes=3, random_state=0)
    classifier = AdaBoostClassifier(RidgeClassifier(), n_estimators=5, random_state=0).fit(x, y)
    assert [] == disagreements(classifier, ROWS)
    assert [] == disagreements(AdaBoostRegressor(Ridge(), n_estimators=5).fit(x, x[:, 0] * y), ROWS)
