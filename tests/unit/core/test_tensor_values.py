"""Every datatype keeps its values, as JSON and as bytes; what is only claimed costs nothing."""

from __future__ import annotations

import json
import math
import tracemalloc
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from numpy.typing import NDArray

from skerry.core.errors import (
    InvalidBody,
    NonFiniteValue,
    RaggedBatch,
    RequestError,
    ValueOutOfRange,
)
from skerry.core.tensor_values import InputTensor, to_bytes
from skerry.core.tensors import NUMPY_DTYPES, Datatype

NUMBERS = [datatype for datatype in Datatype if datatype is not Datatype.BYTES]
INTEGERS = [d for d in NUMBERS if NUMPY_DTYPES[d].kind in "iu"]
FLOATS = [d for d in NUMBERS if NUMPY_DTYPES[d].kind == "f"]
SHAPES = st.one_of(st.tuples(st.integers(1, 6)), st.tuples(st.integers(1, 4), st.integers(1, 4)))


@st.composite
def tensors(draw: st.DrawFn) -> tuple[Datatype, NDArray[Any]]:
    """Draw a datatype and an array of it; its smallest and largest values come often."""
    datatype, shape = draw(st.sampled_from(NUMBERS)), draw(SHAPES)
    dtype = NUMPY_DTYPES[datatype]
    elements: st.SearchStrategy[Any]
    if dtype.kind == "f":
        bounds = np.finfo(dtype)
        extremes = [float(x) for x in (bounds.min, bounds.max, bounds.tiny, -0.0)]
        elements = st.one_of(
            st.sampled_from(extremes),
            st_numpy.from_dtype(dtype, allow_nan=False).filter(math.isfinite),
        )
    elif dtype.kind == "b":
        elements = st.booleans()
    else:
        whole = np.iinfo(dtype)
        elements = st.one_of(
            st.sampled_from([whole.min, whole.max]), st.integers(whole.min, whole.max)
        )
    return datatype, draw(st_numpy.arrays(dtype, shape, elements=elements))


def of_json(datatype: Datatype, shape: tuple[int, ...], data: Any) -> NDArray[Any]:
    sent = orjson.loads(json.dumps(data))
    return InputTensor(0, "a", datatype, shape, sent).values()


def of_bytes(datatype: Datatype, shape: tuple[int, ...], data: bytes) -> NDArray[Any]:
    return InputTensor(0, "a", datatype, shape, memoryview(data)).values()


def same(expected: NDArray[Any], got: NDArray[Any]) -> bool:
    return expected.dtype == got.dtype and expected.tobytes() == got.tobytes()


@given(tensors())
def test_numbers_go_round_by_json_nested_and_flat(drawn: tuple[Datatype, NDArray[Any]]) -> None:
    datatype, array = drawn

    assert same(array.ravel(), of_json(datatype, array.shape, array.tolist()))
    assert same(array.ravel(), of_json(datatype, array.shape, array.ravel().tolist()))


@given(tensors())
def test_numbers_go_round_by_bytes(drawn: tuple[Datatype, NDArray[Any]]) -> None:
    datatype, array = drawn
    sent = bytes(to_bytes(array, datatype))

    assert array.astype(array.dtype.newbyteorder("<")).tobytes() == sent
    assert same(array.ravel(), of_bytes(datatype, array.shape, sent))


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_texts_go_round(texts: list[str]) -> None:
    array = np.array([*texts, None], dtype=object)[:-1]
    sent = bytes(to_bytes(array, Datatype.BYTES))

    assert texts == of_bytes(Datatype.BYTES, (len(texts),), sent).tolist()
    assert texts == of_json(Datatype.BYTES, (len(texts), 1), texts).tolist()


