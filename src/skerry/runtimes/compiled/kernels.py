"""Kernel functions between rows and the points that training kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

from skerry.runtimes.compiled.base import Array, Matrix, NotCompiled

Kernel = Callable[[Matrix], Matrix]
"""From rows [n_rows, n_features] to a new array [n_rows, n_points]."""

_ROUNDING = 1e-15
_TOLERANCE = 1e-9


def kernel_of(name: Any, points: Array, gamma: float, degree: float, coef0: float) -> Kernel:
    """Return the kernel of that name in scikit-learn.

    Raises:
        NotCompiled: it has no compiled form.
    """
    points = np.ascontiguousarray(points, dtype=np.float64)
    if name == "rbf":
        return _of_squares(points, gamma)
    if name == "linear":
        transposed = np.ascontiguousarray(points.T)
        return lambda rows: rows.dot(transposed)
    if name == "laplacian":
        return _of_distances(points, gamma)
    if name in ("poly", "polynomial", "sigmoid"):
        return _of_products(points, gamma, coef0, None if name == "sigmoid" else degree)
    raise NotCompiled(f"the kernel {name} has no compiled form")


def squared_distances(points: Matrix, factor: float = 1.0) -> Kernel:
    """Return the squared Euclidean distances times a factor, by differences: no digits cancel."""
    factors = np.full(points.shape[1], factor)

    def squares(rows: Matrix) -> Matrix:
        if len(rows) == 1:
            difference = points - rows
            np.multiply(difference, difference, out=difference)
            alone: Matrix = difference.dot(factors)[None]
            return alone
        found: Matrix = np.asarray(cdist(rows, points, "sqeuclidean"))
        found *= factor
        return found

    return squares


def require_well_conditioned(weights: Array, largest: float = 1.0) -> None:
    """Check that a weighted sum of kernel values does not depend on their last bits.

    weights: [n_points] or [n_points, n_outputs]; largest: of the kernel's values.

    Raises:
        NotCompiled: it does.
    """
    total = float(np.abs(weights).sum(axis=0).max(initial=0.0)) * largest
    if not total * _ROUNDING < _TOLERANCE:
        raise NotCompiled(f"weights of kernels that sum to {total:.3g} multiply their rounding")


def require_close(ours: Array, theirs: Array) -> None:
    """Check that two ways to the same numbers lose no digits that show.

    Raises:
        NotCompiled: one does.
    """
    off = float((np.abs(ours - theirs) / np.maximum(1.0, np.abs(theirs))).max(initial=0.0))
    if not off < _TOLERANCE / 10.0:
        raise NotCompiled(f"sums of kernels that lose digits: two ways differ by {off:.3g}")


def _of_squares(points: Matrix, gamma: float) -> Kernel:
    squares = squared_distances(points, -float(gamma))

    def kernel(rows: Matrix) -> Matrix:
        found = squares(rows)
        return np.exp(found, out=found)

    return kernel


def _of_distances(points: Matrix, gamma: float) -> Kernel:
    factor = -float(gamma)

    def kernel(rows: Matrix) -> Matrix:
        found: Matrix = np.asarray(cdist(rows, points, "cityblock"))
        found *= factor
        return np.exp(found, out=found)

    return kernel


def _of_products(points: Matrix, gamma: float, coef0: float, degree: float | None) -> Kernel:
    scaled = np.ascontiguousarray(points.T * float(gamma))

    def kernel(rows: Matrix) -> Matrix:
        found: Matrix = rows.dot(scaled)
        found += coef0
        if degree is None:
            np.tanh(found, out=found)
        else:
            np.power(found, degree, out=found)
        return found

    return kernel
