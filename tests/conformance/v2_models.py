"""The models that the tests of the Open Inference Protocol ask, one for each kind of tensor."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from tests.integration.models import iris_model, put, settle

IRIS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3], [5.9, 3.0, 4.2, 1.5]]
PEOPLE: list[dict[str, Any]] = [
    {"age": 31.5, "city": "Oslo", "member": True, "visits": 3},
    {"age": 64.0, "city": "Rome", "member": False, "visits": 0},
]
TEXTS = ["good and fine", "bad and late"]


def people_model() -> Any:
    """A table of mixed columns; labels are strings."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "age": rng.normal(40, 12, 80),
            "city": rng.choice(["Oslo", "Rome"], 80),
            "member": rng.random(80) < 0.5,
            "visits": rng.integers(0, 9, 80),
        }
    )
    encoded = make_column_transformer(
        (OneHotEncoder(), ["city", "member", "visits"]), remainder="passthrough"
    )
    return make_pipeline(encoded, LogisticRegression(max_iter=2000)).fit(
        table, np.where(table["age"] > 40, "old", "young")
    )


def text_model() -> Any:
    """One feature, which is text; labels are bools."""
    texts = ["good fine", "fine", "bad late", "late and bad"]
    return make_pipeline(CountVectorizer(), LogisticRegression()).fit(
        texts, [True, True, False, False]
    )


def gaps_model() -> Any:
    """Numbers that may be missing."""
    rows, classes = load_iris(return_X_y=True)
    rows = rows.copy()
    rows[::7, 1] = np.nan
    return HistGradientBoostingClassifier(max_iter=5).fit(rows, classes)


def pair_model() -> Any:
    """Two outputs, both numbers, and no probabilities."""
    rows, _ = load_iris(return_X_y=True)
    return LinearRegression().fit(rows[:, :2], rows[:, 2:])


def labels_model() -> Any:
    """Two outputs, both classes, with probabilities."""
    rows, classes = load_iris(return_X_y=True)
    labels = np.column_stack([classes, classes > 0]).astype(np.int64)
    return RandomForestClassifier(4, random_state=0).fit(rows, labels)


@cache
def models() -> dict[str, Any]:
    """Return every model by its name."""
    return {
        "iris": iris_model(),
        "people": people_model(),
        "text": text_model(),
        "gaps": gaps_model(),
        "pair": pair_model(),
        "labels": labels_model(),
    }


def v2_repository(directory: Path) -> Path:
    """Return a repository with each of them as ``v1``, and iris as ``v2``, too."""
    repository = directory / "models"
    repository.mkdir()
    for name, model in models().items():
        put(repository, name, "v1", model)
    put(repository, "iris", "v2", iris_model())
    settle(repository)
    return repository
