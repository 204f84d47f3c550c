"""The models that are measured, fitted and packaged, and the rows that are sent to them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

N_SINGLE, N_BATCH = 64, 1000


@dataclass(frozen=True, slots=True)
class BenchModel:
    """One model on disk.

    file: the bare joblib file. repository: the same, packaged as ``<name>/v1``.
    single: rows that are asked one by one. batch: the rows of one large request.
    columns: where it was fitted with a data frame.
    """

    name: str
    title: str
    estimator: Any
    file: Path
    repository: Path
    single: list[list[Any]]
    batch: list[list[Any]]
    columns: list[str] | None

    def to_input(self, rows: list[list[Any]]) -> Any:
        """Return rows as the model was fitted with."""
        if self.columns is None:
            return np.array(rows)
        return pd.DataFrame(rows, columns=self.columns)


def fit(name: str, directory: Path) -> BenchModel:
    """Fit a model, save it, and package it with ``skerry package``."""
    title, make, data = MODELS[name]
    features, classes = data()
    estimator = make().fit(features, classes)
    folder = directory / name
    folder.mkdir(parents=True, exist_ok=True)
    file, table = folder / "model.joblib", folder / "rows.csv"
    joblib.dump(estimator, file)
    frame = features if isinstance(features, pd.DataFrame) else None
    rows = (frame.to_numpy(dtype=object) if frame is not None else features).tolist()
    columns = None if frame is None else list(frame.columns)
    pd.DataFrame(rows, columns=columns or [f"x{j}" for j in range(len(rows[0]))]).to_csv(
        table, index=False
    )
    repository = folder / "repository"
    arguments = ["--model", name, "--version", "v1", "--to", repository, "--data", table]
    subprocess.run(
        [sys.executable, "-m", "skerry", "package", str(file), *map(str, arguments)],
        check=True,
        capture_output=True,
    )
    order = np.random.default_rng(0).integers(len(rows), size=N_BATCH)
    batch = [rows[i] for i in order]
    return BenchModel(name, title, estimator, file, repository, batch[:N_SINGLE], batch, columns)


def _forest(n_trees: int) -> Callable[[], Any]:
    return lambda: RandomForestClassifier(n_trees, random_state=0)


def _iris() -> tuple[Any, Any]:
    features, classes = load_iris(return_X_y=True)
    return features, classes


def _cancer() -> tuple[Any, Any]:
    features, classes = load_breast_cancer(return_X_y=True)
    return features, classes


def _people() -> tuple[Any, Any]:
    """Return a drawn table of numbers and words, and what follows from it."""
    random, n = np.random.default_rng(0), 2000
    table = pd.DataFrame(
        {
            "age": random.integers(18, 90, n).astype(float),
            "income": random.lognormal(10, 0.5, n).round(2),
            "balance": random.normal(1000, 400, n).round(2),
            "visits": random.integers(0, 50, n).astype(float),
            "city": random.choice(["Oslo", "Bergen", "Bodo", "Tromso"], n).astype(object),
            "plan": random.choice(["free", "plus", "pro"], n).astype(object),
        }
    )
    score = table["age"] / 50 + (table["plan"] == "pro") + random.normal(0, 0.3, n)
    return table, (score > 1.2).astype(int).to_numpy()


def _mixed() -> Any:
    return make_pipeline(
        make_column_transformer(
            (StandardScaler(), ["age", "income", "balance", "visits"]),
            (OneHotEncoder(handle_unknown="ignore"), ["city", "plan"]),
        ),
        LogisticRegression(max_iter=1000),
    )


MODELS: dict[str, tuple[str, Callable[[], Any], Callable[[], tuple[Any, Any]]]] = {
    "forest100": ("forest of 100 trees, iris", _forest(100), _iris),
    "forest300": ("forest of 300 trees, breast cancer", _forest(300), _cancer),
    "boosting": (
        "histogram gradient boosting, breast cancer",
        lambda: HistGradientBoostingClassifier(random_state=0),
        _cancer,
    ),
    "logistic": (
        "scaler and logistic regression, breast cancer",
        lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        _cancer,
    ),
    "mixed": ("column transformer and logistic regression, mixed table", _mixed, _people),
}
"""Name to title, estimator and data."""
