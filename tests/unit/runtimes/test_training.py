from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from skerry.core.signature import DType, Feature, Output, Signature
from skerry.runtimes.samples import row_values
from skerry.runtimes.training import describe_table, table_rows

OUTPUTS = (Output("prediction", DType.INT64, (0, 1)),)
TABLE = pd.DataFrame(
    {
        "age": [20.0, 30.0, None, 50.0],
        "rooms": [1, 2, 3, 4],
        "member": [True, False, True, True],
        "city": ["Oslo", None, "Bergen", "Oslo"],
        "target": [0, 1, 0, 1],
    }
)


def _signature(**features: dict[str, Any]) -> Signature:
    named = tuple(Feature(name, DType.FLOAT64, **more) for name, more in features.items())
    return Signature(named, OUTPUTS)


def test_the_data_tell_dtypes_ranges_and_categories() -> None:
    signature = _signature(age={"nullable": True}, rooms={}, member={}, city={"nullable": True})
    described = describe_table(signature, TABLE)
    assert described.signature.features == (
        Feature("age", DType.FLOAT64, nullable=True, range=(20.0, 50.0)),
        Feature("rooms", DType.INT64, range=(1.0, 4.0)),
        Feature("member", DType.BOOL),
        Feature("city", DType.STRING, nullable=True, categories=("Bergen", "Oslo")),
    )
    assert described.signature.outputs == OUTPUTS
    assert described.ignored == ("target",)


def test_what_the_model_knows_is_kept() -> None:
    features = (
        Feature("rooms", DType.FLOAT32),
        Feature("city", DType.STRING, categories=("Oslo",), accepts_unseen=False),
    )
    described = describe_table(Signature(features, OUTPUTS), TABLE)
    assert [f.dtype for f in described.signature.features] == [DType.FLOAT32, DType.STRING]
    assert described.signature.features[1] == features[1]


def test_training_counts_add_up_to_the_rows_that_have_a_value() -> None:
    values = np.random.default_rng(0).normal(size=500)
    table = pd.DataFrame({"v": values, "one": 7.0, "none": np.nan})
    table.loc[:9, "v"] = np.nan
    described = describe_table(_signature(v={}, one={}, none={}), table)
    found = described.training["features"]
    assert described.training["rows"] == 500
    assert found["v"]["missing"] == 10
    assert sum(found["v"]["counts"]) == 490
    assert len(found["v"]["counts"]) == 10
    assert len(found["v"]["edges"]) == 11
    assert found["one"] == {
        "min": 7.0,
        "max": 7.0,
        "missing": 0,
        "edges": [7.0, 7.0],
        "counts": [500],
    }
    assert found["none"] == {"min": None, "max": None, "missing": 500, "edges": [], "counts": []}
    json.dumps(described.training, allow_nan=False)


def test_columns_in_order_name_the_features_of_a_model_without_names() -> None:
    table = pd.DataFrame({"width": [0.1, 0.2], "length": [1, 2]})
    described = describe_table(_signature(x0={}, x1={}), table)
    assert [f.name for f in described.signature.features] == ["width", "length"]


@pytest.mark.parametrize(
    ("signature", "words"),
    [
        (_signature(age={}, income={}), "no column for income"),
        (_signature(x0={}, x1={}), "exactly 2 columns"),
    ],
)
def test_a_column_that_is_missing_is_named(signature: Signature, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        describe_table(signature, TABLE)


def test_dates_are_refused() -> None:
    table = pd.DataFrame({"age": pd.to_datetime(["2026-01-01"])})
    with pytest.raises(ValueError, match="JSON has no such type"):
        describe_table(_signature(age={}), table)


def test_rows_are_those_of_the_table_that_the_model_takes() -> None:
    signature = _signature(age={}, rooms={}, member={}, city={"nullable": True})
    described = describe_table(signature, TABLE)
    rows = table_rows(described, TABLE, 20, seed=0)
    assert row_values(described.signature, rows) == [
        [20.0, 1, True, "Oslo"],
        [30.0, 2, False, None],
        [50.0, 4, True, "Oslo"],
    ]
    assert table_rows(described, TABLE, 2, seed=0).n_rows == 2
