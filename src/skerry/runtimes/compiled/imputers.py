"""Imputers: what stands for missing values, and columns that say which were missing."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skerry.runtimes.compiled.base import (
    Array,
    Block,
    Compile,
    Compiled,
    Compiler,
    NotCompiled,
    Undecided,
    as_matrix,
    block_of,
    columns_of,
    values_of,
)
from skerry.runtimes.compiled.chains import beside, has_one_row

_FEW_FEATURES = 64
Mask = NDArray[np.bool_]


def _simple(estimator: Any, _: Compile) -> Compiled:
    """Source: ``SimpleImputer.transform``; columns without a statistic are left out."""
    statistics = np.asarray(estimator.statistics_).tolist()
    kept = _kept(statistics, keeps_all=bool(estimator.keep_empty_features))
    fill = [statistics[j] for j in kept]
    shown = [int(j) for j in estimator.indicator_.features_] if estimator.add_indicator else []
    mask_of, is_missing = _missing(estimator.missing_values)
    every = kept == list(range(len(statistics)))
    numbers = all(isinstance(value, int | float) for value in fill)
    filled = np.array(fill, dtype=np.float64) if numbers else None

    def impute(block: Block) -> Block:
        chosen = block if every else columns_of(block, kept)
        if isinstance(chosen, tuple):
            return tuple(
                _filled(c, mask_of(c), value) for c, value in zip(chosen, fill, strict=True)
            )
        mask = mask_of(chosen)
        if filled is None:
            raise Undecided
        return np.where(mask, filled, chosen) if mask.any() else chosen

    def transform(block: Block) -> Block:
        imputed = impute(block)
        if not shown:
            return imputed
        if isinstance(block, tuple):
            marks = tuple(mask_of(block[j]).astype(np.float64) for j in shown)
            return beside([imputed, as_matrix(marks)])
        return beside([imputed, mask_of(block[:, shown]).astype(np.float64)])

    def one(values: list[Any]) -> list[Any]:
        chosen = values if every else [values[j] for j in kept]
        made = [v if not is_missing(v) else f for v, f in zip(chosen, fill, strict=True)]
        return made + [float(is_missing(values[j])) for j in shown] if shown else made

    def quick(block: Block) -> Block:
        if isinstance(block, tuple) and has_one_row(block):
            return block_of(one(values_of(block)))
        return transform(block)

    few = len(statistics) <= _FEW_FEATURES
    return Compiled(
        transform=quick if few else transform,
        transform_one=one if few else None,
        is_exact=True,
    )


def _kept(statistics: list[Any], *, keeps_all: bool) -> list[int]:
    kept = [j for j, value in enumerate(statistics) if keeps_all or not _is_nan(value)]
    if not kept:
        raise NotCompiled("an imputer of columns without values has no compiled form")
    return kept


def _missing(marker: Any) -> tuple[Callable[[Array], Mask], Callable[[Any], bool]]:
    """Return which of an array's values are missing, and the same for one value."""
    if marker is None:
        return _is_none, lambda value: value is None
    if _is_nan(marker):
        return _differs_from_itself, lambda value: bool(value != value)
    if not isinstance(marker, str | int | float | np.number):
        raise NotCompiled(f"missing values of {type(marker).__name__} have no compiled form")
    return lambda array: np.asarray(array == marker, dtype=np.bool_), lambda value: value == marker


def _is_none(array: Array) -> Mask:
    return np.array([value is None for value in array.ravel().tolist()]).reshape(array.shape)


def _differs_from_itself(array: Array) -> Mask:
    return np.asarray(array != array, dtype=np.bool_)


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _filled(column: Array, mask: Mask, value: Any) -> Array:
    if not mask.any():
        return column
    same = column.dtype == object or isinstance(value, int | float)
    made = column.astype(object if not same else column.dtype, copy=True)
    made[mask] = value
    return made


def _complete_rows_only(estimator: Any, _: Compile) -> Compiled:
    """Compile an imputer that computes with the training rows: it leaves complete rows alone."""
    marker = estimator.missing_values
    if estimator.add_indicator or not _is_nan(marker):
        raise NotCompiled("an imputer of such options has no compiled form")
    empty = getattr(estimator, "_mask_fit_X", None)
    initial = getattr(estimator, "initial_imputer_", None)
    if empty is not None and np.asarray(empty).all(axis=0).any():
        raise NotCompiled("an imputer of columns without values has no compiled form")
    if initial is not None and _has_nan(initial.statistics_):
        raise NotCompiled("an imputer of columns without values has no compiled form")

    def transform(block: Block) -> Block:
        matrix = as_matrix(block)
        if _differs_from_itself(matrix).any():
            raise Undecided
        return matrix

    def one(values: list[Any]) -> list[Any]:
        if any(value is None or value != value for value in values):
            raise Undecided
        return values

    return Compiled(transform=transform, transform_one=one, is_exact=True)


def _has_nan(array: Any) -> bool:
    return bool(np.isnan(np.asarray(array, dtype=np.float64)).any())


COMPILERS: Mapping[str, Compiler] = {
    "sklearn.impute.IterativeImputer": _complete_rows_only,
    "sklearn.impute.KNNImputer": _complete_rows_only,
    "sklearn.impute.SimpleImputer": _simple,
}