@pytest.mark.parametrize("datatype", FLOATS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_bytes_may_be_any_float(datatype: Datatype, value: float) -> None:
    array = np.array([value], dtype=NUMPY_DTYPES[datatype])

    assert same(array, of_bytes(datatype, (1,), bytes(to_bytes(array, datatype))))


@pytest.mark.parametrize("datatype", INTEGERS)
def test_a_whole_number_beyond_the_datatype_is_refused(datatype: Datatype) -> None:
    bounds = np.iinfo(NUMPY_DTYPES[datatype])
    for value in (int(bounds.min) - 1, int(bounds.max) + 1):
        with pytest.raises((ValueOutOfRange, InvalidBody), match=r"inputs\[0\]\.data\[1\]"):
            InputTensor(0, "a", datatype, (2,), [1, value]).values()
        with pytest.raises((ValueOutOfRange, InvalidBody), match=r"inputs\[0\]\.data\[1\]"):
            of_json(datatype, (2,), [1, value])


@pytest.mark.parametrize(("datatype", "value"), [(Datatype.FP16, 65536.0), (Datatype.FP32, 1e39)])
def test_a_float_beyond_the_datatype_is_refused(datatype: Datatype, value: float) -> None:
    with pytest.raises(ValueOutOfRange, match=r"data\[1\]\[0\]: expected a number within"):
        of_json(datatype, (2, 1), [[1.0], [value]])


def test_a_float_is_rounded_to_its_datatype() -> None:
    assert [float(np.float32(0.1))] == of_json(Datatype.FP32, (1,), [0.1]).tolist()


def test_a_whole_float_is_an_integer_where_it_is_exact() -> None:
    assert [3, -4] == of_json(Datatype.INT8, (2,), [3.0, -4]).tolist()
    for value in (1.5, 1e18):
        with pytest.raises(InvalidBody, match="a whole number"):
            of_json(Datatype.INT64, (1,), [value])


def test_null_is_missing() -> None:
    numbers = of_json(Datatype.INT32, (3, 1), [1, None, 3])

    assert [1.0, 3.0] == numbers[[0, 2]].tolist()
    assert math.isnan(numbers[1])
    assert ["a", None] == of_json(Datatype.BYTES, (2,), ["a", None]).tolist()


@pytest.mark.parametrize(
    ("datatype", "shape", "data", "error", "words"),
    [
        (Datatype.FP64, (2,), [1.0, "2"], InvalidBody, r"data\[1\]: expected a number, got the"),
        (Datatype.FP64, (2,), [1.0, True], InvalidBody, r"data\[1\]: expected a number, got true"),
        (Datatype.FP64, (1, 1), [[[1]]], InvalidBody, "expected a number, got a list"),
        (Datatype.FP64, (1,), [math.nan], NonFiniteValue, "a missing value is null"),
        (Datatype.FP64, (1,), [10**400], NonFiniteValue, "an integer of"),
        (Datatype.INT64, (2,), [1.0, 10**400], ValueOutOfRange, "an integer of"),
        (Datatype.BOOL, (2,), [True, 2], InvalidBody, r"data\[1\]: expected true or false, got 2"),
        (Datatype.BOOL, (1,), ["true"], InvalidBody, "expected true or false"),
        (Datatype.BYTES, (1,), [5], InvalidBody, "expected a string, got 5"),
        (Datatype.FP64, (2, 2), [1, 2, 3], InvalidBody, r"4 values for the shape \[2, 2\], got 3"),
        (Datatype.FP64, (2, 2), [[1, 2], [3]], RaggedBatch, r"data\[1\]: expected a list of 2"),
        (
            Datatype.FP64,
            (2, 2),
            [[1, 2], 3],
            RaggedBatch,
            r"data\[1\]: expected a list of 2, got 3",
        ),
        (Datatype.FP64, (3,), [[1, 2, 3]], InvalidBody, r"the shape \[3\], got a list of 1 lists"),
        (Datatype.FP64, (2,), [], InvalidBody, "2 values"),
    ],
)
def test_json_that_is_not_of_the_tensor_is_refused(
    datatype: Datatype, shape: tuple[int, ...], data: Any, error: type[RequestError], words: str
) -> None:
    with pytest.raises(error, match=words):
        InputTensor(0, "a", datatype, shape, data).values()


@pytest.mark.parametrize(
    ("datatype", "shape", "data", "words"),
    [
        (Datatype.FP64, (2,), bytes(15), "expected 16 bytes .*, got 15"),
        (Datatype.FP64, (2,), bytes(17), "got 17"),
        (Datatype.INT8, (2**63, 2**63), b"", "got 0"),
        (Datatype.BOOL, (2,), b"\x01\x02", "bytes of 0 or 1"),
        (Datatype.BYTES, (1,), b"", "too few"),
        (Datatype.BYTES, (10**9,), b"\x00" * 64, "too few"),
        (Datatype.BYTES, (1,), b"\x05\x00\x00\x00abcd", "cut off"),
        (Datatype.BYTES, (1,), b"\xff\xff\xff\xffabcd", "cut off"),
        (Datatype.BYTES, (2,), b"\x04\x00\x00\x00abcd\x00\x00", "1, and the rest cut off"),
        (Datatype.BYTES, (1,), b"\x01\x00\x00\x00ab", "1 bytes more"),
        (Datatype.BYTES, (1,), b"\x01\x00\x00\x00\xff", "text in UTF-8"),
    ],
)
def test_bytes_that_are_not_of_the_tensor_are_refused_without_making_room(
    datatype: Datatype, shape: tuple[int, ...], data: bytes, words: str
) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(InvalidBody, match=words):
            of_bytes(datatype, shape, data)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak_bytes < 200_000


def test_bytes_that_lie_aligned_are_not_copied() -> None:
    body = bytes(np.arange(8, dtype="<f8").tobytes())
    view = memoryview(body)

    assert np.shares_memory(
        np.frombuffer(body, dtype=np.uint8), of_bytes(Datatype.FP64, (8,), body)
    )
    odd = InputTensor(0, "a", Datatype.FP64, (7,), view[1:57]).values()
    assert odd.flags.aligned


def test_an_array_that_lies_so_already_is_written_without_a_copy() -> None:
    array = np.arange(6, dtype="<f8").reshape(2, 3)

    assert np.shares_memory(array, np.frombuffer(to_bytes(array, Datatype.FP64), dtype=np.uint8))
