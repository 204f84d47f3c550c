"""Pipelines and column transformers answer by columns what scikit-learn answers by data frame."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier

from skerry.core.plan import Executor
from skerry.core.row_values import to_rows
from skerry.core.rows import Rows
from skerry.core.servable import Servable
from skerry.core.signature import DType
from skerry.runtimes.base import Known, LoadOptions
from skerry.runtimes.compiled.base import NotCompiled
from skerry.runtimes.compiled.registry import compile_estimator
from skerry.runtimes.registry import runtime_for
from tests.zoo_pipelines import json_rows, table

_FRAME, _TARGET = table()
_NUMBERS = ["age", "income", "rooms"]
_ENCODER = OneHotEncoder(handle_unknown="ignore")
_FILLED = make_pipeline(SimpleImputer(), StandardScaler())

_CITY_AND_NOTE = np.array([False, True, False, False, False, True])


def _by_mask(frame: pd.DataFrame) -> Any:
    return [name in _NUMBERS for name in frame.columns]


@pytest.mark.parametrize(
    "parts",
    [
        [("n", _FILLED, _NUMBERS), ("c", _ENCODER, ["city"])],
        [("n", _FILLED, [0, 2]), ("c", _ENCODER, [1, -1])],
        [("n", _FILLED, slice("rooms", "rooms")), ("c", _ENCODER, slice(1, 2))],
        [
            ("n", _FILLED, _by_mask),
            ("c", _ENCODER, np.array([False, True, False, False, False, True])),
        ],
        [("n", _FILLED, make_column_selector(dtype_include=np.number)), ("d", "drop", ["note"])],
        [("n", _FILLED, ["income"]), ("p", "passthrough", ["member"]), ("e", _FILLED, [])],
    ],
    ids=["names", "places", "slices", "masks", "callables", "passthrough"],
)
def test_columns_are_chosen_as_scikit_learn_chooses_them(parts: Any) -> None:
    model = make_pipeline(
        ColumnTransformer(parts, transformer_weights={"n": 0.5}), LogisticRegression()
    )
    servable = _prepared(model.fit(_FRAME, _TARGET))
    assert [Executor.PIPELINE] == [c.executor for c in _accepted(servable)]
    rows = to_rows(servable.info.signature, json_rows(_FRAME))
    found = servable.predict(rows)
    assert found.probabilities is not None
    assert np.allclose(found.probabilities[0], model.predict_proba(_FRAME), rtol=0, atol=1e-12)
    for i in range(10):
        alone = servable.predict(rows.take([i])).probabilities
        assert alone is not None
        assert np.allclose(alone[0], found.probabilities[0][i], rtol=0, atol=1e-12)


def test_the_rest_of_the_columns_goes_where_scikit_learn_puts_it() -> None:
    columns = ColumnTransformer([("c", _ENCODER, ["city"])], remainder=_FILLED)
    frame = _FRAME.drop(columns="note")
    model = make_pipeline(columns, LogisticRegression()).fit(frame, _TARGET)
    servable = _prepared(model)
    assert _accepted(servable)
    found = servable.predict(to_rows(servable.info.signature, json_rows(frame)))
    assert found.labels.tolist() == model.predict(frame).tolist()


def test_a_category_that_scikit_learn_refuses_is_refused_with_its_words() -> None:
    frame = _FRAME[["city", "income"]].fillna("Oslo")
    columns = ColumnTransformer(
        [("c", OneHotEncoder(), ["city"]), ("n", StandardScaler(), ["income"])]
    )
    servable = _prepared(make_pipeline(columns, LogisticRegression()).fit(frame, _TARGET))
    assert _accepted(servable)
    columns = (np.array(["Oslo", "Atlantis"], dtype=object), np.array([1.0, 1.0]))
    with pytest.raises(ValueError, match="Found unknown categories"):
        servable.predict(Rows(2, columns=columns))


def test_trees_behind_rounding_are_not_compiled() -> None:
    x = _FRAME[["income", "rooms"]].to_numpy()
    for model in (DecisionTreeClassifier(), RandomForestClassifier(3), KBinsDiscretizer(2)):
        pipeline = make_pipeline(Normalizer(), model).fit(x, _TARGET)
        with pytest.raises(NotCompiled, match="rounds"):
            compile_estimator(pipeline)


def test_trees_behind_exact_steps_are_compiled() -> None:
    x = _FRAME[["income", "rooms"]].to_numpy()
    model = make_pipeline(StandardScaler(), DecisionTreeClassifier(random_state=0)).fit(x, _TARGET)
    compiled = compile_estimator(model)
    assert compiled.predict_proba is not None
    assert np.array_equal(compiled.predict_proba(x), model.predict_proba(x))


def test_a_model_that_passes_data_frames_between_its_steps_is_compiled() -> None:
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = ColumnTransformer([("n", _FILLED, _NUMBERS), ("c", encoder, ["city"])])
    model = make_pipeline(columns, LogisticRegression()).set_output(transform="pandas")
    servable = _prepared(model.fit(_FRAME, _TARGET))
    assert _accepted(servable)
    found = servable.predict(to_rows(servable.info.signature, json_rows(_FRAME)))
    assert found.probabilities is not None
    assert np.allclose(found.probabilities[0], model.predict_proba(_FRAME), rtol=0, atol=1e-12)


def test_a_pipeline_that_ends_in_clusters_answers_clusters() -> None:
    x = _FRAME[["income", "rooms"]].to_numpy(dtype=float)
    model = make_pipeline(StandardScaler(), KMeans(3, random_state=0, n_init=1)).fit(x)
    servable = _prepared(model)
    found = servable.predict(Rows(len(x), matrix=x))
    assert found.labels.tolist() == model.predict(x).tolist()


def test_a_word_filled_in_for_columns_of_all_types_makes_no_strings_of_them() -> None:
    filled = make_pipeline(SimpleImputer(strategy="constant", fill_value="none"), OrdinalEncoder())
    columns = ColumnTransformer([("c", filled, ["city", "member", "rooms"])])
    servable = _prepared(make_pipeline(columns, LogisticRegression()).fit(_FRAME, _TARGET))
    dtypes = {f.name: f.dtype for f in servable.info.signature.features if f.used}
    expected = {"city": DType.STRING, "member": DType.BOOL, "rooms": DType.INT64}
    assert dtypes == expected
    assert _accepted(servable)


def test_rows_that_are_left_to_scikit_learn_make_no_plan_look_slow() -> None:
    x = np.random.default_rng(0).normal(size=(60, 8))
    y = x.sum(axis=1)
    x[np.random.default_rng(1).random(x.shape) < 0.3] = np.nan
    servable = _prepared(make_pipeline(KNNImputer(), Ridge()).fit(x, y))
    assert servable.info.plan.executor_for(1) is Executor.PIPELINE


def test_many_categories_are_the_same() -> None:
    words = np.array([f"w{i}" for i in range(600)], dtype=object)[:, None]
    model = make_pipeline(OneHotEncoder(handle_unknown="ignore"), Ridge())
    model.fit(words, np.arange(600.0))
    servable = _prepared(model)
    assert _accepted(servable)
    rows = to_rows(servable.info.signature, [["w7"], ["w599"], ["new"]])
    assert np.allclose(servable.predict(rows).labels, model.predict([["w7"], ["w599"], ["new"]]))


@pytest.mark.parametrize("kind", ["strings", "numbers"])
def test_boosting_encodes_its_own_categories(kind: str) -> None:
    frame = _FRAME[["age", "city", "income"]].astype({"city": "category"})
    if kind == "numbers":
        frame["city"] = frame["city"].cat.codes.astype("float").replace(-1, np.nan) * 2.0
    model = HistGradientBoostingClassifier(
        max_iter=10, categorical_features=["city"], min_samples_leaf=5
    ).fit(frame, _TARGET)
    servable = _prepared(model)
    assert _accepted(servable)
    found = servable.predict(to_rows(servable.info.signature, json_rows(frame)))
    assert found.probabilities is not None
    assert np.allclose(found.probabilities[0], model.predict_proba(frame), rtol=0, atol=1e-12)


def test_one_step_without_a_compiled_form_leaves_the_whole_to_scikit_learn() -> None:
    x = _FRAME[["income", "rooms"]].to_numpy()
    own = make_pipeline(FunctionTransformer(lambda x: x), LogisticRegression()).fit(x, _TARGET)
    with pytest.raises(NotCompiled, match="calls a function"):
        compile_estimator(own)


def _prepared(model: Any) -> Any:
    return runtime_for("joblib").prepare(deepcopy(model), Known(), LoadOptions())


def _accepted(servable: Servable) -> list[Any]:
    candidates = servable.info.plan.candidates
    return [c for c in candidates if c.accepted and c.executor is not Executor.SKLEARN]
