"""The nearest of all training rows, found by measuring every distance: for small training sets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skerry.runtimes.compiled.base import Array, Matrix, NotCompiled

_MAX_NUMBERS = 200_000
"""Beyond, scikit-learn's trees measure fewer distances than this takes time for."""
_FEW = 256
_TIE = 1e-12
_ROUNDING_OF_PRODUCTS = 1e-13


class Found(NamedTuple):
    """Neighbours of one row.

    indices: [k], in any order. measures: of all points, the distance or its square.
    sure: no other point could be as near but for rounding.
    """

    indices: NDArray[np.intp]
    measures: NDArray[np.float64]
    sure: bool


Search = Callable[[Matrix], Found]
"""From one row [1, n_features] to its neighbours."""
Distances = Callable[[Found], NDArray[np.float64]]
"""From what was found to the distances [k] of the neighbours."""


def nearest_of(estimator: Any, n_neighbors: int) -> tuple[Search, Distances]:
    """Return the search for a number of neighbours, and how to get their distances."""
    measure, power, blur = _measure(estimator)
    last = n_neighbors - 1

    def search(row: Matrix) -> Found:
        found = measure(row)
        if len(found) == n_neighbors:
            return Found(np.arange(n_neighbors), found, True)
        few = len(found) <= _FEW
        order = found.argsort() if few else found.argpartition((last, n_neighbors))
        farthest, next_one = found.item(order.item(last)), found.item(order.item(n_neighbors))
        sure = next_one - farthest > _TIE * next_one + blur(row)
        return Found(order[:n_neighbors], found, sure)

    return search, _distances(power)


def within(estimator: Any, radius: float) -> tuple[Search, Distances]:
    """Return the search for all neighbours within a radius, and how to get their distances."""
    measure, power, blur = _measure(estimator)
    limit = radius ** (1.0 / power)

    def search(row: Matrix) -> Found:
        found = measure(row)
        away = found - limit
        indices = (away <= 0.0).nonzero()[0]
        sure = bool(np.abs(away, out=away).min() > _TIE * limit + blur(row))
        return Found(indices, found, sure)

    return search, _distances(power)


def _distances(power: float) -> Distances:
    return lambda found: found.measures.take(found.indices) ** power


def weights_of(estimator: Any) -> Callable[[Array], Array] | None:
    """Return how distances weigh, None where all weigh the same.

    Raises:
        NotCompiled: by a function of the user's, or by distances that lost digits.
    """
    if estimator.weights in (None, "uniform"):
        return None
    if estimator.weights != "distance":
        raise NotCompiled("weights by a function have no compiled form")
    if _by_products(estimator):
        raise NotCompiled("weights by distances from matrix products have no compiled form")

    def weights(distances: Array) -> Array:
        same = distances == 0.0
        return same.astype(np.float64) if same.any() else 1.0 / distances

    return weights


def _measure(
    estimator: Any,
) -> tuple[Callable[[Matrix], NDArray[np.float64]], float, Callable[[Matrix], float]]:
    """Return a measure [n_points] of a row, its power that is the distance, and its rounding."""
    points, metric = estimator._fit_X, estimator.effective_metric_  # noqa: SLF001 - has no public name
    if not isinstance(points, np.ndarray) or points.size > _MAX_NUMBERS or points.ndim != 2:
        raise NotCompiled("neighbours among sparse or many rows have no compiled form")
    points = np.ascontiguousarray(points, dtype=np.float64)
    if metric == "euclidean":
        blur = _blur(points) if _by_products(estimator) else _no_blur
        return lambda row: _squares(points - row), 0.5, blur
    if metric in ("manhattan", "cityblock", "l1"):
        return lambda row: np.abs(points - row).sum(axis=1), 1.0, _no_blur
    if metric == "chebyshev":
        return lambda row: np.abs(points - row).max(axis=1), 1.0, _no_blur
    raise NotCompiled(f"neighbours by {metric!r} have no compiled form")


def _by_products(estimator: Any) -> bool:
    """Tell whether scikit-learn gets distances from |x|² - 2xy + |y|², where digits cancel."""
    brute: bool = estimator._fit_method == "brute"  # noqa: SLF001 - has no public name
    return brute and estimator.effective_metric_ == "euclidean"


def _blur(points: Matrix) -> Callable[[Matrix], float]:
    largest = float(_squares(points).max(initial=0.0))

    def blur(row: Matrix) -> float:
        return _ROUNDING_OF_PRODUCTS * (largest + float(_squares(row)[0]))

    return blur


def _no_blur(_: Matrix) -> float:
    return 0.0


def _squares(rows: Matrix) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.vecdot(rows, rows)
    return found
