"""Tensors make the rows that JSON rows make, and are refused where those are."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skerry.core.errors import (
    BatchTooLarge,
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
from skerry.core.row_values import to_rows
from skerry.core.rows import Rows
from skerry.core.signature import DType, Feature, Signature
from skerry.core.tensor_rows import rows_of
from skerry.core.tensor_values import InputTensor, to_bytes
from skerry.core.tensors import NUMPY_DTYPES, Datatype

MAX_ROWS = 100
NUMBERS = Signature(
    (
        Feature("a", DType.FLOAT64),
        Feature("b", DType.FLOAT32, nullable=True),
        Feature("c", DType.INT64),
    ),
    (),
)
TABLE = Signature(
    (
        Feature("age", DType.FLOAT64, nullable=True),
        Feature("small", DType.FLOAT32),
        Feature("n", DType.INT64, nullable=True),
        Feature("member", DType.BOOL, nullable=True),
        Feature("city", DType.STRING, categories=("Oslo", "Rome"), accepts_unseen=False),
        Feature("street", DType.STRING, nullable=True),
        Feature("grade", DType.INT64, categories=(1, 2), accepts_unseen=False),
    ),
    (),
)
UNUSED = Signature(
    (
        Feature("a", DType.STRING),
        Feature("b", DType.FLOAT64),
        Feature("c", DType.FLOAT64, used=False),
    ),
    (),
)
FLAGS = Signature((Feature("a", DType.BOOL), Feature("b", DType.FLOAT64)), ())
_DATATYPES = {
    DType.FLOAT64: Datatype.FP64,
    DType.FLOAT32: Datatype.FP64,
    DType.INT64: Datatype.INT64,
    DType.BOOL: Datatype.BOOL,
    DType.STRING: Datatype.BYTES,
}


def tensor(
    name: str,
    datatype: Datatype,
    shape: tuple[int, ...],
    data: list[Any] | memoryview,
    index: int = 0,
) -> InputTensor:
    return InputTensor(index, name, datatype, shape, data)


def columns(signature: Signature, rows: Sequence[Sequence[Any]]) -> list[InputTensor]:
    """Return one tensor a feature, in reverse order."""
    found = [
        tensor(f.name, _DATATYPES[f.dtype], (len(rows), 1), [row[j] for row in rows], j)
        for j, f in enumerate(signature.features)
    ]
    return found[::-1]


def outcome(make: Callable[[], Rows]) -> Any:
    """Return rows as something that can be compared, or that they were refused."""
    try:
        rows = make()
    except RequestError:
        return "refused"
    arrays = [rows.matrix] if rows.matrix is not None else list(rows.columns or ())
    return [(str(array.dtype), repr(array.tolist())) for array in arrays]


def values_of(feature: Feature) -> st.SearchStrategy[Any]:
    missing = st.none()
    if feature.dtype is DType.STRING:
        return st.one_of(missing, st.sampled_from(["Oslo", "Rome", "Bern", ""]))
    if feature.dtype is DType.BOOL:
        return st.one_of(missing, st.booleans())
    if feature.dtype is DType.INT64:
        return st.one_of(missing, st.sampled_from([1, 2, -(2**63), 2**63 - 1, 0]))
    return st.one_of(missing, st.floats(allow_nan=False, allow_infinity=False), st.integers(-9, 9))


@settings(max_examples=300)
@given(st.sampled_from([NUMBERS, TABLE, FLAGS]), st.data())
def test_columns_make_the_rows_of_json(signature: Signature, data: st.DataObject) -> None:
    row = st.tuples(*map(values_of, signature.features))
    rows = [list(each) for each in data.draw(st.lists(row, min_size=1, max_size=3))]
    by_json = outcome(lambda: to_rows(signature, rows))

    assert by_json == outcome(lambda: rows_of(signature, columns(signature, rows), MAX_ROWS))


@given(st.lists(st.tuples(*[st.floats(width=64)] * 3), min_size=1, max_size=3))
def test_a_block_of_bytes_makes_the_rows_of_json(drawn: list[tuple[float, ...]]) -> None:
    """NaN is missing where the model takes that: bytes have no null."""
    block = np.array(drawn)
    sent = memoryview(to_bytes(block, Datatype.FP64))
    rows = [[None if math.isnan(v) and j == 1 else v for j, v in enumerate(row)] for row in drawn]
    by_json = outcome(lambda: to_rows(NUMBERS, rows))

    assert by_json == outcome(
        lambda: rows_of(NUMBERS, [tensor("x", Datatype.FP64, block.shape, sent)], MAX_ROWS)
    )


@pytest.mark.parametrize("datatype", [d for d in Datatype if d is not Datatype.BYTES])
def test_any_number_is_converted(datatype: Datatype) -> None:
    block = np.array([[1, 0, 1]], dtype=NUMPY_DTYPES[datatype])
    sent = memoryview(to_bytes(block, datatype))

    rows = rows_of(NUMBERS, [tensor("x", datatype, (1, 3), sent)], MAX_ROWS)

    assert rows.matrix is not None
    assert [[1.0, 0.0, 1.0]] == rows.matrix.tolist()
    assert np.float64 == rows.matrix.dtype


def test_a_block_of_doubles_is_not_copied() -> None:
    block = np.array([[1.0, 2.0, 3.0]])
    sent = tensor("x", Datatype.FP64, (1, 3), memoryview(to_bytes(block, Datatype.FP64)))

    rows = rows_of(NUMBERS, [sent], MAX_ROWS)

    assert rows.matrix is not None
    assert np.shares_memory(block, rows.matrix)


def test_a_negative_zero_is_no_whole_number_and_what_was_sent_stays() -> None:
    block = np.array([[-0.0, -0.0, -0.0]])

    rows = rows_of(NUMBERS, [tensor("x", Datatype.FP64, (1, 3), block.tolist())], MAX_ROWS)
    kept = rows_of(
        NUMBERS,
        [tensor("x", Datatype.FP64, (1, 3), memoryview(to_bytes(block, Datatype.FP64)))],
        MAX_ROWS,
    )

    for each in (rows, kept):
        assert each.matrix is not None
        assert [[True, True, False]] == np.signbit(each.matrix).tolist()
    assert np.signbit(block).all()


def test_one_tensor_may_have_any_name_and_one_column_any_rank() -> None:
    text = Signature((Feature("text", DType.STRING),), ())
    for shape in ((2,), (2, 1)):
        rows = rows_of(text, [tensor("whatever", Datatype.BYTES, shape, ["a", "b"])], MAX_ROWS)
        assert rows.columns is not None
        assert ["a", "b"] == rows.columns[0].tolist()


def test_a_block_of_strings_is_a_table_of_strings() -> None:
    both = Signature((Feature("a", DType.STRING), Feature("b", DType.STRING)), ())

    rows = rows_of(both, [tensor("x", Datatype.BYTES, (1, 2), [["p", "q"]])], MAX_ROWS)

    assert rows.columns is not None
    assert [["p"], ["q"]] == [column.tolist() for column in rows.columns]


def test_a_feature_that_is_not_read_may_stay_away() -> None:
    inputs = [
        tensor("b", Datatype.FP64, (1, 1), [1.0]),
        tensor("a", Datatype.BYTES, (1,), ["x"], 1),
    ]

    assert rows_of(UNUSED, inputs, MAX_ROWS).columns is not None


def test_a_large_unsigned_number_is_a_float_where_whole_numbers_end() -> None:
    signature = Signature((Feature("s", DType.STRING), Feature("n", DType.INT64)), ())
    inputs = [
        tensor("s", Datatype.BYTES, (1, 1), ["x"]),
        tensor("n", Datatype.UINT64, (1, 1), [2**64 - 1], 1),
    ]

    rows = rows_of(signature, inputs, MAX_ROWS)

    assert rows.columns is not None
    assert [2.0**64] == rows.columns[1].tolist()


def _people(name: str, datatype: Datatype, value: Any) -> list[InputTensor]:
    """Return tensors for a good row of the table, but for one feature."""
    good = columns(TABLE, [[31.0, 1.5, 2, True, "Oslo", "Gate", 1]])
    return [t for t in good if t.name != name] + [tensor(name, datatype, (1, 1), [value], 9)]


@pytest.mark.parametrize(
    ("signature", "inputs", "error", "words"),
    [
        (NUMBERS, [tensor("x", Datatype.FP64, (2, 4), [0.0] * 8)], WrongFeatureCount, r"rows, 3"),
        (NUMBERS, [tensor("x", Datatype.FP64, (3,), [0.0] * 3)], WrongFeatureCount, r"rows, 3"),
        (NUMBERS, [tensor("x", Datatype.FP64, (1, 3, 1), [])], InvalidBody, "one or two dim"),
        (NUMBERS, [tensor("x", Datatype.FP64, (0, 3), [])], EmptyBatch, "at least one row"),
        (NUMBERS, [tensor("x", Datatype.FP64, (10**9, 3), [])], BatchTooLarge, "at most 100 rows"),
        (NUMBERS, [tensor("x", Datatype.FP64, (2**64, 2**64), [])], BatchTooLarge, "at most 100"),
        (NUMBERS, [tensor("x", Datatype.FP64, (1, 2**64), [])], WrongFeatureCount, r"rows, 3"),
        (NUMBERS, [tensor("x", Datatype.BYTES, (1, 3), ["1", "2", "3"])], InvalidBody, "a number"),
        (NUMBERS, [tensor("a", Datatype.FP64, (1, 1), [1.0])], MissingFeature, "none for b, c"),
        (NUMBERS, [tensor("a", Datatype.FP64, (1,), [1.0]),
                   tensor("z", Datatype.FP64, (1,), [1.0], 1)], UnknownFeature, "unknown 'z'"),
        (NUMBERS, [tensor("a", Datatype.FP64, (1,), [1.0]),
                   tensor("b", Datatype.FP64, (2,), [1.0] * 2, 1)], RaggedBatch, "1 rows, as in"),
        (NUMBERS, [tensor("a", Datatype.FP64, (1, 2), [1.0] * 2),
                   tensor("b", Datatype.FP64, (1, 1), [1.0], 1)], InvalidBody, r"\[1, 1\] for 'a'"),
        (NUMBERS, [tensor("x", Datatype.FP64, (1, 3), [None, 1.0, 1.0])], NonFiniteValue, "for a"),
        (NUMBERS, [tensor("x", Datatype.FP64, (1, 3), [1.0, 1e39, 1])], ValueOutOfRange, "float32"),
        (TABLE, _people("city", Datatype.BYTES, "Bern"), UnknownCategory, "one of Oslo, Rome"),
        (TABLE, _people("city", Datatype.INT64, 5), InvalidBody, "a string for city, got 5"),
        (TABLE, _people("age", Datatype.BYTES, "old"), InvalidBody, "a number for age, got the"),
        (TABLE, _people("member", Datatype.FP64, 0.5), InvalidBody, "true or false for member"),
        (TABLE, _people("grade", Datatype.INT64, 7), UnknownCategory, "one of 1, 2"),
        (TABLE, _people("small", Datatype.FP64, 1e39), ValueOutOfRange, "float32"),
    ],
)  # fmt: skip
def test_what_the_model_does_not_take_is_told(
    signature: Signature, inputs: list[InputTensor], error: type[RequestError], words: str
) -> None:
    with pytest.raises(error, match=words):
        rows_of(signature, inputs, MAX_ROWS)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_bytes_that_are_no_number_are_refused_where_they_stand(value: float) -> None:
    block = np.ones((3, 3))
    block[2, 0] = value
    sent = tensor("x", Datatype.FP64, (3, 3), memoryview(to_bytes(block, Datatype.FP64)))

    with pytest.raises(NonFiniteValue, match=r"inputs\[0\]\.data\[2\]\[0\]: expected a finite"):
        rows_of(NUMBERS, [sent], MAX_ROWS)
