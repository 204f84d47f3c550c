"""Every estimator of scikit-learn that predicts, fitted on small data, with rows to send to it.

``tests/zoo_pipelines.py`` has the compositions that people make of them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.datasets import make_classification, make_regression
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import all_estimators

N_ROWS = 12


@dataclass(frozen=True)
class Specimen:
    """One fitted model.

    rows: JSON rows to send. x: the same rows as scikit-learn takes them in process.
    """

    name: str
    model: Any
    rows: list[Any]
    x: Any


REFUSED = {
    "LocalOutlierFactor(novelty=False)": "novelty=True",
    "not fitted": "not fitted",
    "GridSearchCV(refit=False)": "refit=True",
    "DictVectorizer": "rows of any keys",
    "FeatureHasher": "rows of any keys",
    "a dict of models": "not a collection",
    "a transformer": "has no predict",
    "a class": "not a fitted object",
    "not an estimator": "has no predict",
}
"""What is refused at load, with words of the reason."""

DRAWS_AT_RANDOM = frozenset({"DummyClassifier(stratified)", "DummyClassifier(uniform)"})
"""What has no answer to compare with."""


def estimators() -> Iterator[Specimen]:
    """Yield every estimator of ``all_estimators()`` that has ``predict``, once fitted."""
    for name, cls in all_estimators():
        if not hasattr(cls, "predict"):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = _BUILD[name]() if name in _BUILD else cls(**_PARAMETERS.get(name, {}))
            x, y = _data(name, model)
            model.fit(x) if y is None else model.fit(x, y)
        sent = x[:N_ROWS]
        rows = sent.tolist() if sent.ndim == 2 else [[value] for value in sent.tolist()]
        yield Specimen(name, model, rows, sent)


def drawing() -> Iterator[Specimen]:
    """Yield the estimators of ``DRAWS_AT_RANDOM``."""
    x, y = _CLASSIFICATION
    for strategy in ("stratified", "uniform"):
        model = DummyClassifier(strategy=strategy).fit(x, y)
        yield Specimen(f"DummyClassifier({strategy})", model, x[:N_ROWS].tolist(), x[:N_ROWS])


def refused() -> Iterator[tuple[str, Any]]:
    """Yield what ``REFUSED`` names, under that name."""
    from sklearn.feature_extraction import DictVectorizer, FeatureHasher
    from sklearn.model_selection import GridSearchCV

    x, y = _CLASSIFICATION
    dictionaries = [{"city": "Oslo", "n": i % 3} for i in range(len(y))]
    yield "LocalOutlierFactor(novelty=False)", LocalOutlierFactor().fit(x)
    yield "not fitted", RandomForestClassifier()
    search = GridSearchCV(LogisticRegression(), {"C": [1.0]}, refit=False, cv=2)
    yield "GridSearchCV(refit=False)", search.fit(x, y)
    for vectorizer in (DictVectorizer(), FeatureHasher(8)):
        pipeline = Pipeline([("vectorizer", vectorizer), ("model", LogisticRegression())])
        yield type(vectorizer).__name__, pipeline.fit(dictionaries, y)
    yield "a dict of models", {"model": LogisticRegression().fit(x, y)}
    yield "a transformer", StandardScaler().fit(x)
    yield "a class", RandomForestClassifier
    yield "not an estimator", 42


_CLASSIFICATION: tuple[Any, Any] = make_classification(
    n_samples=80, n_features=5, n_informative=4, n_redundant=0, n_classes=3, random_state=0
)
_REGRESSION: tuple[Any, Any] = make_regression(
    n_samples=80, n_features=5, noise=2.0, random_state=0
)


def _classifier() -> LogisticRegression:
    return LogisticRegression(max_iter=300)


def _imported(path: str, *arguments: Any, **parameters: Any) -> Callable[[], Any]:
    module, name = path.rsplit(".", 1)

    def build() -> Any:
        return getattr(__import__(module, fromlist=[name]), name)(*arguments, **parameters)

    return build


_BUILD: dict[str, Callable[[], Any]] = {
    "ClassifierChain": _imported("sklearn.multioutput.ClassifierChain", _classifier()),
    "FixedThresholdClassifier": _imported(
        "sklearn.model_selection.FixedThresholdClassifier", _classifier(), threshold=0.8
    ),
    "GridSearchCV": _imported(
        "sklearn.model_selection.GridSearchCV", _classifier(), {"C": [0.1, 1.0]}, cv=3
    ),
    "MultiOutputClassifier": _imported("sklearn.multioutput.MultiOutputClassifier", _classifier()),
    "MultiOutputRegressor": _imported("sklearn.multioutput.MultiOutputRegressor", Ridge()),
    "OneVsOneClassifier": _imported("sklearn.multiclass.OneVsOneClassifier", _classifier()),
    "OneVsRestClassifier": _imported("sklearn.multiclass.OneVsRestClassifier", _classifier()),
    "OutputCodeClassifier": _imported(
        "sklearn.multiclass.OutputCodeClassifier", _classifier(), random_state=0
    ),
    "Pipeline": lambda: Pipeline([("scale", StandardScaler()), ("model", _classifier())]),
    "RFE": _imported("sklearn.feature_selection.RFE", _classifier(), n_features_to_select=3),
    "RFECV": _imported("sklearn.feature_selection.RFECV", _classifier(), cv=3),
    "RandomizedSearchCV": _imported(
        "sklearn.model_selection.RandomizedSearchCV",
        _classifier(),
        {"C": [0.1, 1.0]},
        n_iter=2,
        cv=3,
        random_state=0,
    ),
    "RegressorChain": _imported("sklearn.multioutput.RegressorChain", Ridge()),
    "SelfTrainingClassifier": _imported(
        "sklearn.semi_supervised.SelfTrainingClassifier", _classifier()
    ),
    "StackingClassifier": _imported(
        "sklearn.ensemble.StackingClassifier",
        [("forest", RandomForestClassifier(5, random_state=0)), ("linear", _classifier())],
        cv=3,
    ),
    "StackingRegressor": _imported(
        "sklearn.ensemble.StackingRegressor",
        [("forest", RandomForestRegressor(5, random_state=0)), ("linear", LinearRegression())],
        cv=3,
    ),
    "TransformedTargetRegressor": _imported(
        "sklearn.compose.TransformedTargetRegressor", Ridge(), transformer=StandardScaler()
    ),
    "TunedThresholdClassifierCV": _imported(
        "sklearn.model_selection.TunedThresholdClassifierCV", _classifier(), cv=3
    ),
    "VotingClassifier": _imported(
        "sklearn.ensemble.VotingClassifier",
        [("forest", RandomForestClassifier(5, random_state=0)), ("linear", _classifier())],
        voting="soft",
    ),
    "VotingRegressor": _imported(
        "sklearn.ensemble.VotingRegressor",
        [("forest", RandomForestRegressor(5, random_state=0)), ("linear", LinearRegression())],
    ),
}

_SMALL = {"n_estimators": 10, "random_state": 0}
_PARAMETERS: dict[str, dict[str, Any]] = {
    "BayesianGaussianMixture": {"n_components": 3, "random_state": 0},
    "EllipticEnvelope": {"random_state": 0},
    "ExtraTreesClassifier": _SMALL,
    "ExtraTreesRegressor": _SMALL,
    "GaussianMixture": {"n_components": 3, "random_state": 0},
    "IsolationForest": _SMALL,
    "LocalOutlierFactor": {"novelty": True},
    "MLPClassifier": {"hidden_layer_sizes": (8,), "max_iter": 60, "random_state": 0},
    "MLPRegressor": {"hidden_layer_sizes": (8,), "max_iter": 60, "random_state": 0},
    "NuSVC": {"nu": 0.3},
    "RandomForestClassifier": _SMALL,
    "RandomForestRegressor": _SMALL,
    "RadiusNeighborsClassifier": {"radius": 8.0, "outlier_label": "most_frequent"},
    "RadiusNeighborsRegressor": {"radius": 8.0},
}
_TWO_CLASSES = frozenset({"FixedThresholdClassifier", "TunedThresholdClassifierCV"})
_COUNTS = frozenset({"CategoricalNB", "ComplementNB", "MultinomialNB"})
_POSITIVE_TARGETS = frozenset({"GammaRegressor", "PoissonRegressor", "TweedieRegressor"})
_SEVERAL_TARGETS = (
    "CCA",
    "MultiOutputRegressor",
    "MultiTask",
    "PLSCanonical",
    "RegressorChain",
)


def _data(name: str, model: Any) -> tuple[Any, Any]:
    """Return training data that fits the estimator."""
    x, y = _CLASSIFICATION
    kind = getattr(model, "_estimator_type", None)
    if name in _COUNTS:
        return np.floor(np.abs(x) * 2.0), y
    if name in _TWO_CLASSES:
        return x, (y > 0).astype(int)
    if name in ("ClassifierChain", "MultiOutputClassifier"):
        return x, np.column_stack([y > 0, y > 1]).astype(int)
    x_regression, target = _REGRESSION
    if name == "IsotonicRegression":
        return x_regression[:, 0], target
    if name.startswith(_SEVERAL_TARGETS):
        return x_regression, np.column_stack([target, x_regression[:, 0] * 3.0 + target / 9.0])
    if name in _POSITIVE_TARGETS:
        return x_regression, np.exp(target / 100.0)
    if _is_regressor(model):
        return x_regression, target
    return (x, None) if kind in ("clusterer", "outlier_detector") else (x, y)


def _is_regressor(model: Any) -> bool:
    from sklearn.base import is_regressor

    return bool(is_regressor(model))
