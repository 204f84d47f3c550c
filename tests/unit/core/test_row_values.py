"""JSON values to rows: what is taken, and the sentence for what is not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from skerry.core.errors import (
    EmptyBatch,
    InvalidBody,
    MissingFeature,
    NonFiniteValue,
    RaggedBatch,
    RequestError,
    UnknownCategory,
    UnknownFeature,
    ValueOutOfRange,
    WrongFeatureCount,
)
from skerry.core.row_values import FLOAT32_MAX, describe, fits, to_row, to_rows
from skerry.core.signature import DType, Feature, Output, Signature

OUTPUTS = (Output("prediction", DType.INT64, (0, 1)),)


def signature(*features: Feature) -> Signature:
    return Signature(features, OUTPUTS)


def one(dtype: DType, **facts: Any) -> Signature:
    return signature(Feature("x", dtype, **facts))


CITIES = one(DType.STRING, categories=("Bergen", "Oslo"), accepts_unseen=False)
SIZES = one(DType.INT64, categories=(1, 2, 5), accepts_unseen=False)
PAIR = signature(Feature("a", DType.FLOAT64), Feature("b", DType.FLOAT64))


@pytest.mark.parametrize(
    ("model", "value", "expected"),
    [
        (one(DType.FLOAT64), 5, 5.0),
        (one(DType.FLOAT64), -0.0, 0.0),
        (one(DType.FLOAT64), 2**63, 2.0**63),
        (one(DType.FLOAT64), 10**300, 1e300),
        (one(DType.FLOAT64, nullable=True), None, math.nan),
        (one(DType.FLOAT32), FLOAT32_MAX, FLOAT32_MAX),
        (one(DType.INT64), 7, 7.0),
        (one(DType.INT64), 7.5, 7.5),
        (one(DType.INT64), 2**70, 2.0**70),
        (one(DType.BOOL), True, 1.0),
        (one(DType.BOOL), 0, 0.0),
        (one(DType.BOOL), 1.0, 1.0),
        (one(DType.BOOL, nullable=True), None, math.nan),
        (SIZES, 5.0, 5.0),
    ],
)
def test_numbers_become_a_matrix(model: Signature, value: Any, expected: float) -> None:
    rows = to_row(model, [value])

    assert rows.matrix is not None
    assert rows.columns is None
    np.testing.assert_array_equal(np.array([[expected]]), rows.matrix)
    assert np.float64 == rows.matrix.dtype


@pytest.mark.parametrize(
    ("feature", "values", "expected", "dtype"),
    [
        (Feature("x", DType.STRING), ["a", ""], ["a", ""], object),
        (Feature("x", DType.STRING, nullable=True), ["a", None], ["a", None], object),
        (Feature("x", DType.INT64), [1, 2], [1, 2], np.int64),
        (Feature("x", DType.INT64), [1, 2.5], [1.0, 2.5], np.float64),
        (Feature("x", DType.INT64, nullable=True), [1, None], [1.0, math.nan], np.float64),
        (Feature("x", DType.BOOL), [True, 0], [True, False], np.bool_),
        (Feature("x", DType.BOOL, nullable=True), [True, None], [1.0, math.nan], np.float64),
        (Feature("x", DType.FLOAT64), [1, 2.5], [1.0, 2.5], np.float64),
        (Feature("x", DType.FLOAT64, used=False), ["a", [1]], ["a", None], object),
    ],
)
def test_beside_a_string_each_feature_is_a_column(
    feature: Feature, values: list[Any], expected: list[Any], dtype: type
) -> None:
    rows = to_rows(
        signature(Feature("text", DType.STRING), feature), [["t", value] for value in values]
    )

    assert rows.columns is not None
    assert np.dtype(dtype) == rows.columns[1].dtype
    np.testing.assert_array_equal(np.array(expected, dtype=dtype), rows.columns[1])


@pytest.mark.parametrize(
    ("model", "value", "error", "detail"),
    [
        (
            one(DType.FLOAT64),
            "5",
            InvalidBody,
            "features[0]: expected a number for x, got the string '5'",
        ),
        (one(DType.FLOAT64), True, InvalidBody, "features[0]: expected a number for x, got true"),
        (
            one(DType.FLOAT64),
            [],
            InvalidBody,
            "features[0]: expected a number for x, got a list of 0",
        ),
        (
            one(DType.FLOAT64),
            {},
            InvalidBody,
            "features[0]: expected a number for x, got an object",
        ),
        (
            one(DType.FLOAT64),
            None,
            NonFiniteValue,
            "features[0]: expected a number, got null; x takes no missing values",
        ),
        (
            one(DType.FLOAT64),
            math.nan,
            NonFiniteValue,
            "features[0]: expected a finite number for x, got nan",
        ),
        (
            one(DType.FLOAT64, nullable=True),
            -math.inf,
            NonFiniteValue,
            "features[0]: expected a finite number for x, got -inf; a missing value is null",
        ),
        (
            one(DType.FLOAT64),
            10**400,
            NonFiniteValue,
            "features[0]: expected a number within float64, got an integer of 1329 bits",
        ),
        (
            one(DType.FLOAT32),
            -1e39,
            ValueOutOfRange,
            "features[0]: expected a number within float32 (±3.403e+38) for x, got -1e+39",
        ),
        (one(DType.STRING), 5, InvalidBody, "features[0]: expected a string for x, got 5"),
        (
            one(DType.STRING),
            None,
            NonFiniteValue,
            "features[0]: expected a string, got null; x takes no missing values",
        ),
        (
            one(DType.BOOL),
            2,
            InvalidBody,
            "features[0]: expected true or false for x, got 2",
        ),
        (
            one(DType.BOOL),
            "true",
            InvalidBody,
            "features[0]: expected true or false for x, got the string 'true'",
        ),
        (
            CITIES,
            "Paris",
            UnknownCategory,
            "features[0]: expected one of Bergen, Oslo for x, got the string 'Paris'",
        ),
        (SIZES, 3, UnknownCategory, "features[0]: expected one of 1, 2, 5 for x, got 3"),
        (SIZES, 1.5, UnknownCategory, "features[0]: expected one of 1, 2, 5 for x, got 1.5"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(
    model: Signature, value: Any, error: type[RequestError], detail: str
) -> None:
    with pytest.raises(error) as caught:
        to_row(model, [value])

    assert detail == caught.value.detail
    assert ("features", 0) == caught.value.mismatches[0].loc


@pytest.mark.parametrize(
    ("row", "error", "detail"),
    [
        ([], WrongFeatureCount, "features: expected 2, got 0"),
        ([1], WrongFeatureCount, "features: expected 2, got 1"),
        ([1, 2, 3], WrongFeatureCount, "features: expected 2, got 3"),
        (
            [[1, 2]],
            WrongFeatureCount,
            "features: expected 2, got 1; several rows go to …/predict/batch",
        ),
        ({}, MissingFeature, "features: expected all 2 features, got none for a, b"),
        ({"a": 1}, MissingFeature, "features: expected all 2 features, got none for b"),
        (
            {"a": 1, "b": 2, "c": 3},
            UnknownFeature,
            "features: expected the features a, b, got unknown c",
        ),
        (
            {"A": 1, "b": 2},
            UnknownFeature,
            "features: expected the features a, b, got unknown A",
        ),
        (
            {"a": 1, "b": "2"},
            InvalidBody,
            "features[1]: expected a number for b, got the string '2'",
        ),
    ],
)
def test_a_row_of_another_shape_is_refused(
    row: Any, error: type[RequestError], detail: str
) -> None:
    with pytest.raises(error) as caught:
        to_row(PAIR, row)

    assert detail == caught.value.detail


@pytest.mark.parametrize(
    ("rows", "error", "detail"),
    [
        ([], EmptyBatch, "features: expected at least one row, got an empty list"),
        ([[1], [2]], WrongFeatureCount, "features[0]: expected 2, got 1"),
        ([[1, 2], [1]], RaggedBatch, "features[1]: expected 2, got 1; rows differ in length"),
        ([[1], [1, 2]], RaggedBatch, "features[0]: expected 2, got 1; rows differ in length"),
        (
            [[1, 2], 3],
            InvalidBody,
            "features[1]: expected a row: a list of values or an object by feature name, got 3",
        ),
        ([[1, 2], [1, None]], NonFiniteValue, "features[1][1]: expected a number, got null;"),
        ([{"a": 1, "b": 2}, {"a": 1}], MissingFeature, "features[1]: expected all 2 features"),
    ],
)
def test_a_wrong_row_of_a_batch_is_named(rows: Any, error: type[RequestError], detail: str) -> None:
    with pytest.raises(error) as caught:
        to_rows(PAIR, rows)

    assert caught.value.detail.startswith(detail)


def test_rows_by_name_and_by_list_are_the_same() -> None:
    by_name = to_rows(PAIR, [{"b": 2, "a": 1}, [3, 4]])

    assert by_name.matrix is not None
    assert [[1.0, 2.0], [3.0, 4.0]] == by_name.matrix.tolist()


def test_a_feature_that_is_not_used_may_be_left_out() -> None:
    model = signature(Feature("a", DType.FLOAT64), Feature("note", DType.FLOAT64, used=False))

    rows = to_row(model, {"a": 1})

    assert rows.columns is not None
    assert [None] == rows.columns[1].tolist()


@pytest.mark.parametrize(
    ("model", "value", "expected"),
    [
        (one(DType.FLOAT32), FLOAT32_MAX, True),
        (one(DType.FLOAT32), -2 * FLOAT32_MAX, False),
        (one(DType.FLOAT64), 1e308, True),
        (SIZES, 5.0, True),
        (SIZES, 4.0, False),
    ],
)
def test_tells_whether_numbers_fit(model: Signature, value: float, expected: bool) -> None:
    with np.errstate(over="ignore"):  # as every thread that predicts is quiet about it
        assert expected == fits(model, np.array([[1.0], [value]]))


@pytest.mark.parametrize(
    "value", ["a" * 10**6, ["a" * 10**6] * 100, {"a" * 10**6: 1}, 10**4000, -(10**4000)]
)
def test_a_huge_value_has_a_short_description(value: Any) -> None:
    assert len(describe(value)) < 100


def test_many_unknown_names_have_a_short_description() -> None:
    with pytest.raises(UnknownFeature) as caught:
        to_row(PAIR, {"n" * 1000 + str(i): i for i in range(1000)})

    assert len(caught.value.detail) < 1000
    assert caught.value.detail.endswith("and 990 more")
