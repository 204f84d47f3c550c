"""Input tensors to validated rows, by a signature: a block of numbers, or a tensor a feature.

Everything is done a column at a time. What a column holds that its feature does not take is told
by ``row_values``, as for rows of JSON; both take the same values, and make the same rows of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skerry.core.errors import (
    BatchTooLarge,
    EmptyBatch,
    InvalidBody,
    MissingFeature,
    RaggedBatch,
    SkerryError,
    UnknownFeature,
    WrongFeatureCount,
)
from skerry.core.row_values import FLOAT32_MAX, Loc, fits, listing, to_row
from skerry.core.rows import Rows
from skerry.core.signature import DType, Feature, Signature
from skerry.core.tensor_values import InputTensor

_INT64 = np.iinfo(np.int64)
Columns = Sequence[NDArray[Any] | None]
"""One array [n_rows] a feature, None for an unused one that was not sent."""


def rows_of(signature: Signature, inputs: Sequence[InputTensor], max_rows: int) -> Rows:
    """Validate the inputs of a request; a view of the bytes that they came in, where that is so.

    inputs: at least one. One tensor of the shape [rows, features], by any name; or one for each
    feature, by its name and in any order, of the shape [rows, 1] or [rows].

    Raises:
        RequestError: the subclass that says what is wrong.
    """
    n_rows = _n_rows(inputs, max_rows)
    n_features = len(signature.features)
    first = inputs[0]
    if len(inputs) == 1 and n_features > 1 and first.name not in signature.names:
        if first.shape[1:] != (n_features,):
            expected = f"[rows, {n_features}], or a tensor for each feature by its name"
            raise WrongFeatureCount.at((*first.loc, "shape"), expected, str(list(first.shape)))
        return _from_block(signature, first)
    if len(inputs) == 1 and first.shape[1:] == (n_features,):
        return _from_block(signature, first)
    return _from_columns(signature, inputs, n_rows)


def _n_rows(inputs: Sequence[InputTensor], max_rows: int) -> int:
    for tensor in inputs:
        loc = (*tensor.loc, "shape")
        if len(tensor.shape) > 2:
            raise InvalidBody.at(loc, "one or two dimensions", str(len(tensor.shape)))
        if 0 in tensor.shape:
            raise EmptyBatch.at(loc, "at least one row", str(list(tensor.shape)))
        if tensor.shape[0] > max_rows:
            hint = " (SKERRY_MAX_BATCH_ROWS)"
            raise BatchTooLarge.at(loc, f"at most {max_rows} rows", str(tensor.shape[0]), hint)
        if tensor.shape[0] != inputs[0].shape[0]:
            expected = f"{inputs[0].shape[0]} rows, as in inputs[0]"
            raise RaggedBatch.at(loc, expected, str(tensor.shape[0]))
    return inputs[0].shape[0]


def _from_block(signature: Signature, tensor: InputTensor) -> Rows:
    n_rows, n_features = tensor.shape[0], len(signature.features)
    block = tensor.values().reshape(n_rows, n_features)
    loc = (*tensor.loc, "data")
    if signature.is_numeric and block.dtype != object:
        return _checked(signature, block.astype(np.float64, copy=False), list(block.T), loc)
    return _table(signature, n_rows, list(block.T), loc)


def _from_columns(signature: Signature, inputs: Sequence[InputTensor], n_rows: int) -> Rows:
    columns = _by_feature(signature, inputs)
    loc: Loc = ("rows",)
    if signature.is_numeric and all(c is not None and c.dtype != object for c in columns):
        matrix = np.empty((n_rows, len(columns)))
        for j, column in enumerate(columns):
            matrix[:, j] = column
        return _checked(signature, matrix, columns, loc)
    return _table(signature, n_rows, columns, loc)


def _by_feature(signature: Signature, inputs: Sequence[InputTensor]) -> Columns:
    columns: list[NDArray[Any] | None] = [None] * len(signature.features)
    for tensor in inputs:
        if tensor.shape[1:] not in ((), (1,)):
            expected = f"[{tensor.shape[0]}, 1] for {tensor.name[:60]!r}"
            raise InvalidBody.at((*tensor.loc, "shape"), expected, str(list(tensor.shape)))
        j = 0 if len(columns) == 1 else signature.names.get(tensor.name)
        if j is None:
            known = listing([feature.name for feature in signature.features])
            got = f"unknown {tensor.name[:60]!r}"
            raise UnknownFeature.at((*tensor.loc, "name"), f"the features {known}", got)
        columns[j] = tensor.values()
    features = zip(signature.features, columns, strict=True)
    missing = [feature.name for feature, column in features if column is None and feature.used]
    if missing:
        expected = f"a tensor for each of {len(columns)} features"
        raise MissingFeature.at(("inputs",), expected, f"none for {listing(missing)}")
    return columns


def _checked(signature: Signature, matrix: NDArray[np.float64], columns: Columns, loc: Loc) -> Rows:
    """Return a matrix of numbers as rows, once every column is what its feature takes.

    columns: the same values, as they came.
    """
    if signature.takes_numbers and _are_moderate(matrix) and fits(signature, matrix):
        return Rows(len(matrix), matrix=_without_negative_zeros(signature, matrix))
    for j, feature in enumerate(signature.features):
        wrong = _wrong(feature, matrix[:, j])
        if wrong.any():
            raise _explained(signature, columns, int(wrong.argmax()), loc)
    return Rows(len(matrix), matrix=_without_negative_zeros(signature, matrix))


def _are_moderate(matrix: NDArray[np.float64]) -> bool:
    """Tell in one call whether all are numbers, and none near the end of what floats can be."""
    flat = matrix.ravel()
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(flat.dot(flat)))


def _table(signature: Signature, n_rows: int, columns: Columns, loc: Loc) -> Rows:
    arrays: list[NDArray[Any]] = []
    for feature, column in zip(signature.features, columns, strict=True):
        array, wrong = _as_feature(feature, column, n_rows)
        if wrong.any():
            raise _explained(signature, columns, int(wrong.argmax()), loc)
        arrays.append(array)
    return Rows(n_rows, columns=tuple(arrays))


def _as_feature(
    feature: Feature, column: NDArray[Any] | None, n_rows: int
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return the column in the form of the feature, and which of its rows the feature refuses."""
    if column is None:
        return np.full(n_rows, None, dtype=object), np.zeros(n_rows, dtype=np.bool_)
    if not feature.used:
        return column.astype(object), np.zeros(n_rows, dtype=np.bool_)
    is_text = column.dtype == object
    if is_text is not (feature.dtype is DType.STRING):
        return column, np.ones(n_rows, dtype=np.bool_)
    if is_text:
        return column, _wrong_texts(feature, column)
    return _number_column(feature, column), _wrong(feature, column.astype(np.float64))


