"""A BentoML service with adaptive batching; run in its own environment.

$MODEL_FILE is the joblib file; $MODEL_COLUMNS its columns, where it takes a data frame.
"""

from __future__ import annotations

import os
from typing import Any

import bentoml
import joblib
import numpy as np
import pandas as pd

COLUMNS = os.environ.get("MODEL_COLUMNS", "").split(",")


@bentoml.service(workers=1, traffic={"timeout": 60}, logging={"access": {"enabled": False}})
class Peer:
    """Answers a label and a confidence a row."""

    def __init__(self) -> None:
        self.model = joblib.load(os.environ["MODEL_FILE"])

    # Room for the batches of 1000 rows; neither number was tuned.
    @bentoml.api(batchable=True, max_batch_size=4096, max_latency_ms=1000)  # type: ignore[untyped-decorator] # it is installed apart
    def predict(self, features: list[list[Any]]) -> list[list[float]]:
        """Predict rows, of one request or of several."""
        rows = np.array(features) if COLUMNS == [""] else pd.DataFrame(features, columns=COLUMNS)
        labels = self.model.predict(rows)
        confidences = self.model.predict_proba(rows).max(axis=1)
        return [list(pair) for pair in zip(labels.tolist(), confidences.tolist(), strict=True)]
