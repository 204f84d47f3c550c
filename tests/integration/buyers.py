"""A model of people who buy: texts, numbers and missing values; it comes with training data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder

from skerry.controlplane.version_writer import write_version
from tests.integration.models import estimators, put, settle


def buyers_repository(directory: Path) -> Path:
    """Return a repository of four versions of the model ``buyers``; needs ``plugin_env``.

    v1 is packaged, v2 fails where the age is 13, v3 answers the opposite, v4 can't be loaded.
    """
    repository = directory / "models"
    people, buys = _people()
    joblib.dump(_fitted(LogisticRegression(max_iter=1000), people, buys), directory / "v1.joblib")
    write_version(directory / "v1.joblib", repository, "buyers", "v1", data=people)
    fragile = estimators(directory).Fragile(max_iter=1000)
    put(repository, "buyers", "v2", _fitted(fragile, people, buys))
    put(repository, "buyers", "v3", _fitted(LogisticRegression(max_iter=1000), people, 1 - buys))
    put(repository, "buyers", "v4", object())
    settle(repository)
    return repository


def _people(rows: int = 400) -> tuple[pd.DataFrame, Any]:
    """Return people, and who of them buys."""
    draw = np.random.default_rng(7)
    people = pd.DataFrame(
        {
            "city": draw.choice(["Bergen", "Oslo", "Tromsø"], rows),
            "income": draw.normal(50_000, 9_000, rows),
            "age": draw.integers(20, 60, rows).astype(float),
        }
    )
    return people, (people["age"] > 40).to_numpy().astype(int)


def _fitted(classifier: Any, people: pd.DataFrame, buys: Any) -> Pipeline:
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["city"]),
        (SimpleImputer(), ["income", "age"]),
    )
    return make_pipeline(columns, classifier).fit(people, buys)