def _number_column(feature: Feature, column: NDArray[Any]) -> NDArray[Any]:
    """Return numbers as ``row_values`` would: whole ones and bools as such, if all are."""
    if feature.dtype is DType.INT64:
        return _whole(column)
    if feature.dtype is DType.BOOL and not (column.dtype.kind == "f" and np.isnan(column).any()):
        return column.astype(np.bool_)
    return column.astype(np.float64)


def _whole(column: NDArray[Any]) -> NDArray[Any]:
    if column.dtype.kind == "f":
        wide = column.astype(np.float64)
        # 2**63 is a float, one less is not.
        is_whole = (wide == np.trunc(wide)) & (wide >= _INT64.min) & (wide < -float(_INT64.min))
        return wide.astype(np.int64) if is_whole.all() else wide
    if column.dtype == np.uint64 and (column > _INT64.max).any():
        return column.astype(np.float64)
    return column.astype(np.int64)


def _wrong_texts(feature: Feature, column: NDArray[Any]) -> NDArray[np.bool_]:
    taken = (feature.nullable if v is None else feature.takes(v) for v in column.tolist())
    return ~np.fromiter(taken, dtype=np.bool_, count=len(column))


def _wrong(feature: Feature, column: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which of the numbers a feature refuses. column: NaN where a value is missing."""
    missing = np.isnan(column)
    wrong = np.isinf(column)
    if not feature.nullable:
        wrong |= missing
    if feature.dtype is DType.FLOAT32:
        wrong |= np.abs(column) > FLOAT32_MAX
    if feature.dtype is DType.BOOL:
        wrong |= ~missing & (column != 0) & (column != 1)
    if feature.enforced_categories is not None:
        wrong |= ~missing & [not feature.takes(value) for value in column.tolist()]
    return wrong


def _without_negative_zeros(
    signature: Signature, matrix: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the matrix with 0 for -0.0 where a feature is whole; the same one if there is none."""
    whole = list(signature.whole)
    if not whole:
        return matrix
    chosen = matrix[:, whole]
    if not (np.signbit(chosen) & (chosen == 0)).any():
        return matrix
    matrix = matrix.copy()
    matrix[:, whole] += 0.0
    return matrix


def _explained(signature: Signature, columns: Columns, i: int, loc: Loc) -> SkerryError:
    """Return what ``row_values`` says of a row that is refused."""
    values = [
        _as_json(feature, None if column is None else column[i])
        for feature, column in zip(signature.features, columns, strict=True)
    ]
    try:
        to_row(signature, values, loc=(*loc, i))
    except SkerryError as error:
        return error
    return InvalidBody.at((*loc, i), "values that the model takes", "others")


def _as_json(feature: Feature, value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or (isinstance(value, float) and value != value and feature.nullable):
        return None
    if isinstance(value, bool) and feature.dtype not in (DType.BOOL, DType.STRING):
        return int(value)
    return value
