from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, RadiusNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from skerry.core.errors import Unsupported
from skerry.core.row_values import to_rows
from skerry.core.rows import Rows
from skerry.core.servable import Servable
from skerry.core.signature import DType, Feature, Signature, Task
from skerry.runtimes.base import Known, LoadOptions, ReadModel
from skerry.runtimes.registry import runtime_for

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(60, 3))
Y = (X[:, 0] + X[:, 1] > 0).astype(int)


class Counting(LogisticRegression):  # type: ignore[misc]  # scikit-learn ships no types
    """Not scikit-learn's own class, so nothing about its predict is known."""

    calls: list[str]

    def predict(self, x: Any) -> Any:
        self.calls.append("predict")
        return super().predict(x)

    def predict_proba(self, x: Any) -> Any:
        self.calls.append("predict_proba")
        return super().predict_proba(x)


class Doubles(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # as above
    """A transformer as people write them: it counts no columns."""

    def fit(self, x: Any, y: Any = None) -> Doubles:
        del x, y
        self.fitted_ = True
        return self

    def transform(self, x: Any) -> Any:
        return np.asarray(x) * 2.0


def _prepared(model: Any, signature: Signature | None = None) -> Servable:
    return runtime_for("joblib").prepare(model, Known(signature), LoadOptions())


def _matrix(*rows: list[float]) -> Rows:
    return Rows(len(rows), matrix=np.array(rows))


def test_tells_what_it_is() -> None:
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)
    info = _prepared(ReadModel(model, ("a warning",))).info
    assert info.task is Task.CLASSIFICATION
    assert info.estimator == "sklearn.pipeline.Pipeline"
    assert info.packages["scikit-learn"] == sklearn.__version__
    assert info.warnings == ("a warning",)
    assert info.signature.outputs[0].classes == (0, 1)
    assert [f.name for f in info.signature.features] == ["x0", "x1", "x2"]


def test_every_nested_estimator_computes_on_one_thread_and_prints_nothing() -> None:
    voting = VotingClassifier([("forest", RandomForestClassifier(3))])
    model = make_pipeline(StandardScaler(), voting).fit(X, Y)
    inner = model[-1].estimators_[0]
    model[-1].n_jobs, inner.n_jobs, inner.verbose = 4, 4, 2
    _prepared(model)
    assert (model[-1].n_jobs, inner.n_jobs, inner.verbose) == (1, 1, 0)


