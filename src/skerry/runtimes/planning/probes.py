"""The rows on which a candidate is held against scikit-learn.

They are where two computations are most likely to part: random rows, the golden samples, both
sides of every split, missing values, unseen categories, large and tiny numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skerry.core.row_values import to_rows
from skerry.core.rows import Rows
from skerry.core.signature import DType, Feature, Signature
from skerry.runtimes.planning.thresholds import split_rows
from skerry.runtimes.samples import draw_rows

_RANDOM_ROWS = 256
_FEW_RANDOM_ROWS = 64
_MAX_SAMPLES = 256
_MIXED_ROWS = 128
_UNSEEN = "a value that nobody has seen"
_EXTREMES = (0.0, -0.0, 1.0, -1.0, 1e-12, -1e-12, 1e6, -1e6, 1e11, -1e11)


def probe_groups(
    model: Any, signature: Signature, samples: Sequence[Sequence[Any]], *, few: bool
) -> Iterator[Rows]:
    """Yield groups of rows, each of one kind, so that a kind the model refuses costs no other.

    samples: rows of values in signature order, e.g. the manifest's.
    few: the model is slow, and gets few of each kind.
    """
    if samples:
        yield to_rows(signature, list(samples[: 8 if few else _MAX_SAMPLES]))
    base = draw_rows(signature, _FEW_RANDOM_ROWS if few else _RANDOM_ROWS, seed=1)
    yield base
    yield from _missing(signature, base)
    yield from _unseen(signature, base)
    yield from _mixed(signature, base)
    if base.matrix is not None:
        yield Rows(base.n_rows, matrix=_spread(base.matrix))
        yield _extremes(base.matrix)
        rows = split_rows(model, base.matrix, 128 if few else 2048)
        if len(rows):
            yield Rows(len(rows), matrix=rows)
    elif base.columns is not None:
        yield from _table_extremes(signature, base)


def _spread(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return rows beyond the ranges: ten times as far from their middle."""
    middle = np.nan_to_num(np.nanmean(matrix, axis=0))
    return np.ascontiguousarray(middle + (matrix - middle) * 10.0)


def _extremes(matrix: NDArray[np.float64]) -> Rows:
    """Return rows of extremes, each in all columns, then in one column at a time."""
    n_features = matrix.shape[1]
    rows = [np.full(n_features, value) for value in _EXTREMES]
    for j in range(min(n_features, 32)):
        for value in _EXTREMES:
            row = matrix[0].copy()
            row[j] = value
            rows.append(row)
    return Rows(len(rows), matrix=np.array(rows))


def _table_extremes(signature: Signature, base: Rows) -> Iterator[Rows]:
    assert base.columns is not None  # noqa: S101 - the caller looked
    n = len(_EXTREMES)
    for j, feature in enumerate(signature.features):
        if feature.used and feature.dtype in (DType.FLOAT64, DType.FLOAT32):
            columns = [column[:1].repeat(n) for column in base.columns]
            columns[j] = np.array(_EXTREMES)
            yield Rows(n, columns=tuple(columns))


def _missing(signature: Signature, base: Rows) -> Iterator[Rows]:
    """Yield rows with one value missing, then all that may be."""
    nullable = [j for j, f in enumerate(signature.features) if f.nullable and f.used]
    if not nullable:
        return
    each = nullable[:64]
    if base.matrix is not None:
        matrix = base.matrix[: len(each) + 1].copy()
        if len(matrix) <= len(each):
            matrix = base.matrix[:1].repeat(len(each) + 1, axis=0)
        for i, j in enumerate(each):
            matrix[i, j] = np.nan
        matrix[-1, nullable] = np.nan
        yield Rows(len(matrix), matrix=matrix)
    elif base.columns is not None:
        n = len(each) + 1
        columns = [column[:1].repeat(n) for column in base.columns]
        for i, j in enumerate(each):
            columns[j] = _with_missing(columns[j], i)
        for j in nullable:
            columns[j] = _with_missing(columns[j], n - 1)
        yield Rows(n, columns=tuple(columns))


def _with_missing(column: NDArray[Any], i: int) -> NDArray[Any]:
    changed = column.copy() if column.dtype == object else column.astype(np.float64)
    changed[i] = None if column.dtype == object else np.nan
    return changed


def _mixed(signature: Signature, base: Rows) -> Iterator[Rows]:
    """Yield rows of which several values at once are missing, unseen or extreme."""
    if base.columns is None:
        return
    random = np.random.default_rng(2)
    n = min(_MIXED_ROWS, base.n_rows)
    columns = []
    for feature, column in zip(signature.features, base.columns, strict=True):
        mixed = column[:n].copy()
        kind = random.integers(0, 6, n)
        if feature.used:
            mixed = _with_odd(feature, mixed, np.flatnonzero(kind == 0), random)
            if feature.nullable:
                for i in np.flatnonzero(kind == 1).tolist():
                    mixed = _with_missing(mixed, i)
        columns.append(mixed)
    yield Rows(n, columns=tuple(columns))


def _with_odd(
    feature: Feature, column: NDArray[Any], at: NDArray[np.intp], random: np.random.Generator
) -> NDArray[Any]:
    """Return the column with unseen categories, or extreme numbers, at some places."""
    if feature.categories is not None:
        if feature.accepts_unseen:
            column[at] = _UNSEEN if feature.dtype is DType.STRING else 987654
    elif feature.dtype in (DType.FLOAT64, DType.FLOAT32):
        column[at] = random.choice(_EXTREMES, len(at))
    return column


def _unseen(signature: Signature, base: Rows) -> Iterator[Rows]:
    """Yield rows with a category that training did not have, where such rows are taken."""
    for j, feature in enumerate(signature.features):
        if not feature.used or feature.categories is None or not feature.accepts_unseen:
            continue
        text = feature.dtype is DType.STRING
        if base.columns is not None:
            columns = [column[:4].copy() for column in base.columns]
            n = len(columns[0])
            columns[j] = np.array([_UNSEEN] * n, dtype=object) if text else np.full(n, 987654.0)
            yield Rows(n, columns=tuple(columns))
        elif base.matrix is not None and not text:
            matrix = base.matrix[:4].copy()
            matrix[:, j] = 987654.0
            yield Rows(len(matrix), matrix=matrix)
