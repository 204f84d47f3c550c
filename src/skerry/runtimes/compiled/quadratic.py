"""Squared lengths of a row's differences from several centers, each measured in its own way."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from skerry.runtimes.compiled.base import Block, Matrix, as_matrix
from skerry.runtimes.compiled.links import posterior

Squares = Callable[[Block], Matrix]
"""From rows to float64 [n_rows, n_centers]."""


def scaled_squares(centers: Matrix, scales: Matrix) -> Squares:
    """Return Σ_j ((x_j - c_j) s_j)².

    centers, scales: [n_centers, n_features].
    """
    centers = np.ascontiguousarray(centers, dtype=np.float64)
    scales = np.ascontiguousarray(np.broadcast_to(scales, centers.shape), dtype=np.float64)

    def squares(block: Block) -> Matrix:
        matrix = as_matrix(block)
        if len(matrix) == 1:
            difference = matrix - centers
            difference *= scales
            return _square(difference)[None]
        return np.column_stack(
            [_square((matrix - c) * s) for c, s in zip(centers, scales, strict=True)]
        )

    return squares


def rotated_squares(centers: Matrix, factors: NDArray[np.float64]) -> Squares:
    """Return |(x - c) A|².

    centers: [n_centers, n_features]; factors: the A, [n_centers, n_features, n_directions].
    """
    centers = np.ascontiguousarray(centers, dtype=np.float64)
    factors = np.ascontiguousarray(factors, dtype=np.float64)
    n_centers, n_features, n_directions = factors.shape
    # For one row all factors in one product; what is subtracted is of the size of what is left.
    middle = centers.mean(axis=0, keepdims=True)
    joined = np.ascontiguousarray(factors.transpose(1, 0, 2).reshape(n_features, -1))
    moved = np.concatenate([(c - middle[0]) @ a for c, a in zip(centers, factors, strict=True)])[
        None
    ]

    def squares(block: Block) -> Matrix:
        matrix = as_matrix(block)
        if len(matrix) == 1:
            along = (matrix - middle).dot(joined)
            along -= moved
            each = along.reshape(n_centers, n_directions)
            return _square(each)[None]
        return np.column_stack(
            [_square((matrix - c) @ a) for c, a in zip(centers, factors, strict=True)]
        )

    return squares


def probabilities_of(squares: Squares, constants: NDArray[np.float64]) -> Squares:
    """Return probabilities whose logarithms are ``constants - squares``, but for what sums to one.

    constants: [n_centers].
    """
    constants = constants[None]

    def predict_proba(block: Block) -> Matrix:
        found = squares(block)
        return posterior(np.subtract(constants, found, out=found))

    return predict_proba


def _square(difference: Matrix) -> NDArray[np.float64]:
    squared: NDArray[np.float64] = np.vecdot(difference, difference)
    return squared
