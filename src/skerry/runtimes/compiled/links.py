"""From scores to probabilities, with the formulas that scikit-learn uses."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from skerry.runtimes.argmax import NARROW
from skerry.runtimes.compiled.base import Matrix

__all__ = ["expit", "logistic", "posterior", "softmax", "two_columns"]

_LARGE = 1e5
"""Beyond, the rounding of a logarithm is more than a probability may be off."""

_FEW_CLASSES = 64
"""For one row of so many, Python's own arithmetic costs less than numpy's calls."""


def softmax(scores: Matrix) -> Matrix:
    """Return exp(s) / Σ exp(s) of each row of [n_rows, n_classes], shifted so as not to overflow.

    Source: ``sklearn.utils.extmath.softmax``.
    """
    if len(scores) == 1 and scores.size <= _FEW_CLASSES:
        values = scores.tolist()[0]
        highest = max(values)
        powers = [math.exp(value - highest) for value in values]
        total = sum(powers)
        return np.array([power / total for power in powers])[None]
    if scores.shape[1] <= NARROW:
        columns = np.ascontiguousarray(scores.T)
        columns = columns - columns.max(axis=0)
        np.exp(columns, out=columns)
        columns /= columns.sum(axis=0)
        return np.ascontiguousarray(columns.T)
    shifted: NDArray[np.float64] = scores - scores.max(axis=1, keepdims=True)
    np.exp(shifted, out=shifted)
    shifted /= shifted.sum(axis=1, keepdims=True)
    return shifted


def posterior(joint: Matrix) -> Matrix:
    """Return exp(j) / Σ exp(j) of each row of log densities [n_rows, n_classes].

    A row is NaN where the logarithms are so large that their rounding shows.
    """
    if len(joint) == 1 and joint.size <= _FEW_CLASSES:
        values = joint.tolist()[0]
        highest = max(values)
        powers = [math.exp(value - highest) for value in values]
        total = sum(powers)
        if total > 1.0 and not -_LARGE < highest < _LARGE:
            total = math.nan
        return np.array([power / total for power in powers])[None]
    highest_of_each = joint.max(axis=1, keepdims=True)
    found: NDArray[np.float64] = np.exp(joint - highest_of_each)
    totals = found.sum(axis=1, keepdims=True)
    totals[(totals > 1.0) & ~(np.abs(highest_of_each) < _LARGE)] = np.nan
    found /= totals
    return found


def logistic(scores: NDArray[np.float64]) -> Matrix:
    """Return [n_rows, 2]: 1 / (1 + exp(s)) and 1 / (1 + exp(-s)) of scores [n_rows]."""
    if len(scores) == 1:
        score = scores.item()
        # exp overflows beyond 709, and the smaller probability is 1e-304 by then.
        second = 1.0 / (1.0 + math.exp(-score)) if score > -700.0 else math.exp(max(score, -745.0))
        return np.array([[1.0 - second, second]])
    return two_columns(expit(scores))


def two_columns(probability: NDArray[np.float64]) -> Matrix:
    """Return [n_rows, 2] of the probability [n_rows] of the second class."""
    both = np.empty((len(probability), 2))
    both[:, 1] = probability
    np.subtract(1.0, probability, out=both[:, 0])
    return both
