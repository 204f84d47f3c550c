"""A table made column by column is the one that is made value by value, or is left to that."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.core.errors import RequestError
from skerry.core.row_values import to_rows
from skerry.core.rows import Rows
from skerry.core.signature import DType, Feature, Output, Signature
from skerry.core.table_rows import to_table

SIGNATURE = Signature(
    (
        Feature("age", DType.FLOAT64, nullable=True),
        Feature("narrow", DType.FLOAT32),
        Feature("count", DType.INT64),
        Feature("member", DType.BOOL),
        Feature("city", DType.STRING, categories=("Bergen", "Oslo"), accepts_unseen=False),
        Feature("note", DType.STRING, nullable=True),
        Feature("ignored", DType.FLOAT64, used=False),
    ),
    (Output("prediction", DType.INT64, (0, 1)),),
)
NAMES = [feature.name for feature in SIGNATURE.features]
USUAL = (
    st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 9) | st.none(),
    st.floats(-1e30, 1e30) | st.integers(-9, 9),
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    st.sampled_from(["Bergen", "Oslo"]),
    st.text(max_size=3) | st.none(),
    st.text(max_size=3) | st.integers(-9, 9) | st.none(),
)
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 1, 1.5, 2**70, 1e300, "Oslo", "Rome", "", [], {}, 10**400]
)


@st.composite
def tables(draw: st.DrawFn) -> list[Any]:
    usual = st.tuples(*USUAL).map(list)
    rows = draw(st.lists(usual, min_size=1, max_size=5))
    if draw(st.booleans()):
        row = rows[draw(st.integers(0, len(rows) - 1))]
        row[draw(st.integers(0, len(row) - 1))] = draw(ODD)
    if draw(st.booleans()):
        return [dict(zip(NAMES, row, strict=True)) for row in rows]
    return rows


def same(a: Rows, b: Rows) -> bool:
    return a.n_rows == b.n_rows and all(
        x.dtype == y.dtype and _equal(x, y)
        for x, y in zip(a.columns or (), b.columns or (), strict=True)
    )


def _equal(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> bool:
    if x.dtype != object:
        return bool(np.array_equal(x, y, equal_nan=x.dtype.kind == "f"))
    return [(type(v), v) for v in x.tolist()] == [(type(v), v) for v in y.tolist()]


@given(tables())
def test_what_is_taken_is_what_the_other_way_makes(rows: list[Any]) -> None:
    found = to_table(SIGNATURE, rows)

    if found is not None:
        assert same(to_rows(SIGNATURE, rows), found)


@given(st.lists(st.tuples(*USUAL).map(list), min_size=1, max_size=5), st.booleans())
def test_usual_rows_are_taken(rows: list[Any], by_name: bool) -> None:
    values = [dict(zip(NAMES, row, strict=True)) for row in rows] if by_name else rows

    assert to_table(SIGNATURE, values) is not None


@pytest.mark.parametrize(
    "rows",
    [
        [[1.0, 1.0, 1, True, "Oslo", "n"]],
        [[1.0, 1.0, 1, True, "Rome", "n", 1]],
        [[1.0, 1e39, 1, True, "Oslo", "n", 1]],
        [[1.0, 1.0, None, True, "Oslo", "n", 1]],
        [dict.fromkeys([*NAMES[:-1], "other"], 1)],
        [7],
        [[1.0, 1.0, 1, True, "Oslo", "n", 1], {}],
    ],
)
def test_what_is_wrong_is_left_to_the_explaining_way(rows: list[Any]) -> None:
    assert to_table(SIGNATURE, rows) is None
    with pytest.raises(RequestError):
        to_rows(SIGNATURE, rows)
