from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import CategoricalNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

from skerry.core.errors import NonFiniteValue, UnknownCategory
from skerry.core.row_values import to_rows
from skerry.core.servable import Servable
from skerry.core.signature import DType, Feature
from skerry.runtimes.base import Known, LoadOptions
from skerry.runtimes.registry import runtime_for

N = 60
Y = [0, 1] * (N // 2)
CITIES = ["Oslo", "Bergen", "Tromsø"] * (N // 3)


def _features(model: Any) -> dict[str, Feature]:
    return {f.name: f for f in _prepared(model).info.signature.features}


def _prepared(model: Any) -> Servable:
    return runtime_for("joblib").prepare(model, Known(), LoadOptions())


def _encoded(values: Any, encoder: Any) -> Any:
    """Return a model of one column, ``city``, behind an encoder."""
    frame = pd.DataFrame({"city": pd.Series(values, dtype=object)})
    columns = ColumnTransformer([("city", encoder, ["city"])])
    return make_pipeline(columns, LogisticRegression()).fit(frame, Y)


def test_an_encoder_that_refuses_unseen_categories_makes_them_the_only_ones() -> None:
    servable = _prepared(_encoded(CITIES, OneHotEncoder()))
    feature = servable.info.signature.features[0]
    assert feature.enforced_categories == ("Bergen", "Oslo", "Tromsø")
    with pytest.raises(UnknownCategory):
        to_rows(servable.info.signature, [["Paris"]])


def test_an_encoder_that_ignores_them_takes_any() -> None:
    servable = _prepared(_encoded(CITIES, OneHotEncoder(handle_unknown="ignore")))
    feature = servable.info.signature.features[0]
    assert (feature.categories, feature.accepts_unseen) == (("Bergen", "Oslo", "Tromsø"), True)
    assert len(servable.predict(to_rows(servable.info.signature, [["Paris"]])).labels) == 1


@pytest.mark.parametrize("missing", [None, np.nan])
def test_a_missing_string_is_what_it_was_in_training(missing: object) -> None:
    values = [missing if i % 5 == 0 else city for i, city in enumerate(CITIES)]
    model = _encoded(values, OneHotEncoder())
    frame = pd.DataFrame({"city": pd.Series([missing, "Oslo"], dtype=object)})
    expected = model.predict_proba(frame)
    servable = _prepared(model)
    assert servable.info.signature.features[0].nullable
    found = servable.predict(to_rows(servable.info.signature, [[None], ["Oslo"]]))
    assert found.probabilities is not None
    assert np.array_equal(found.probabilities[0], expected)


@pytest.mark.parametrize("missing", [None, np.nan])
def test_an_imputer_fills_in_a_missing_string(missing: object) -> None:
    values = [missing if i % 5 == 0 else city for i, city in enumerate(CITIES)]
    imputer = SimpleImputer(missing_values=missing, strategy="most_frequent")
    model = _encoded(values, make_pipeline(imputer, OneHotEncoder()))
    feature = _features(model)["city"]
    assert (feature.dtype, feature.nullable) == (DType.STRING, True)
    assert feature.categories == ("Bergen", "Oslo", "Tromsø")


def test_a_missing_string_is_refused_where_training_had_none() -> None:
    servable = _prepared(_encoded(CITIES, OneHotEncoder()))
    with pytest.raises(NonFiniteValue):
        to_rows(servable.info.signature, [[None]])


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1, 2, 3] * (N // 3), DType.INT64),
        ([True, False] * (N // 2), DType.BOOL),
        ([0.5, 1.5] * (N // 2), DType.FLOAT64),
        (CITIES, DType.STRING),
    ],
)
def test_categories_tell_the_dtype(values: list[Any], dtype: DType) -> None:
    feature = _features(_encoded(values, OneHotEncoder()))["city"]
    assert feature.dtype is dtype
    assert feature.categories == tuple(sorted(set(values)))


def test_what_a_column_transformer_drops_is_not_used() -> None:
    frame = pd.DataFrame({"a": np.arange(N) * 1.0, "city": CITIES, "b": np.arange(N) % 7.0})
    columns = ColumnTransformer([("a", StandardScaler(), ["a"]), ("b", "passthrough", [2])])
    model = make_pipeline(columns, LogisticRegression(max_iter=1000)).fit(frame, Y)
    search = GridSearchCV(model, {"logisticregression__C": [1.0]}, cv=2).fit(frame, Y)
    for fitted in (model, search):
        features = _features(fitted)
        assert {name: f.used for name, f in features.items()} == {
            "a": True,
            "city": False,
            "b": True,
        }
        servable = _prepared(fitted)
        rows = to_rows(servable.info.signature, [{"a": 1.0, "b": 2.0}])
        assert len(servable.predict(rows).labels) == 1


def test_nulls_are_asked_about_for_each_column() -> None:
    x = np.column_stack([np.arange(N) * 1.0, np.arange(N) % 5.0])
    columns = ColumnTransformer([("one", SimpleImputer(), [0]), ("two", StandardScaler(), [1])])
    model = make_pipeline(columns, LogisticRegression(max_iter=1000)).fit(x, Y)
    assert [f.nullable for f in _features(model).values()] == [True, False]


def test_a_text_model_has_one_feature() -> None:
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(["good", "bad"], [1, 0])
    assert _features(model) == {"text": Feature("text", DType.STRING)}


def test_categorical_naive_bayes_takes_only_the_codes_that_it_has_counted() -> None:
    x = np.column_stack([np.arange(N) % 3, np.arange(N) % 2])
    features = _features(CategoricalNB().fit(x, Y))
    assert [f.enforced_categories for f in features.values()] == [(0, 1, 2), (0, 1)]


def test_a_scaler_tells_the_ranges() -> None:
    x = np.column_stack([np.linspace(-1.0, 1.0, N), np.linspace(5.0, 9.0, N)])
    model = make_pipeline(MinMaxScaler(), LogisticRegression()).fit(x, Y)
    assert [f.range for f in _features(model).values()] == [(-1.0, 1.0), (5.0, 9.0)]
