"""Transformers that bend numbers: powers, quantiles, bins, polynomials, splines, functions."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import boxcox, ndtri

from skerry.runtimes.compiled.base import (
    Block,
    Compile,
    Compiled,
    Compiler,
    Matrix,
    NotCompiled,
    Undecided,
    as_matrix,
    finite,
)
from skerry.runtimes.compiled.chains import UNCHANGED, chained

_FEW_OUTPUTS = 64
_BOUND = 1e-7
"""Source: ``BOUNDS_THRESHOLD`` of ``sklearn.preprocessing._data``."""
Column = NDArray[np.float64]


class Products(NamedTuple):
    """Which products to make: of the values, then of the products that were made before.

    pairs: places of two factors each. sizes: how many features each product has as factors.
    chosen: places of the outputs; the place after all products holds 1.
    """

    pairs: list[tuple[int, int]]
    sizes: list[int]
    chosen: list[int]


def _products(powers: NDArray[np.intp], n_features: int) -> Products:
    """Multiply as scikit-learn does: each product is that of its last factors, times the first."""
    wanted = [tuple(np.repeat(np.arange(len(row)), row).tolist()) for row in powers]
    position: dict[tuple[int, ...], int] = {(j,): j for j in range(n_features)}
    pairs: list[tuple[int, int]] = []
    sizes: list[int] = []
    for combination in sorted(wanted, key=len):
        for k in range(len(combination) - 2, -1, -1):
            tail = combination[k:]
            if tail not in position:
                position[tail] = n_features + len(pairs)
                pairs.append((tail[0], position[tail[1:]]))
                sizes.append(len(tail))
    position[()] = n_features + len(pairs)
    return Products(pairs, sizes, [position[combination] for combination in wanted])


def _polynomial(estimator: Any, _: Compile) -> Compiled:
    n_features = int(estimator.n_features_in_)
    products, sizes, chosen = _products(np.asarray(estimator.powers_), n_features)
    total = n_features + len(products)
    # Products of one size depend on smaller ones only, and are made at once.
    levels = []
    for size in sorted(set(sizes)):
        at = [i for i, each in enumerate(sizes) if each == size]
        first, rest = zip(*(products[i] for i in at), strict=True)
        levels.append(([n_features + i for i in at], list(first), list(rest)))

    def transform(block: Block) -> Block:
        matrix = finite(block)
        made = np.empty((len(matrix), total + 1))
        made[:, :n_features] = matrix
        made[:, total] = 1.0
        for at, first, rest in levels:
            made[:, at] = matrix[:, first] * made[:, rest]
        return finite(made[:, chosen])

    def one(values: list[Any]) -> list[Any]:
        made = [float(value) for value in values]
        for first, rest in products:
            made.append(made[first] * made[rest])
        made.append(1.0)
        if not np.isfinite(sum(made)):
            raise Undecided
        return [made[k] for k in chosen]

    def quick(block: Block) -> Block:
        if len(block) == 1 and not isinstance(block, tuple):
            return np.array([one(block.tolist()[0])])
        return transform(block)

    few = total <= _FEW_OUTPUTS
    # Of sparse input scikit-learn may multiply in another order, which matters from three on.
    return Compiled(
        transform=quick if few else transform,
        transform_one=one if few else None,
        is_exact=max(sizes, default=1) <= 2,
    )


def _bins(estimator: Any, _: Compile) -> Compiled:
    """Source: ``KBinsDiscretizer.transform``."""
    edges = [np.asarray(each, dtype=np.float64)[1:-1] for each in estimator.bin_edges_]
    borders = [each.tolist() for each in edges]
    counts = [int(n) for n in estimator.n_bins_]
    one_hot = estimator.encode != "ordinal"
    if estimator.dtype is not None and np.dtype(estimator.dtype) != np.float64:
        raise NotCompiled(f"KBinsDiscretizer(dtype={estimator.dtype}) has no compiled form")
    starts = np.cumsum([0, *counts])[:-1].tolist()

    def transform(block: Block) -> Block:
        matrix = finite(block)
        binned = np.empty(matrix.shape)
        for j, each in enumerate(edges):
            binned[:, j] = each.searchsorted(matrix[:, j], side="right")
        if not one_hot:
            return binned
        made = np.zeros((len(matrix), sum(counts)))
        made[np.arange(len(matrix))[:, None], binned.astype(np.intp) + starts] = 1.0
        return made

    def one(values: list[Any]) -> list[Any]:
        if not np.isfinite(sum(values)):
            raise Undecided
        found = [bisect_right(each, x) for each, x in zip(borders, values, strict=True)]
        if not one_hot:
            return found
        made = [0.0] * sum(counts)
        for start, i in zip(starts, found, strict=True):
            made[start + i] = 1.0
        return made

    return Compiled(transform=transform, transform_one=one, is_exact=True, has_jumps=True)


def _power(estimator: Any, compile_: Compile) -> Compiled:
    """Source: ``PowerTransformer.transform``, ``scipy.stats.yeojohnson``."""
    lambdas = [float(value) for value in estimator.lambdas_]
    if not np.isfinite(lambdas).all():
        raise NotCompiled("a power transformer of a column without numbers has no compiled form")
    positive = estimator.method == "box-cox"

    def transform(block: Block) -> Block:
        matrix = as_matrix(block)
        if positive and np.nanmin(matrix, initial=1.0) <= 0:
            raise Undecided
        made = np.empty(matrix.shape)
        for j, power in enumerate(lambdas):
            column = matrix[:, j]
            made[:, j] = boxcox(column, power) if positive else _yeo_johnson(column, power)
        return made

    powers = Compiled(transform=transform)
    if not estimator.standardize:
        return powers
    return chained([powers, compile_(estimator._scaler)])  # noqa: SLF001 - it is fitted state


def _yeo_johnson(column: Column, power: float) -> Column:
    above = np.log1p(np.maximum(column, 0.0))
    below = np.log1p(np.maximum(-column, 0.0))
    tiny = np.spacing(1.0)
    high = above if abs(power) < tiny else np.expm1(power * above) / power
    other = 2.0 - power
    low = -below if abs(other) <= tiny else -np.expm1(other * below) / other
    found: Column = np.where(column >= 0, high, low)
    return np.where(np.isnan(column), np.nan, found)


def _quantile(estimator: Any, _: Compile) -> Compiled:
    """Source: ``QuantileTransformer._transform_col``."""
    references = np.asarray(estimator.references_, dtype=np.float64)
    quantiles = np.asarray(estimator.quantiles_, dtype=np.float64)
    normal = estimator.output_distribution == "normal"
    low, high = float(ndtri(_BOUND - np.spacing(1))), float(ndtri(1 - (_BOUND - np.spacing(1))))

    def of_column(column: Column, known: Column) -> Column:
        found: Column = 0.5 * (
            np.interp(column, known, references)
            - np.interp(-column, -known[::-1], -references[::-1])
        )
        margin = _BOUND if normal else 0.0
        found[(column + margin > known[-1]) if normal else (column == known[-1])] = 1.0
        found[(column - margin < known[0]) if normal else (column == known[0])] = 0.0
        found[np.isnan(column)] = np.nan
        return np.clip(ndtri(found), low, high) if normal else found

    def transform(block: Block) -> Block:
        matrix = as_matrix(block)
        made = np.empty(matrix.shape)
        for j in range(matrix.shape[1]):
            made[:, j] = of_column(matrix[:, j], quantiles[:, j])
        return made

    return Compiled(transform=transform, is_exact=True, has_jumps=True)


def _function(estimator: Any, _: Compile) -> Compiled:
    """Compile what leaves rows as they are, and numpy's own functions of each number."""
    function = estimator.func
    if function is None:
        return _validated(lambda matrix: matrix) if estimator.validate else UNCHANGED
    unary = isinstance(function, np.ufunc) and function.nin == 1 and function.nout == 1
    if not unary or estimator.kw_args:
        raise NotCompiled("FunctionTransformer calls a function that has no compiled form")
    if estimator.validate:
        return _validated(function)
    return Compiled(transform=lambda block: function(as_matrix(block)))


def _validated(function: Callable[[Matrix], Matrix]) -> Compiled:
    return Compiled(transform=lambda block: function(finite(block)))


COMPILERS: Mapping[str, Compiler] = {
    "sklearn.preprocessing.FunctionTransformer": _function,
    "sklearn.preprocessing.KBinsDiscretizer": _bins,
    "sklearn.preprocessing.PolynomialFeatures": _polynomial,
    "sklearn.preprocessing.PowerTransformer": _power,
    "sklearn.preprocessing.QuantileTransformer": _quantile,
}
