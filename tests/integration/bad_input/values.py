"""Values that are of the right shape but not for the model: categories, missing values, ranges."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from tests.integration.bad_input.request import Bad
from tests.integration.models import put

PERSON = {"city": "Oslo", "plan": "free", "age": 41, "income": 30_000.0}
_PERSON = "/api/v1/models/person/predict"
_TREE = "/api/v1/models/tree/predict"


def put_models(repository: Path) -> None:
    """Add a model of mixed columns, and one that rounds to float32."""
    put(repository, "person", "v1", _person_model())
    features, classes = load_iris(return_X_y=True)
    put(repository, "tree", "v1", DecisionTreeClassifier(max_depth=3).fit(features, classes))


def _person_model() -> Pipeline:
    """Return a model of strings and numbers.

    An unseen city is an error, an unseen plan is not; a missing age is filled in, a missing
    income is an error.
    """
    table = pd.DataFrame(
        {
            "city": ["Oslo", "Bergen", "Oslo", "Bergen"] * 5,
            "plan": ["free", "free", "paid", "paid"] * 5,
            "age": [20.0, 30.0, None, 50.0] * 5,
            "income": [1.0, 2.0, 3.0, 4.0] * 5,
        }
    )
    columns = make_column_transformer(
        (OneHotEncoder(), ["city"]),
        (OneHotEncoder(handle_unknown="ignore"), ["plan"]),
        (SimpleImputer(), ["age"]),
        (StandardScaler(), ["income"]),
    )
    return make_pipeline(columns, LogisticRegression()).fit(table, [0, 1, 0, 1] * 5)


def _person(name: str, status: int, slug: str, says: str = "", **values: Any) -> Bad:
    features = {key: value for key, value in {**PERSON, **values}.items() if value is not ...}
    body = json.dumps({"features": features}).encode()
    return Bad(f"person-{name}", status, slug, body, path=_PERSON, says=says)


def _tree(name: str, value: str) -> Bad:
    body = f'{{"features": [{value}, 3.5, 1.4, 0.2]}}'.encode()
    return Bad(f"tree-{name}", 400, "value-out-of-range", body, path=_TREE, says="float32")


VALUES = (
    _person("unseen-city", 400, "unknown-category", "Bergen, Oslo", city="Paris"),
    _person("empty-city", 400, "unknown-category", city=""),
    _person("city-in-other-case", 400, "unknown-category", city="oslo"),
    _person("city-with-nul", 400, "unknown-category", city="Oslo\0"),
    _person("city-in-other-script", 400, "unknown-category", city="Осло"),
    _person("long-city", 400, "unknown-category", city="Oslo" * 100_000),
    _person("city-null", 400, "non-finite-value", city=None),
    _person("city-number", 422, "invalid-body", city=1),
    _person("city-true", 422, "invalid-body", city=True),
    _person("city-list", 422, "invalid-body", city=["Oslo"]),
    _person("city-object", 422, "invalid-body", city={"name": "Oslo"}),
    _person("city-missing", 400, "missing-feature", "city", city=...),
    _person("city-nan", 422, "invalid-body", city=float("nan")),
    _person("plan-number", 422, "invalid-body", plan=0),
    _person("age-string", 422, "invalid-body", age="41"),
    _person("age-nan", 400, "non-finite-value", "null", age=float("nan")),
    _person("age-infinite", 400, "non-finite-value", age=float("-inf")),
    _person("age-of-400-digits", 400, "non-finite-value", age=10**400),
    _person("income-null", 400, "non-finite-value", "income", income=None),
    _person("income-true", 422, "invalid-body", income=True),
    _person("other-name", 400, "unknown-feature", "salary", salary=1),
    Bad(
        "person-as-short-list",
        400,
        "wrong-feature-count",
        b'{"features": ["Oslo", "free", 41]}',
        path=_PERSON,
    ),
    Bad(
        "person-in-wrong-order",
        422,
        "invalid-body",
        b'{"features": [41, 30000, "Oslo", "free"]}',
        path=_PERSON,
    ),
    Bad(
        "persons-one-unseen",
        400,
        "unknown-category",
        json.dumps({"features": [PERSON, {**PERSON, "city": "Paris"}]}).encode(),
        path=f"{_PERSON}/batch",
        says="features[1]",
    ),
    Bad(
        "8-mib-of-text",
        422,
        "invalid-body",
        lambda: json.dumps({"features": ["[{,\\" * 1_600_000]}).encode() + b" ",
        path=f"{_PERSON}/batch",
    ),
    _tree("beyond-float32", "1e39"),
    _tree("below-float32", "-1e39"),
    _tree("beyond-float32-integer", "1" + "0" * 40),
    _tree("largest-float64", "1.7976931348623157e308"),
)
