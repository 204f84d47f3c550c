"""Many rows of JSON values to a table, a column at a time: the usual rows, with no Python loop.

What is unusual is declined. ``row_values.to_rows`` then takes it, value by value, or says what is
wrong with it; both give the same rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skerry.core.row_values import FLOAT32_MAX
from skerry.core.rows import Rows
from skerry.core.signature import DType, Feature, Signature

_NUMBERS = {int, float}
_TAKEN: Mapping[DType, set[type]] = {
    DType.FLOAT64: _NUMBERS,
    DType.FLOAT32: _NUMBERS,
    DType.INT64: {int},
    DType.BOOL: {bool},
    DType.STRING: {str},
}
_IGNORED = {str, int, float, bool, type(None)}
_ARRAY_DTYPES: Mapping[DType, type] = {
    DType.FLOAT64: np.float64,
    DType.FLOAT32: np.float64,
    DType.INT64: np.int64,
    DType.BOOL: np.bool_,
}


def to_table(signature: Signature, values: Sequence[Any]) -> Rows | None:
    """Return the rows, or None for what has to be looked at value by value.

    signature: of a model that takes a table. values: finite JSON values, at least one row.
    """
    columns = _columns(signature, values)
    if columns is None:
        return None
    arrays = []
    for feature, column in zip(signature.features, columns, strict=True):
        array = _array(feature, column)
        if array is None:
            return None
        arrays.append(array)
    for j in signature.enforced:
        if not all(map(signature.features[j].takes, set(columns[j]))):
            return None
    return Rows(len(values), columns=tuple(arrays))


def _columns(signature: Signature, rows: Sequence[Any]) -> list[tuple[Any, ...]] | None:
    form = set(map(type, rows))
    if form not in ({list}, {dict}) or set(map(len, rows)) != {len(signature.features)}:
        return None
    if form == {dict}:
        if len(signature.features) == 1:
            return None
        in_order = itemgetter(*(feature.name for feature in signature.features))
        try:
            rows = list(map(in_order, rows))
        except KeyError:
            return None
    return list(zip(*rows, strict=True))


def _array(feature: Feature, column: tuple[Any, ...]) -> NDArray[Any] | None:
    types = set(map(type, column))
    if not feature.used:
        return _objects(column) if types <= _IGNORED else None
    has_missing = type(None) in types
    if has_missing:
        if not feature.nullable or feature.dtype in (DType.INT64, DType.BOOL):
            return None
        types.discard(type(None))
    if not types <= _TAKEN[feature.dtype]:
        return None
    if feature.dtype is DType.STRING:
        return _objects(column)
    try:
        # None becomes NaN.
        array: NDArray[Any] = np.array(column, dtype=_ARRAY_DTYPES[feature.dtype])
    except OverflowError:
        return None
    if feature.dtype is DType.FLOAT32 and (np.abs(array) > FLOAT32_MAX).any():
        return None
    return array


def _objects(column: tuple[Any, ...]) -> NDArray[Any]:
    array: NDArray[Any] = np.empty(len(column), dtype=object)
    array[:] = column
    return array
