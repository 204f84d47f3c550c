"""The compositions that people make of scikit-learn's estimators, fitted, with rows to send."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.datasets import load_iris, make_multilabel_classification
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.naive_bayes import BernoulliNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from tests.zoo import N_ROWS, Specimen

_X, _Y = load_iris(return_X_y=True)
_CITIES = ("Oslo", "Bergen", "Tromsø")
_REVIEWS = ("a very good film", "bad, bad film", "good sea, good island", "not good at all")


def pipelines() -> Iterator[Specimen]:
    """Yield every composition."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield from _on_tables()
        yield from _on_texts()
        yield from _on_numbers()
        yield from _several_outputs()
        yield from _labels_of_all_types()


def table() -> tuple[Any, Any]:
    """Return a table of mixed types with missing values, and a target."""
    random = np.random.default_rng(0)
    n = 120
    frame = pd.DataFrame(
        {
            "age": random.uniform(18, 80, n),
            "city": random.choice(_CITIES, n),
            "income": random.normal(50.0, 9.0, n),
            "member": random.choice([True, False], n),
            "rooms": random.integers(1, 6, n),
            "note": random.choice(["x", "y"], n),
        }
    )
    frame.loc[random.choice(n, 15, replace=False), "age"] = np.nan
    frame.loc[random.choice(n, 15, replace=False), "city"] = None
    target = (frame["income"] + 3 * frame["rooms"] + 5 * frame["member"] > 62).astype(int)
    return frame, target


def json_rows(frame: Any) -> list[dict[str, Any]]:
    """Return a data frame's rows as JSON objects by feature name.

    A bool is 0 or 1: a fitted object can't tell that a column it passes on was one.
    """
    return [{str(k): _json(v) for k, v in row.items()} for row in frame.to_dict(orient="records")]


def _json(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    return None if pd.isna(value) else value


def _on_tables() -> Iterator[Specimen]:
    frame, target = table()
    sent = frame.head(N_ROWS * 2)
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    cities = make_pipeline(
        SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")
    )
    parts = [
        ("numbers", numbers, ["age", "income", "rooms"]),
        ("cities", cities, ["city"]),
        ("flags", "passthrough", ["member"]),
    ]
    mixed = make_pipeline(ColumnTransformer(parts), LogisticRegression())
    yield Specimen("table", mixed.fit(frame, target), json_rows(sent), sent)

    strict = ColumnTransformer(
        [
            ("one_hot", OneHotEncoder(), ["city", "rooms", "member"]),
            ("rest", SimpleImputer(), make_column_selector(dtype_include=np.float64)),
        ]
    )
    encoded = make_pipeline(strict, RandomForestClassifier(10, random_state=0))
    search = GridSearchCV(encoded, {"randomforestclassifier__max_depth": [2, 4]}, cv=2)
    yield Specimen("table_grid_search", search.fit(frame, target), json_rows(sent), sent)

    targets = ColumnTransformer(
        [("target", TargetEncoder(random_state=0), ["city"]), ("age", KNNImputer(), ["age"])],
        remainder="drop",
    )
    ridge = make_pipeline(targets, Ridge())
    yield Specimen("table_target_encoder", ridge.fit(frame, target), json_rows(sent), sent)

    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    boosting = make_pipeline(
        ColumnTransformer([("city", ordinal, ["city", "note"])], remainder="passthrough"),
        HistGradientBoostingClassifier(max_iter=10),
    )
    yield Specimen("table_boosting", boosting.fit(frame, target), json_rows(sent), sent)

    categories = frame.drop(columns="note").astype({"city": "category"})
    native = HistGradientBoostingRegressor(max_iter=10).fit(categories, frame["income"])
    same = sent.drop(columns="note")
    yield Specimen("table_native_categories", native, json_rows(same), categories.head(len(same)))

    strings = frame[["city", "note"]].fillna("none").to_numpy(dtype=object)
    onehot = make_pipeline(OneHotEncoder(), BernoulliNB()).fit(strings, target)
    first = strings[:N_ROWS]
    yield Specimen("array_of_strings", onehot, first.tolist(), first)

    plain = frame[["age", "income"]].fillna(30.0)
    named = make_pipeline(StandardScaler(), SVC()).fit(plain, target)
    yield Specimen("named_numbers", named, json_rows(plain.head(N_ROWS)), plain.head(N_ROWS))


def _on_texts() -> Iterator[Specimen]:
    texts = [f"{text} {i % 7}" for i, text in enumerate(_REVIEWS * 6)]
    y = ["good" if "good" in text and "not" not in text else "bad" for text in texts]
    sent, rows = texts[:N_ROWS], [[text] for text in texts[:N_ROWS]]
    tfidf = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, y)
    yield Specimen("text_tfidf", tfidf, rows, sent)
    hashed = make_pipeline(HashingVectorizer(n_features=64), SGDClassifier(random_state=0))
    yield Specimen("text_hashing", hashed.fit(texts, y), rows, sent)
    both = FeatureUnion(
        [("words", CountVectorizer()), ("letters", CountVectorizer(analyzer="char"))]
    )
    yield Specimen("text_union", make_pipeline(both, MultinomialNB()).fit(texts, y), rows, sent)
    frame = pd.DataFrame({"review": texts, "stars": [float(i % 5) for i in range(len(texts))]})
    column = ColumnTransformer(
        [("review", TfidfVectorizer(), "review"), ("stars", StandardScaler(), ["stars"])]
    )
    model = make_pipeline(column, LinearSVC()).fit(frame, y)
    yield Specimen("text_column", model, json_rows(frame.head(N_ROWS)), frame.head(N_ROWS))


