"""Transformers that make new features of all: projections, kernel approximations, splines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

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

_WIDEST_ANGLE = 1e3
"""Of a wider one, the rounding shows in the cosine."""


def _ica(estimator: Any, _: Compile) -> Compiled:
    """Source: ``FastICA.transform``."""
    turn = _turned(estimator.components_)
    mean = np.asarray(estimator.mean_, dtype=np.float64) if estimator.whiten else None

    def transform(block: Block) -> Block:
        matrix = finite(block)
        found: Matrix = (matrix if mean is None else matrix - mean).dot(turn)
        return found

    return Compiled(transform=transform)


def _random_projection(estimator: Any, _: Compile) -> Compiled:
    components = estimator.components_
    dense = components.toarray() if hasattr(components, "toarray") else components
    turn = _turned(dense)

    def transform(block: Block) -> Block:
        found: Matrix = finite(block).dot(turn)
        return found

    return Compiled(transform=transform)


def _random_fourier(estimator: Any, _: Compile) -> Compiled:
    """Source: ``RBFSampler.transform``."""
    weights = np.asarray(estimator.random_weights_, dtype=np.float64)
    offset = np.asarray(estimator.random_offset_, dtype=np.float64)
    factor = float((2.0 / weights.shape[1]) ** 0.5)

    def transform(block: Block) -> Block:
        found: Matrix = finite(block).dot(weights)
        found += offset
        if not np.abs(found).max() < _WIDEST_ANGLE:
            raise Undecided
        np.cos(found, out=found)
        found *= factor
        return found

    return Compiled(transform=transform)


def _missing_indicator(estimator: Any, _: Compile) -> Compiled:
    if not isinstance(estimator.missing_values, float) or not np.isnan(estimator.missing_values):
        raise NotCompiled("an indicator of other values than NaN has no compiled form")
    if estimator.features == "missing-only" and estimator.error_on_new:
        known = np.zeros(estimator.n_features_in_, dtype=np.bool_)
        known[estimator.features_] = True
    else:
        known = None
    chosen = [int(j) for j in estimator.features_]

    def transform(block: Block) -> Block:
        mask = np.isnan(as_matrix(block))
        if known is not None and (mask & ~known).any():
            raise Undecided
        return mask[:, chosen].astype(np.float64)

    return Compiled(transform=transform, is_exact=True)


def _spline(estimator: Any, _: Compile) -> Compiled:
    """Evaluate scikit-learn's own B-splines inside their range; beyond it, it extrapolates."""
    splines, degree = list(estimator.bsplines_), int(estimator.degree)
    drop_last = not estimator.include_bias
    if getattr(estimator, "handle_missing", "error") != "error":
        raise NotCompiled("SplineTransformer of missing values has no compiled form")
    if np.dtype(splines[0].t.dtype) != np.float64 or estimator.extrapolation == "periodic":
        raise NotCompiled("SplineTransformer(extrapolation='periodic') has no compiled form")
    bounds = [(float(s.t[degree]), float(s.t[-degree - 1])) for s in splines]

    def transform(block: Block) -> Block:
        matrix = finite(block)
        found = []
        for j, (spline, (low, high)) in enumerate(zip(splines, bounds, strict=True)):
            column = matrix[:, j]
            if column.min() < low or column.max() > high:
                raise Undecided
            made = spline(column)
            found.append(made[:, :-1] if drop_last else made)
        return np.concatenate(found, axis=1)

    return Compiled(transform=transform)


def _turned(components: Any) -> Matrix:
    return np.ascontiguousarray(np.asarray(components, dtype=np.float64).T)


COMPILERS: Mapping[str, Compiler] = {
    "sklearn.decomposition.FastICA": _ica,
    "sklearn.impute.MissingIndicator": _missing_indicator,
    "sklearn.kernel_approximation.RBFSampler": _random_fourier,
    "sklearn.preprocessing.SplineTransformer": _spline,
    "sklearn.random_projection.GaussianRandomProjection": _random_projection,
    "sklearn.random_projection.SparseRandomProjection": _random_projection,
}
