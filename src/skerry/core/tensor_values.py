"""The elements of tensors: JSON values and bytes to arrays, and arrays to bytes. Knows no model.

Sizes are compared before anything is made of them: a shape is only a claim.

Source: the Open Inference Protocol, "Tensor Data"; Triton's binary tensor data extension.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skerry.core.errors import (
    InvalidBody,
    NonFiniteValue,
    RaggedBatch,
    SkerryError,
    ValueOutOfRange,
)
from skerry.core.row_values import Loc, describe
from skerry.core.tensors import NUMPY_DTYPES, Datatype

_NONE = type(None)
_FLOATS = frozenset({Datatype.FP16, Datatype.FP32, Datatype.FP64})
_EXACT = 2.0**53
"""Beyond, a whole number that comes as a float may have been another one."""
_LENGTH = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class InputTensor:
    """An input as it came; whether its shape and its data agree is not known yet.

    index: its place in the request. shape: at least one dimension, none negative.
    data: JSON values, nested or flat; or bytes as the extension orders them.
    """

    index: int
    name: str
    datatype: Datatype
    shape: tuple[int, ...]
    data: list[Any] | memoryview

    @property
    def loc(self) -> Loc:
        """Where it stands in the request."""
        return ("inputs", self.index)

    def values(self) -> NDArray[Any]:
        """Return the elements, flat: of the datatype, or of float64 where some number is null.

        Bytes that are aligned are not copied. Elements of BYTES are ``str``, or None where null.

        Raises:
            RequestError: a subclass; the data are not those of datatype and shape.
        """
        if isinstance(self.data, list):
            return _JsonElements(self, self.data).array()
        loc = (*self.loc, "parameters", "binary_data_size")
        if self.datatype is Datatype.BYTES:
            return _texts(self.data, math.prod(self.shape), loc)
        return _numbers(self.data, self.datatype, self.shape, loc)


def to_bytes(values: NDArray[Any], datatype: Datatype) -> bytes | memoryview:
    """Return the elements as the extension orders them; a view where they lie so already."""
    if datatype is Datatype.BYTES:
        encoded = [value.encode("utf-8", "replace") for value in values.ravel().tolist()]
        return b"".join(chain.from_iterable((_LENGTH.pack(len(e)), e) for e in encoded))
    array = np.ascontiguousarray(values, dtype=NUMPY_DTYPES[datatype]).reshape(-1)
    return array.view(np.uint8).data


class _JsonElements:
    """JSON values on their way to an array.

    values: in row-major order. width: of the rows that they came in, None where they came flat.
    """

    def __init__(self, tensor: InputTensor, data: list[Any]) -> None:
        self.datatype, self.loc = tensor.datatype, (*tensor.loc, "data")
        self.width: int | None = None
        self.values = data
        if data and isinstance(data[0], list):
            self._flatten(data, tensor.shape)
        elif len(data) != math.prod(tensor.shape):
            expected = f"{math.prod(tensor.shape)} values for the shape {list(tensor.shape)}"
            raise InvalidBody.at(self.loc, expected, str(len(data)))

    def array(self) -> NDArray[Any]:
        types = set(map(type, self.values))
        has_null = _NONE in types
        types.discard(_NONE)
        if self.datatype is Datatype.BYTES:
            if not types <= {str}:
                raise self._wrong(InvalidBody, "a string", lambda v: isinstance(v, str))
            array: NDArray[Any] = np.empty(len(self.values), dtype=object)
            array[:] = self.values
            return array
        if self.datatype is Datatype.BOOL:
            self._check_bools(types)
        elif not types <= {int, float}:
            raise self._wrong(InvalidBody, "a number", lambda v: type(v) in (int, float))
        if not has_null:
            return self._converted(self.values)
        at = np.array([value is not None for value in self.values], dtype=np.bool_)
        array = np.full(len(self.values), np.nan)
        array[at] = self._converted([value for value in self.values if value is not None])
        return array

    def _flatten(self, data: list[Any], shape: tuple[int, ...]) -> None:
        if len(shape) != 2 or len(data) != shape[0]:
            expected, got = f"values in the shape {list(shape)}", f"a list of {len(data)} lists"
            raise InvalidBody.at(self.loc, expected, got)
        self.width = shape[1]
        if set(map(type, data)) != {list} or set(map(len, data)) != {self.width}:
            lists = (type(row) is list and len(row) == self.width for row in data)
            i = next(i for i, fits in enumerate(lists) if not fits)
            raise RaggedBatch.at((*self.loc, i), f"a list of {self.width}", describe(data[i]))
        self.values = list(chain.from_iterable(data))

    def _check_bools(self, types: set[type]) -> None:
        if types <= {bool}:
            return
        if not types <= {bool, int} or not {0, 1}.issuperset(set(self.values) - {None}):
            raise self._wrong(
                InvalidBody, "true or false", lambda v: type(v) in (bool, int) and v in (0, 1)
            )

    def _converted(self, values: list[Any]) -> NDArray[Any]:
        dtype = NUMPY_DTYPES[self.datatype]
        if self.datatype in _FLOATS:
            return self._floats(values, dtype)
        if self.datatype is not Datatype.BOOL and float in set(map(type, values)):
            values = [self._whole(value) for value in values]
        try:
            return np.array(values, dtype=dtype)
        except OverflowError:
            bounds = np.iinfo(dtype)
            expected = f"a number from {bounds.min} to {bounds.max} ({self.datatype})"
            raise self._wrong(
                ValueOutOfRange, expected, lambda v: bounds.min <= v <= bounds.max
            ) from None

    def _whole(self, value: Any) -> int:
        if not _is_whole(value):
            raise self._wrong(InvalidBody, f"a whole number ({self.datatype})", _is_whole)
        return int(value)

    def _floats(self, values: list[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
        try:
            wide = np.array(values, dtype=np.float64)
        except OverflowError:  # An integer of some hundred digits.
            wide = np.array([math.inf])
        if not np.isfinite(wide).all():
            raise self._wrong(NonFiniteValue, "a finite number; a missing value is null", _is_float)
        if dtype == wide.dtype:
            return wide
        with np.errstate(over="ignore"):
            narrow = wide.astype(dtype)
        if not np.isfinite(narrow).all():
            largest = float(np.finfo(dtype).max)
            expected = f"a number within ±{largest:.5g} ({self.datatype})"
            raise self._wrong(ValueOutOfRange, expected, lambda v: abs(v) <= largest)
        return narrow

    def _wrong(
        self, error: type[SkerryError], expected: str, fits: Callable[[Any], bool]
    ) -> SkerryError:
        """Return the error about the first value that does not fit."""
        i = next((i for i, v in enumerate(self.values) if v is not None and not fits(v)), 0)
        place = (i,) if self.width is None else divmod(i, self.width)
        return error.at((*self.loc, *place), expected, describe(self.values[i]))


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) or (value.is_integer() and abs(value) <= _EXACT)


def _is_float(value: float) -> bool:
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def _numbers(
    data: memoryview, datatype: Datatype, shape: tuple[int, ...], loc: Loc
) -> NDArray[Any]:
    dtype = NUMPY_DTYPES[datatype]
    expected = math.prod(shape) * dtype.itemsize
    if len(data) != expected:
        wanted = f"{expected} bytes ({datatype} of the shape {list(shape)})"
        raise InvalidBody.at(loc, wanted, str(len(data)))
    if datatype is Datatype.BOOL and (np.frombuffer(data, dtype=np.uint8) > 1).any():
        raise InvalidBody.at(loc, "bytes of 0 or 1 (BOOL)", "others")
    array = np.frombuffer(data, dtype=dtype)
    return array if array.flags.aligned else array.copy()


def _texts(data: memoryview, count: int, loc: Loc) -> NDArray[Any]:
    expected = f"{count} strings, each after its length in 4 bytes (BYTES)"
    if len(data) < count * _LENGTH.size:
        raise InvalidBody.at(loc, expected, f"{len(data)} bytes, which is too few")
    texts: NDArray[Any] = np.empty(count, dtype=object)
    at = 0
    for i in range(count):
        begin = at + _LENGTH.size
        if begin > len(data):
            raise InvalidBody.at(loc, expected, f"{i}, and the rest cut off")
        at = begin + _LENGTH.unpack_from(data, at)[0]
        if at > len(data):
            raise InvalidBody.at(loc, expected, f"{i}, and the rest cut off")
        try:
            texts[i] = str(data[begin:at], "utf-8")
        except UnicodeDecodeError:
            raise InvalidBody.at(loc, "text in UTF-8", f"other bytes in string {i}") from None
    if at != len(data):
        raise InvalidBody.at(loc, expected, f"{len(data) - at} bytes more")
    return texts