def _on_numbers() -> Iterator[Specimen]:
    def specimen(name: str, model: Any, x: Any = _X, y: Any = _Y) -> Specimen:
        sent = x[:: max(1, len(x) // N_ROWS)]
        rows = [[None if np.isnan(v) else v for v in row] for row in sent.tolist()]
        return Specimen(name, model.fit(x, y), rows, sent)

    holes = _X.copy()
    holes[::4, 1] = np.nan
    forest, linear = RandomForestClassifier(8, random_state=0), LogisticRegression(max_iter=500)
    yield specimen("polynomial_ridge", make_pipeline(PolynomialFeatures(3), Ridge()))
    yield specimen("stacking", StackingClassifier([("f", forest), ("l", linear)], cv=3))
    yield specimen("voting_soft", VotingClassifier([("f", forest), ("l", linear)], voting="soft"))
    yield specimen("voting_hard", VotingClassifier([("f", forest), ("l", linear)]))
    yield specimen("calibrated_svc", CalibratedClassifierCV(LinearSVC(), cv=3))
    yield specimen("calibrated_isotonic", CalibratedClassifierCV(forest, method="isotonic", cv=3))
    yield specimen("boosting_nan", HistGradientBoostingClassifier(max_iter=10), holes)
    yield specimen("tree_nan", DecisionTreeClassifier(random_state=0), holes)
    yield specimen("imputed", make_pipeline(SimpleImputer(), KNeighborsClassifier()), holes)
    yield specimen("threads", ExtraTreesClassifier(8, n_jobs=2, random_state=0))


def _several_outputs() -> Iterator[Specimen]:
    x, y = make_multilabel_classification(80, 6, n_classes=3, random_state=0)
    sent, rows = x[:N_ROWS], x[:N_ROWS].tolist()
    linear = LogisticRegression(max_iter=500)
    words = np.array([["no", "yes"][v] for v in y.ravel()]).reshape(y.shape)
    mixed = np.column_stack([y[:, 0], y.sum(axis=1)])
    for name, model, target in (
        ("multilabel_forest", RandomForestClassifier(8, random_state=0), y),
        ("multilabel_neighbors", KNeighborsClassifier(), y),
        ("multilabel_one_vs_rest", OneVsRestClassifier(linear), y),
        ("multilabel_mlp", MLPClassifier((8,), max_iter=50, random_state=0), y),
        ("multilabel_ridge", RidgeClassifier(), y),
        ("multilabel_chain", ClassifierChain(linear, random_state=0), y),
        ("multioutput_strings", MultiOutputClassifier(linear), words),
        ("multioutput_widths", RandomForestClassifier(8, random_state=0), mixed),
        ("multioutput_regression", RandomForestRegressor(8, random_state=0), mixed * 1.5),
        ("one_column_target", KNeighborsRegressor(), mixed[:, :1] * 1.5),
    ):
        yield Specimen(name, model.fit(x, target), rows, sent)


def _labels_of_all_types() -> Iterator[Specimen]:
    rows = [row.tolist() for row in _X[::10]]
    for name, labels in (
        ("string", np.array(["setosa", "versicolor", "virginica"])),
        ("object", np.array(["setosa", "versicolor", "virginica"], dtype=object)),
        ("bool", np.array([True, False, True])),
        ("negative", np.array([-1, 0, 7])),
        ("float", np.array([0.0, 1.0, 2.0])),
        ("uint8", np.array([1, 2, 255], dtype=np.uint8)),
    ):
        for kind, model in (
            ("forest", RandomForestClassifier(8, random_state=0)),
            ("linear", LogisticRegression(max_iter=500)),
            ("svc", SVC()),
        ):
            yield Specimen(f"{name}_labels_{kind}", model.fit(_X, labels[_Y]), rows, _X[::10])
