"""Models that take a second a row, asleep or busy, as a user's own estimator might."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin


class SlowRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc] # sklearn has no types
    """Answers 1.0 for [42] after a second, which releases the interpreter or holds it."""

    def __init__(self, *, busy: bool = False) -> None:
        self.busy = busy

    def fit(self, X: Any, y: Any = None) -> SlowRegressor:  # noqa: N803 - scikit-learn's name
        """Remember the width of a row."""
        del y
        self.n_features_in_ = np.asarray(X).shape[1]
        return self

    def predict(self, X: Any) -> Any:  # noqa: N803 - scikit-learn's name
        """Take a second for the row [42]; others are answered at once, so that loading is."""
        rows = np.asarray(X)
        if rows[0, 0] == 42:
            end_s = time.monotonic() + 1.0
            while self.busy and time.monotonic() < end_s:
                sum(range(100))
            time.sleep(max(0.0, end_s - time.monotonic()))
        return np.ones(len(rows))
