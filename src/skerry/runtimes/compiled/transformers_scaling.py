"""Transformers that shift, scale or clip each number by itself, with scikit-learn's very bits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from skerry.runtimes.compiled.base import (
    Block,
    Compile,
    Compiled,
    Compiler,
    Matrix,
    NotCompiled,
    TransformOne,
    as_matrix,
    finite,
)

_FEW_FEATURES = 64
"""One row of so many is done sooner by Python's own arithmetic, where it is a list already."""
_SMALLEST_NORM = 10 * np.finfo(np.float64).eps


def by_value(transform: Callable[[Matrix], Matrix], one: TransformOne, n_features: int) -> Compiled:
    """Return an exact transformer of numbers."""
    return Compiled(
        transform=lambda block: transform(as_matrix(block)),
        transform_one=one if n_features <= _FEW_FEATURES else None,
        is_exact=True,
    )


def _standard(estimator: Any, _: Compile) -> Compiled:
    mean = estimator.mean_ if estimator.with_mean else None
    scale = estimator.scale_ if estimator.with_std else None
    return _shifted(mean, scale, estimator.n_features_in_)


def _robust(estimator: Any, _: Compile) -> Compiled:
    center = estimator.center_ if estimator.with_centering else None
    scale = estimator.scale_ if estimator.with_scaling else None
    return _shifted(center, scale, estimator.n_features_in_)


def _max_abs(estimator: Any, _: Compile) -> Compiled:
    scaled = _shifted(None, estimator.scale_, estimator.n_features_in_)
    if getattr(estimator, "clip", False):
        raise NotCompiled("MaxAbsScaler(clip=True) has no compiled form")
    return scaled


def _shifted(center: Any, scale: Any, n_features: int) -> Compiled:
    """Return (x - center) / scale; None leaves a part of it out."""
    shift = None if center is None else np.asarray(center, dtype=np.float64)
    divisor = None if scale is None else np.asarray(scale, dtype=np.float64)

    def transform(matrix: Matrix) -> Matrix:
        if shift is None:
            return matrix if divisor is None else np.divide(matrix, divisor)
        found = np.subtract(matrix, shift)
        return found if divisor is None else np.divide(found, divisor, out=found)

    centers = np.zeros(n_features).tolist() if shift is None else shift.tolist()
    scales = np.ones(n_features).tolist() if divisor is None else divisor.tolist()

    def one(values: list[Any]) -> list[Any]:
        return [(x - c) / s for x, c, s in zip(values, centers, scales, strict=True)]

    return by_value(transform, one, n_features)


def _min_max(estimator: Any, _: Compile) -> Compiled:
    scale = np.asarray(estimator.scale_, dtype=np.float64)
    least = np.asarray(estimator.min_, dtype=np.float64)
    scales, leasts = scale.tolist(), least.tolist()
    bounds = [float(bound) for bound in estimator.feature_range]

    def transform(matrix: Matrix) -> Matrix:
        found = np.multiply(matrix, scale)
        found += least
        return np.clip(found, bounds[0], bounds[1], out=found) if estimator_clips else found

    def one(values: list[Any]) -> list[Any]:
        return [x * s + m for x, s, m in zip(values, scales, leasts, strict=True)]

    estimator_clips = bool(estimator.clip)
    compiled = by_value(transform, one, len(scales))
    if not estimator_clips:
        return compiled
    return Compiled(transform=compiled.transform, is_exact=True)


def _binarizer(estimator: Any, _: Compile) -> Compiled:
    threshold = float(estimator.threshold)

    def transform(block: Block) -> Block:
        return np.greater(finite(block), threshold).astype(np.float64)

    return Compiled(transform=transform, is_exact=True, has_jumps=True)


def _normalizer(estimator: Any, _: Compile) -> Compiled:
    """Source: ``sklearn.preprocessing.normalize``."""
    norm = estimator.norm
    if norm not in ("l1", "l2", "max"):
        raise NotCompiled(f"Normalizer(norm={norm!r}) has no compiled form")

    def transform(block: Block) -> Block:
        matrix = finite(block)
        if norm == "l2":
            norms = np.sqrt(np.einsum("ij,ij->i", matrix, matrix))
        elif norm == "l1":
            norms = np.abs(matrix).sum(axis=1)
        else:
            norms = np.abs(matrix).max(axis=1)
        norms[norms < _SMALLEST_NORM] = 1.0
        scaled: Matrix = matrix / norms[:, None]
        return scaled

    return Compiled(transform=transform, is_exact=norm == "max")


COMPILERS: Mapping[str, Compiler] = {
    "sklearn.preprocessing.Binarizer": _binarizer,
    "sklearn.preprocessing.MaxAbsScaler": _max_abs,
    "sklearn.preprocessing.MinMaxScaler": _min_max,
    "sklearn.preprocessing.Normalizer": _normalizer,
    "sklearn.preprocessing.RobustScaler": _robust,
    "sklearn.preprocessing.StandardScaler": _standard,
}
