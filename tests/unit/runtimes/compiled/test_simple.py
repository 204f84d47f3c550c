"""Dummies and isotonic regression answer as scikit-learn does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.isotonic import IsotonicRegression

from skerry.runtimes.compiled.base import NotCompiled
from skerry.runtimes.compiled.registry import compile_estimator
from tests.agreement import disagreements

ROWS = np.random.default_rng(9).normal(size=(30, 2))


@pytest.mark.parametrize("strategy", ["most_frequent", "prior", "constant"])
def test_a_dummy_answers_the_same_labels(strategy: str) -> None:
    y = np.array(["a", "b", "b", "c"])
    constant = "c" if strategy == "constant" else None
    model = DummyClassifier(strategy=strategy, constant=constant).fit(np.zeros((4, 2)), y)
    assert [] == disagreements(model, ROWS)
    several = np.array([[1, 5], [2, 5], [2, 6], [3, 6]])
    both = [2, 6] if strategy == "constant" else None
    model = DummyClassifier(strategy=strategy, constant=both).fit(np.zeros((4, 2)), several)
    assert [] == disagreements(model, ROWS)


@pytest.mark.parametrize("strategy", ["mean", "median", "quantile", "constant"])
def test_a_dummy_answers_the_same_numbers(strategy: str) -> None:
    for y in (np.arange(5.0), np.arange(10).reshape(5, 2)):
        constant: Any = y[0] if strategy == "constant" else None
        model = DummyRegressor(strategy=strategy, quantile=0.3, constant=constant)
        assert [] == disagreements(model.fit(np.zeros((5, 2)), y), ROWS)


@pytest.mark.parametrize("strategy", ["uniform", "stratified"])
def test_what_draws_at_random_has_no_compiled_form(strategy: str) -> None:
    model = DummyClassifier(strategy=strategy).fit(np.zeros((4, 2)), [0, 1, 1, 0])
    with pytest.raises(NotCompiled, match="drawn at random"):
        compile_estimator(model)


@settings(max_examples=40, deadline=None)
@given(
    points=st.lists(
        st.tuples(st.integers(-20, 20), st.floats(-1e3, 1e3)), min_size=2, max_size=30
    ).filter(lambda points: len({x for x, _ in points}) > 1),
    clip=st.booleans(),
)
def test_isotonic_regression_answers_the_same(points: list[tuple[int, float]], clip: bool) -> None:
    x, y = (np.array(each, dtype=float) for each in zip(*points, strict=True))
    model = IsotonicRegression(out_of_bounds="clip" if clip else "nan").fit(x, y)
    known = model.X_thresholds_
    rows = np.concatenate([known, np.linspace(known[0], known[-1], 9)])
    if clip:
        rows = np.concatenate([rows, [-30.0, 30.0]])
    if len(known) > 1:
        assert [] == disagreements(model, rows[:, None])


def test_what_isotonic_regression_does_not_know_is_left_to_it() -> None:
    from skerry.runtimes.answers import Shape
    from skerry.runtimes.compiled.answering import answer_of

    model = IsotonicRegression(out_of_bounds="raise").fit([0.0, 1.0], [0.0, 1.0])
    uncertain = answer_of(compile_estimator(model), Shape.NONE)(np.array([[0.5], [2.0]])).uncertain
    assert uncertain is not None
    assert [False, True] == uncertain.tolist()
