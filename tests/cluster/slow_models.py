"""A model whose predictions take 5 s for rows that say so; pods import it from a ConfigMap."""

from __future__ import annotations

import time
from typing import Any

from sklearn.linear_model import LogisticRegression

SLOW_FROM = 90.0
"""A row whose first feature is at least this is slow."""
SLOW_S = 5.0


class SlowOnDemand(LogisticRegression):  # type: ignore[misc]  # sklearn has no types
    """A logistic regression that sleeps when it is told to."""

    def predict_proba(self, X: Any) -> Any:  # noqa: N803 - scikit-learn's name
        """Return the probabilities, for slow rows after a while."""
        if (X[:, 0] >= SLOW_FROM).any():
            time.sleep(SLOW_S)
        return super().predict_proba(X)
