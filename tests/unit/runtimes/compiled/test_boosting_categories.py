"""Boosted trees that split by named categories answer as scikit-learn does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from skerry.runtimes.compiled.registry import compile_estimator


@pytest.mark.parametrize("n_classes", [2, 3])
def test_categories_that_are_known_missing_or_new_answer_the_same(n_classes: int) -> None:
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "age": generator.normal(size=300),
            "city": pd.Series(generator.choice([*"abcdefgh"], 300), dtype="category"),
            "size": generator.normal(size=300),
            "kind": pd.Series([["x", "y", None][i % 3] for i in range(300)], dtype="category"),
        }
    )
    effect = frame["city"].cat.codes.to_numpy() * 7 % 4 + frame["age"].to_numpy()
    sent = frame.astype({"city": object, "kind": object})
    sent.loc[:9, "city"] = "new"
    sent.loc[5:20, ["age", "city"]] = np.nan
    block = tuple(sent[name].to_numpy() for name in sent)
    classes = (effect * 10).astype(int) % n_classes
    classifier = HistGradientBoostingClassifier(max_iter=8, min_samples_leaf=3).fit(frame, classes)
    _assert_close(
        compile_estimator(classifier).predict_proba, block, classifier.predict_proba(sent)
    )
    regressor = HistGradientBoostingRegressor(max_iter=8, min_samples_leaf=3).fit(frame, effect)
    predict = compile_estimator(regressor).predict
    assert predict is not None
    _assert_close(lambda rows: predict(rows).labels, block, regressor.predict(sent))


def _assert_close(ask: Any, block: tuple[Any, ...], expected: Any) -> None:
    np.testing.assert_allclose(ask(block), expected, atol=1e-12)
    for i in (0, 7, 15, 100):
        row = tuple(column[i : i + 1] for column in block)
        np.testing.assert_allclose(ask(row), expected[i : i + 1], atol=1e-12)
