"""Encoders and imputers of mixed columns give what scikit-learn gives, or leave it to answer."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder

from skerry.runtimes.compiled.base import Compiled, Undecided, as_matrix
from skerry.runtimes.compiled.registry import compile_estimator

_RANDOM = np.random.default_rng(0)
_N = 80
_FRAME = pd.DataFrame(
    {
        "city": pd.Series(
            _RANDOM.choice(["Oslo", "Bergen", "Tromsø", "Å"], _N, p=[0.5, 0.3, 0.15, 0.05]),
            dtype=object,
        ),
        "rooms": _RANDOM.integers(1, 5, _N),
        "member": _RANDOM.choice([True, False], _N),
        "size": _RANDOM.choice([0.5, 1.5, np.nan], _N),
    }
)
_Y = _RANDOM.integers(0, 3, _N)
_OPTIONS: list[Any] = [
    OneHotEncoder(),
    OneHotEncoder(drop="first"),
    OneHotEncoder(drop="if_binary", handle_unknown="ignore", sparse_output=False),
    OneHotEncoder(handle_unknown="ignore"),
    OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=0.2),
    OneHotEncoder(handle_unknown="ignore", max_categories=2),
    OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=8, drop="first"),
    OrdinalEncoder(),
    OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=-7,
        min_frequency=9,
    ),
    TargetEncoder(random_state=0),
    TargetEncoder(random_state=0, smooth=3.0, target_type="continuous"),
]
_VALUES: dict[str, list[Any]] = {
    "city": ["Oslo", "Bergen", "Tromsø", "Å", "Nowhere", "", float("nan"), None],
    "rooms": [1, 2, 3, 4, 5, -1],
    "member": [True, False],
    "size": [0.5, 1.5, float("nan"), 0.0, -0.0, 99.0],
}
_ROW = st.tuples(*(st.sampled_from(values) for values in _VALUES.values()))


@pytest.mark.parametrize("encoder", _OPTIONS, ids=str)
@settings(max_examples=40, deadline=None)
@given(rows=st.lists(_ROW, min_size=1, max_size=6))
def test_an_encoder_gives_the_same_or_leaves_it_to_scikit_learn(encoder: Any, rows: Any) -> None:
    columns = _frame(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted, compiled = _fitted(encoder)
        try:
            expected = fitted.transform(columns)
        except ValueError:
            with pytest.raises(Undecided):
                _transformed(compiled, columns)
            return
    expected = expected.toarray() if hasattr(expected, "toarray") else np.asarray(expected)
    _assert_equal(compiled, columns, rows, expected)


@pytest.mark.parametrize(
    "fit_on",
    [
        np.array([["a", 1], ["b", 2], ["a", 3]], dtype=object),
        np.array([["a", "x"], ["b", "y"], ["c", "x"]]),
        np.array([[1.0, np.nan], [2.0, 3.0], [2.0, 3.0]]),
        np.array([["a", None], ["b", "y"], [np.nan, "x"]], dtype=object),
    ],
    ids=["mixed", "strings", "numbers", "missing"],
)
def test_an_encoder_that_was_fitted_on_an_array_gives_the_same(fit_on: Any) -> None:
    for encoder in (OneHotEncoder(), OrdinalEncoder()):
        expected = encoder.fit(fit_on).transform(fit_on)
        expected = expected.toarray() if hasattr(expected, "toarray") else expected
        compiled = compile_estimator(encoder)
        assert compiled.transform is not None
        given_ = fit_on if fit_on.dtype.kind == "f" else tuple(fit_on.astype(object).T)
        found = as_matrix(compiled.transform(given_))
        assert np.array_equal(found, np.asarray(expected, dtype=float), equal_nan=True)


_NUMBERS = np.array([[1.0, np.nan, -1.0], [2.0, 5.0, np.nan], [np.nan, 5.0, 3.0], [4.0, 0.0, -1.0]])
_WORDS = np.array([["a", np.nan], ["b", "y"], ["b", "x"], [np.nan, "y"]], dtype=object)


@pytest.mark.parametrize("add_indicator", [True, False])
@pytest.mark.parametrize(
    "imputer",
    [
        SimpleImputer(),
        SimpleImputer(strategy="median"),
        SimpleImputer(strategy="most_frequent"),
        SimpleImputer(strategy="constant", fill_value=-5.0),
        SimpleImputer(missing_values=-1.0, strategy="most_frequent"),
    ],
    ids=str,
)
def test_an_imputer_of_numbers_fills_the_same(imputer: Any, add_indicator: bool) -> None:
    x = _NUMBERS
    if imputer.missing_values == -1.0:
        x = np.nan_to_num(x)
    imputer = imputer.set_params(add_indicator=add_indicator).fit(x)
    compiled, expected = compile_estimator(imputer), imputer.transform(x)
    assert compiled.transform is not None
    assert compiled.transform_one is not None
    assert np.array_equal(as_matrix(compiled.transform(x)), expected)
    assert np.array_equal(as_matrix(compiled.transform(tuple(x.T.copy()))), expected)
    assert [compiled.transform_one(row) for row in x.tolist()] == expected.tolist()


def test_a_column_without_values_is_left_out_or_kept_as_scikit_learn_does() -> None:
    x = _NUMBERS.copy()
    x[:, 1] = np.nan
    for keeps in (True, False):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            imputer = SimpleImputer(keep_empty_features=keeps).fit(x)
            expected = imputer.transform(x)
        compiled = compile_estimator(imputer)
        assert compiled.transform is not None
        assert np.array_equal(as_matrix(compiled.transform(x)), expected)


@pytest.mark.parametrize("strategy", ["most_frequent", "constant"])
def test_an_imputer_of_strings_fills_the_same(strategy: str) -> None:
    imputer = SimpleImputer(strategy=strategy, add_indicator=True).fit(_WORDS)
    compiled, expected = compile_estimator(imputer), imputer.transform(_WORDS).tolist()
    assert compiled.transform is not None
    assert compiled.transform_one is not None
    columns = compiled.transform(tuple(_WORDS.T.copy()))
    assert [list(row) for row in zip(*(c.tolist() for c in columns), strict=True)] == expected
    assert [compiled.transform_one(row) for row in _WORDS.tolist()] == expected


@cache
def _fitted(encoder: Any) -> tuple[Any, Compiled]:
    fitted = encoder.fit(_FRAME, _Y)
    return fitted, compile_estimator(fitted)


def _frame(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    columns = dict(zip(_VALUES, zip(*rows, strict=True), strict=True))
    types = {"city": object, "rooms": np.int64, "member": np.bool_, "size": np.float64}
    return pd.DataFrame({k: pd.Series(list(v), dtype=types[k]) for k, v in columns.items()})


def _transformed(compiled: Compiled, columns: pd.DataFrame) -> Any:
    assert compiled.transform is not None
    return as_matrix(compiled.transform(tuple(columns[name].to_numpy() for name in columns)))


def _assert_equal(compiled: Compiled, columns: Any, rows: Any, expected: Any) -> None:
    assert compiled.transform_one is not None
    assert np.array_equal(_transformed(compiled, columns), expected, equal_nan=True)
    alone = np.array([compiled.transform_one(list(row)) for row in rows], dtype=float)
    assert np.array_equal(alone, expected, equal_nan=True)