class Centring(BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Answers how far a row is from the mean of its call."""

    n_features_in_ = 3

    def predict(self, x: Any) -> Any:
        return np.asarray(x)[:, 0] - np.asarray(x)[:, 0].mean()


class Doubling(Centring):
    """Answers each row by itself."""

    def predict(self, x: Any) -> Any:
        return np.asarray(x)[:, 0] * 2


def test_requests_are_joined_only_where_rows_do_not_depend_on_each_other() -> None:
    centring, doubling = (
        runtime_for("joblib").prepare(model, Known(), LoadOptions())
        for model in (Centring(), Doubling())
    )

    assert 1 == centring.info.batch_rows
    assert 1 < doubling.info.batch_rows
    assert 0 == doubling.info.plan.cheap_rows


def test_predict_is_asked_where_the_class_is_not_known_to_be_an_argmax() -> None:
    model = Counting().set_params(C=2.0)
    model.calls = []
    model.fit(X, Y)
    servable = _prepared(model)
    model.calls.clear()
    servable.predict(_matrix([0.1, 0.2, 0.3]))
    assert model.calls == ["predict", "predict_proba"]


def test_one_call_answers_both_where_it_is_an_argmax(monkeypatch: pytest.MonkeyPatch) -> None:
    model = GaussianNB().fit(X, Y)
    servable, expected = _prepared(model), model.predict(X)
    monkeypatch.setattr(GaussianNB, "predict", None)
    assert servable.predict(_matrix(*X.tolist())).labels.tolist() == expected.tolist()


def test_predict_decides_where_two_classes_tie() -> None:
    x, y = [[0.0], [1.0], [2.0], [3.0]], ["b", "a", "b", "a"]
    model = KNeighborsClassifier(2, weights="uniform").fit(x, y)
    rows = [[0.5], [1.5], [2.5]]
    found = _prepared(model).predict(_matrix(*rows))
    assert found.confidences is not None
    assert found.confidences.tolist() == [0.5, 0.5, 0.5]
    assert found.labels.tolist() == model.predict(rows).tolist()


def test_an_svc_answers_with_its_own_predict_whatever_its_probabilities_say() -> None:
    x = RANDOM.normal(size=(40, 2))
    y = RANDOM.integers(0, 2, 40)
    with pytest.warns(FutureWarning) if _probability_is_deprecated() else _nothing():
        model = SVC(probability=True, random_state=0).fit(x, y)
    found = _prepared(model).predict(_matrix(*x.tolist()))
    assert found.labels.tolist() == model.predict(x).tolist()
    assert found.probabilities is not None
    assert np.array_equal(found.probabilities[0], model.predict_proba(x))


def _probability_is_deprecated() -> bool:
    return tuple(map(int, sklearn.__version__.split(".")[:2])) >= (1, 9)


def _nothing() -> Any:
    from contextlib import nullcontext

    return nullcontext()


def test_a_data_frame_is_not_built_for_a_model_that_needs_no_names() -> None:
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    model = make_pipeline(StandardScaler(), Ridge()).fit(frame, Y)
    expected = model.predict(frame)
    servable = _prepared(model)
    assert [f.name for f in servable.info.signature.features] == ["a", "b", "c"]
    assert servable.predict(_matrix(*X.tolist())).labels.tolist() == expected.tolist()
    assert not hasattr(model[0], "feature_names_in_")


def test_trees_take_missing_values_and_round_to_float32() -> None:
    model = DecisionTreeClassifier().fit(X, Y)
    for feature in _prepared(model).info.signature.features:
        assert (feature.dtype, feature.nullable) == (DType.FLOAT32, True)


def test_linear_models_take_no_missing_values_and_all_of_float64() -> None:
    for feature in _prepared(LinearRegression().fit(X, Y)).info.signature.features:
        assert (feature.dtype, feature.nullable) == (DType.FLOAT64, False)


def test_a_value_that_overflows_on_the_way_is_refused_by_the_model_itself() -> None:
    model = make_pipeline(PolynomialFeatures(9), RandomForestClassifier(3)).fit(X, Y)
    servable = _prepared(model)
    with pytest.raises(ValueError, match="too large"):
        servable.predict(_matrix([1e10, 0.0, 0.0]))


def test_what_is_not_finite_reaches_the_models_own_validation() -> None:
    servable = _prepared(LinearRegression().fit(X, Y))
    with pytest.raises(ValueError, match="NaN"):
        servable.predict(_matrix([np.nan, 0.0, 0.0]))


def test_an_estimator_that_draws_says_so() -> None:
    assert _prepared(DummyClassifier(strategy="uniform").fit(X, Y)).info.draws_at_random
    assert not _prepared(DummyClassifier(strategy="prior").fit(X, Y)).info.draws_at_random


def test_a_transformer_of_ones_own_that_counts_no_columns_is_served() -> None:
    model = Pipeline([("own", Doubles()), ("ridge", Ridge())]).fit(X, Y)
    servable = _prepared(model)
    assert len(servable.info.signature.features) == 3
    assert servable.predict(_matrix(*X.tolist())).labels.tolist() == model.predict(X).tolist()


def test_a_model_that_answers_no_trial_row_is_served_with_a_warning() -> None:
    far = X + 1000.0
    model = RadiusNeighborsClassifier(radius=0.001, outlier_label=None).fit(far, Y)
    model._fit_X = model._fit_X + 5000.0  # noqa: SLF001 - no row that it remembers is near any
    info = _prepared(model).info
    assert len(info.signature.features) == 3
    assert info.signature.outputs[0].classes == (0, 1)


def test_the_manifests_features_are_taken_as_they_are() -> None:
    features = tuple(Feature(name, DType.INT64, range=(0.0, 9.0)) for name in ("a", "b", "c"))
    model = Ridge().fit(X, Y)
    servable = _prepared(model, Signature(features, ()))
    assert servable.info.signature.features == features
    rows = to_rows(servable.info.signature, [{"a": 1, "b": 2, "c": 3}])
    assert servable.predict(rows).labels.tolist() == model.predict([[1.0, 2.0, 3.0]]).tolist()


def test_a_signature_of_another_width_is_refused() -> None:
    with pytest.raises(Unsupported, match="1 features, the model takes 3"):
        _prepared(Ridge().fit(X, Y), Signature((Feature("a", DType.FLOAT64),), ()))


def test_a_wide_model_is_asked_a_bounded_number_of_questions() -> None:
    wide = RANDOM.normal(size=(20, 3000))
    model = Counting()
    model.calls = []
    model.fit(wide, [0, 1] * 10)
    _prepared(model)
    assert len(model.calls) < 300


def test_dates_as_labels_are_refused() -> None:
    model = DecisionTreeClassifier().fit(X, Y)
    model.classes_ = np.array(["2026-01-01", "2026-01-02"], dtype="datetime64[D]")
    with pytest.raises(Unsupported, match="datetime64"):
        _prepared(model)


class Plain:
    """Has what serving asks for, and no relation to scikit-learn."""

    n_features_in_ = 2

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.calls = 0

    def predict(self, rows: Any) -> Any:
        self.calls += 1
        time.sleep(self.seconds)
        return np.asarray(rows)[:, 0] * 2


def test_a_class_of_ones_own_with_predict_is_served() -> None:
    servable = runtime_for("pickle").prepare(Plain(), Known(), LoadOptions())

    rows = to_rows(servable.info.signature, [[1.5, 0]])
    assert [3.0] == servable.predict(rows).labels.tolist()
    assert Task.REGRESSION == servable.info.task


def test_a_model_that_takes_seconds_to_answer_is_not_asked_again_and_again() -> None:
    model = Plain(seconds=2.1)

    servable = runtime_for("pickle").prepare(model, Known(), LoadOptions())

    assert model.calls <= 3
    assert "it takes seconds to answer" in servable.info.warnings[-1]
