"""How far rows are from training: what is counted, and the index against its definition."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from skerry.core.drift import MIN_ROWS, REMEMBERED_ROWS, FeatureDrift, VersionDrift
from skerry.core.rows import Rows
from skerry.core.signature import DType, Feature, Signature

AGE = Feature("age", DType.FLOAT64, nullable=True, range=(0.0, 100.0))
CITY = Feature("city", DType.STRING, nullable=True, categories=("Oslo", "Paris"))
CHILDREN = Feature("children", DType.INT64, range=(0, 1))
TRAINING: dict[str, Any] = {
    "rows": 100,
    "features": {
        "age": {"missing": 0, "edges": [0.0, 25.0, 50.0, 100.0], "counts": [50, 30, 20]},
        "city": {"missing": 10, "categories": ["Oslo", "Paris"], "counts": [60, 30]},
    },
}


def texts(*values: str | None) -> np.ndarray[Any, Any]:
    return np.array(values, dtype=object)


def one_feature(feature: Feature, **training: Any) -> FeatureDrift:
    return FeatureDrift(feature, training, 100)


def test_numbers_outside_training_and_missing_ones_are_counted() -> None:
    drift = one_feature(AGE)

    drift.count(np.array([0.0, 100.0, -1.0, 101.0, math.nan]))

    assert (2, 1, None) == (drift.out_of_range, drift.missing, drift.unseen)


def test_categories_that_training_did_not_have_are_counted() -> None:
    drift = one_feature(CITY)

    drift.count(texts("Oslo", "Rome", None, "Rome"))

    assert (None, 1, 2) == (drift.out_of_range, drift.missing, drift.unseen)


def test_what_a_feature_cannot_be_is_not_counted() -> None:
    drift = one_feature(Feature("x", DType.FLOAT64))

    drift.count(np.array([1e300, math.nan]))

    assert (None, None, None) == (drift.out_of_range, drift.missing, drift.unseen)


def test_the_index_is_that_of_its_source() -> None:
    drift = one_feature(AGE, **TRAINING["features"]["age"])

    drift.count(np.repeat([-5.0, 30.0, 500.0], [20, 30, 150]))

    seen, expected = (0.1, 0.15, 0.75), (0.5, 0.3, 0.2)
    index = sum((s - e) * math.log(s / e) for s, e in zip(seen, expected, strict=True))
    assert pytest.approx(index) == drift.stability_index()


def test_rows_spread_as_in_training_have_the_index_nought() -> None:
    age = one_feature(AGE, **TRAINING["features"]["age"])
    city = one_feature(CITY, **TRAINING["features"]["city"])

    age.count(np.repeat([10.0, 30.0, 70.0], [100, 60, 40]))
    city.count(np.repeat(texts("Oslo", "Paris"), [200, 100]))

    assert pytest.approx(0, abs=1e-9) == age.stability_index()
    assert pytest.approx(0, abs=1e-2) == city.stability_index()


def test_rare_categories_that_the_manifest_left_out_are_expected() -> None:
    drift = FeatureDrift(CITY, {"missing": 0, "categories": ["Oslo"], "counts": [50]}, 100)

    drift.count(np.repeat(texts("Oslo", "Rome"), [150, 150]))

    assert pytest.approx(0, abs=1e-9) == drift.stability_index()


def test_the_index_follows_the_latest_rows() -> None:
    drift = one_feature(AGE, **TRAINING["features"]["age"])
    drift.count(np.full(REMEMBERED_ROWS, 70.0))
    before = drift.stability_index()

    for _ in range(20):
        drift.count(np.repeat([10.0, 30.0, 70.0], [5000, 3000, 2000]))

    after = drift.stability_index()
    assert before is not None
    assert after is not None
    assert before > 1
    assert after < 0.01


def test_too_few_rows_have_no_index() -> None:
    drift = one_feature(AGE, **TRAINING["features"]["age"])

    drift.count(np.full(MIN_ROWS - 1, 10.0))

    assert drift.stability_index() is None


@pytest.mark.parametrize(
    "training",
    [
        {},
        {"edges": [], "counts": []},
        {"edges": [0.0, 1.0], "counts": [1, 2]},
        {"counts": [0, 0], "edges": [0.0, 1.0, 2.0]},
    ],
)
def test_training_that_tells_nothing_gives_no_index(training: dict[str, Any]) -> None:
    drift = one_feature(AGE, **training)

    drift.count(np.full(1000, 10.0))

    assert drift.stability_index() is None


def test_a_constant_feature_has_one_bin() -> None:
    drift = one_feature(AGE, edges=[5.0, 5.0], counts=[100])

    drift.count(np.linspace(0, 10, 500))

    assert 0 == drift.stability_index()


def test_rows_of_both_forms_are_counted_by_feature() -> None:
    numbers = VersionDrift(Signature((AGE, AGE), ()), None)
    table = VersionDrift(
        Signature((AGE, CITY, Feature("old", DType.BOOL), CHILDREN), ()),
        TRAINING,
    )

    numbers.count([Rows(1, matrix=np.array([[-1.0, 1.0]])), Rows(2, matrix=np.full((2, 2), 200.0))])
    columns = (np.array([math.nan]), texts("Rome"), np.array([True]), np.array([5]))
    table.count([Rows(1, columns=columns), Rows(1, columns=columns)])

    assert (3, [3, 2]) == (numbers.rows, [f.out_of_range for f in numbers.features])
    assert [(None, 2), (2, 0), (None, None), (None, None)] == [
        (f.unseen, f.missing) for f in table.features
    ]
    assert [0, None, None, 2] == [f.out_of_range for f in table.features]
    assert 2 == table.rows
