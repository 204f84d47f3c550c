"""Prints the seconds that json.loads and predict_proba take for a request's bytes: no server."""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path

import joblib
import numpy as np
import pandas as pd


def main(model_file: str, body_file: str, seconds: str) -> None:
    """Repeat for that long, and print the median."""
    model, body = joblib.load(model_file), Path(body_file).read_bytes()
    columns = getattr(model, "feature_names_in_", None)
    times_s: list[float] = []
    end_s = time.perf_counter() + float(seconds)
    while time.perf_counter() < end_s or len(times_s) < 3:
        started_s = time.perf_counter()
        rows = json.loads(body)["features"]
        model.predict_proba(
            np.array(rows) if columns is None else pd.DataFrame(rows, columns=columns)
        )
        times_s.append(time.perf_counter() - started_s)
    print(statistics.median(times_s))


if __name__ == "__main__":
    main(*sys.argv[1:])
