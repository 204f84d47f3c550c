"""Models that take their time, asleep or busy, or raise, as a user's own estimator might."""

from __future__ import annotations

import hashlib
import time
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin


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


class Shadow(ClassifierMixin, BaseEstimator):  # type: ignore[misc] # sklearn has no types
    """Answers 0; for rows that begin with 42 it takes its time before, or raises.

    how: ``asleep``, ``computing`` (without the interpreter, which others may have), ``raising``.
    """

    def __init__(self, how: str = "asleep", seconds: float = 2.0) -> None:
        self.how = how
        self.seconds = seconds

    def fit(self, X: Any, y: Any) -> Shadow:  # noqa: N803 - scikit-learn's name
        """Remember the width of a row, and the classes."""
        self.n_features_in_ = np.asarray(X).shape[1]
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: Any) -> Any:  # noqa: N803 - scikit-learn's name
        """Answer rows that begin with 42 as slowly as told; others at once, so that it loads."""
        rows = np.asarray(X)
        if rows[0, 0] == 42:
            if self.how == "raising":
                raise ValueError("42")
            if self.how == "asleep":
                time.sleep(self.seconds)
            end_s = time.monotonic() + self.seconds
            while self.how == "computing" and time.monotonic() < end_s:
                hashlib.pbkdf2_hmac("sha256", b"", b"", 100_000)
        return np.zeros(len(rows), dtype=np.int64)
