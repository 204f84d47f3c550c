"""From scores to probabilities, with the formulas that scikit-learn uses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from skerry.runtimes.compiled.base import Matrix

__all__ = ["expit", "softmax"]


def softmax(scores: Matrix) -> Matrix:
    """Return exp(s) / Σ exp(s) of each row of [n_rows, n_classes], shifted so as not to overflow.

    Source: ``sklearn.utils.extmath.softmax``.
    """
    shifted: NDArray[np.float64] = scores - scores.max(axis=1, keepdims=True)
    np.exp(shifted, out=shifted)
    shifted /= shifted.sum(axis=1, keepdims=True)
    return shifted
