"""Turns validated rows into what a model was fitted on: an array, a data frame, or texts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skerry.core.rows import Rows
from skerry.core.signature import DType, Feature

MODERATE = 1e12
"""Below, a value can't overflow where it is only scaled, summed or compared."""


class Form(StrEnum):
    """What ``predict`` is given.

    MATRIX: float64 [n_rows, n_features].
    OBJECTS: the same with strings, dtype object.
    FRAME: a pandas data frame.
    TEXTS: one string a row, object [n_rows].
    """

    MATRIX = "matrix"
    OBJECTS = "objects"
    FRAME = "frame"
    TEXTS = "texts"


@dataclass(frozen=True, slots=True)
class ModelInput:
    """How one model wants its rows.

    names: the columns of the frame; they are the model's, features may be named otherwise.
    missing: for each feature, what stands for a missing string.
    """

    form: Form
    features: tuple[Feature, ...]
    names: tuple[str, ...]
    missing: tuple[object, ...]

    def of(self, rows: Rows) -> Any:
        """Return the rows as the model takes them."""
        if self.form is Form.MATRIX and rows.matrix is not None:
            return rows.matrix
        columns = self._columns(rows)
        if self.form is Form.TEXTS:
            return columns[0]
        if self.form is Form.FRAME:
            return self._frame(columns)
        if self.form is Form.MATRIX:
            return np.column_stack([_as_float(column) for column in columns])
        table = np.empty((rows.n_rows, len(columns)), dtype=object)
        for j, column in enumerate(columns):
            table[:, j] = column
        return table

    def block(self, rows: Rows) -> NDArray[np.float64] | tuple[NDArray[Any], ...]:
        """Return the rows as compiled estimators take them: a matrix, or one array a column."""
        if rows.matrix is not None:
            return rows.matrix
        if self.form is Form.MATRIX:
            matrix: NDArray[np.float64] = self.of(rows)
            return matrix
        return tuple(self._columns(rows))

    def _columns(self, rows: Rows) -> list[NDArray[Any]]:
        columns: list[NDArray[Any]] = []
        for j, feature in enumerate(self.features):
            if rows.columns is not None:
                column = rows.columns[j]
            else:
                assert rows.matrix is not None  # noqa: S101 - one of the two forms is set
                column = rows.matrix[:, j]
            columns.append(_converted(feature, column, self.missing[j]))
        return columns

    def _frame(self, columns: list[NDArray[Any]]) -> Any:
        import pandas as pd

        index = pd.RangeIndex(len(columns[0]))
        # A dtype of its own keeps None from becoming NaN in a column of strings.
        series = {
            name: pd.Series(column, index=index, dtype=column.dtype)
            for name, column in zip(self.names, columns, strict=True)
        }
        return pd.DataFrame(series, index=index)


def is_moderate(rows: Rows) -> bool:
    """Tell whether every number is there, finite and far from overflow."""
    matrix = rows.matrix
    if matrix is not None:
        flat = matrix.ravel()
        # One call to find out in most cases; a sum of squares is above each of them.
        return bool(flat.dot(flat) < MODERATE or np.abs(flat).max(initial=0.0) < MODERATE)
    return all(
        column.dtype.kind == "O"
        or bool(column.max(initial=0) < MODERATE and column.min(initial=0) > -MODERATE)
        for column in rows.columns or ()
    )


def is_immoderate(rows: Rows) -> bool:
    """Tell whether any number is so large that it may overflow; a missing one is not."""
    matrix = rows.matrix
    if matrix is not None:
        flat = matrix.ravel()
        if flat.dot(flat) < MODERATE:
            return False
        return bool((np.abs(flat) >= MODERATE).any())
    numbers = [column for column in rows.columns or () if column.dtype.kind != "O"]
    if rows.n_rows == 1:
        return any(abs(column.item()) >= MODERATE for column in numbers)
    # Not by abs: int64 has no positive of its smallest number.
    return any(
        bool((column >= MODERATE).any() or (column <= -MODERATE).any()) for column in numbers
    )


def _converted(feature: Feature, column: NDArray[Any], missing: object) -> NDArray[Any]:
    if not feature.used:
        return column
    if feature.dtype is DType.STRING:
        if missing is None or (len(column) == 1 and column[0] is not None):
            return column
        values = column.tolist()
        if None not in values:
            return column
        absent = np.array([value is None for value in values], dtype=np.bool_)
        column = column.copy()
        column[absent] = missing
        return column
    if feature.dtype in (DType.BOOL, DType.INT64) and column.dtype == np.float64:
        if np.isnan(column).any():
            return _with_missing(feature.dtype, column)
        whole = np.array_equal(column, np.trunc(column)) and np.abs(column).max(initial=0) < 2**53
        return (
            column.astype(np.bool_ if feature.dtype is DType.BOOL else np.int64)
            if whole
            else column
        )
    return column


def _with_missing(dtype: DType, column: NDArray[Any]) -> NDArray[Any]:
    if dtype is DType.INT64:
        return column
    values = [value if math.isnan(value) else bool(value) for value in column.tolist()]
    return np.array([*values, None], dtype=object)[:-1]


def _as_float(column: NDArray[Any]) -> NDArray[np.float64]:
    if column.dtype != object:
        return column.astype(np.float64, copy=False)
    # An unused column may hold anything.
    values = [v if isinstance(v, int | float) else math.nan for v in column.tolist()]
    return np.array(values, dtype=np.float64)
