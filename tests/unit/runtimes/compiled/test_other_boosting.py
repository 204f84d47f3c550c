"""Boosted trees of LightGBM and XGBoost answer as their own libraries do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from skerry.core.plan import Candidate, Executor
from skerry.core.rows import Rows
from skerry.runtimes.base import Known, LoadOptions
from skerry.runtimes.compiled.base import NotCompiled
from skerry.runtimes.compiled.registry import compile_estimator
from skerry.runtimes.planning.thresholds import splits_of
from skerry.runtimes.registry import runtime_for
from skerry.runtimes.sklearn_servable import ScikitServable

lightgbm = pytest.importorskip("lightgbm", reason="LightGBM is not installed")
xgboost = pytest.importorskip("xgboost", reason="XGBoost is not installed")

N_FEATURES = 6


def rows_of(n_rows: int, seed: int, gaps: float = 0.0) -> np.ndarray[Any, Any]:
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(n_rows, N_FEATURES))
    rows[generator.random(rows.shape) < gaps] = np.nan
    return rows


def targets_of(rows: np.ndarray[Any, Any], n_classes: int) -> np.ndarray[Any, Any]:
    filled = np.nan_to_num(rows)
    noise = np.random.default_rng(9).normal(size=len(rows))
    scores = filled[:, 0] * filled[:, 1] + np.sin(3 * filled[:, 2]) + 0.3 * noise
    if n_classes == 1:
        return np.asarray(scores)
    return np.asarray(np.digitize(scores, np.quantile(scores, np.arange(1, n_classes) / n_classes)))


def fitted(kind: Any, n_classes: int, gaps: float = 0.0, **options: Any) -> Any:
    rows = rows_of(800, seed=1, gaps=gaps)
    quiet = {"verbose": -1} if kind.__module__.startswith("lightgbm") else {}
    return kind(n_estimators=30, n_jobs=1, **quiet, **options).fit(
        rows, targets_of(rows, n_classes)
    )


def served(model: Any) -> ScikitServable:
    options = LoadOptions(plan_budget_s=30.0)
    servable = runtime_for("joblib").prepare(model, Known(), options)
    assert isinstance(servable, ScikitServable)
    return servable


def compiled_candidate(servable: ScikitServable) -> Candidate:
    (found,) = [c for c in servable.info.plan.candidates if c.executor is not Executor.SKLEARN]
    return found


@pytest.mark.parametrize("gaps", [0.0, 0.2])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("kind", [lightgbm.LGBMClassifier, xgboost.XGBClassifier])
def test_classifiers_are_proved_equal_and_answer_the_same(
    kind: Any, n_classes: int, gaps: float
) -> None:
    model = fitted(kind, n_classes, gaps)
    servable = served(model)
    rows = rows_of(3000, seed=2, gaps=gaps)

    candidate = compiled_candidate(servable)
    found = servable.predict(Rows(len(rows), matrix=rows))

    assert candidate.accepted, candidate.reason
    assert candidate.executor is servable.info.plan.executor_for(1)
    assert model.predict(rows).tolist() == found.labels.tolist()
    assert found.probabilities is not None
    np.testing.assert_allclose(found.probabilities[0], model.predict_proba(rows), atol=1e-12)
    for i in range(50):
        alone = servable.predict(Rows(1, matrix=rows[i : i + 1]))
        assert alone.probabilities is not None
        expected = model.predict_proba(rows[i : i + 1])
        np.testing.assert_allclose(alone.probabilities[0], expected, atol=1e-12)


@pytest.mark.parametrize("kind", [lightgbm.LGBMRegressor, xgboost.XGBRegressor])
def test_regressors_are_proved_equal_and_answer_the_same(kind: Any) -> None:
    model = fitted(kind, 1)
    servable = served(model)
    rows = rows_of(1000, seed=3)

    candidate = compiled_candidate(servable)
    found = servable.predict(Rows(len(rows), matrix=rows)).labels

    assert candidate.accepted, candidate.reason
    expected = model.predict(rows)
    assert expected.dtype == found.dtype
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_xgboost_is_equal_to_the_last_bit() -> None:
    for n_classes in (2, 5):
        model = fitted(xgboost.XGBClassifier, n_classes)
        rows = rows_of(20_000, seed=4)
        predict_proba = compile_estimator(model).predict_proba
        assert predict_proba is not None
        assert np.array_equal(predict_proba(rows), model.predict_proba(rows))


@pytest.mark.parametrize("base_score", [0.01, 0.7])
def test_xgboost_begins_with_its_base_score(base_score: float) -> None:
    model = fitted(xgboost.XGBClassifier, 2, base_score=base_score)
    rows = rows_of(1000, seed=5)
    predict_proba = compile_estimator(model).predict_proba
    assert predict_proba is not None
    assert np.array_equal(predict_proba(rows), model.predict_proba(rows))


def test_xgboost_that_stopped_early_asks_the_trees_up_to_the_best() -> None:
    rows, later = rows_of(400, seed=6), rows_of(200, seed=7)
    model = xgboost.XGBClassifier(
        n_estimators=200, learning_rate=0.8, early_stopping_rounds=3, eval_metric="logloss"
    )
    model.fit(rows, targets_of(rows, 2), eval_set=[(later, targets_of(later, 2))], verbose=False)
    predict_proba = compile_estimator(model).predict_proba

    assert model.best_iteration + 1 < model.get_booster().num_boosted_rounds()
    assert predict_proba is not None
    assert np.array_equal(predict_proba(rows), model.predict_proba(rows))


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (lambda: fitted(xgboost.XGBClassifier, 2, booster="dart"), "booster 'dart'"),
        (lambda: fitted(xgboost.XGBClassifier, 2, missing=-1.0), "missing=-1.0"),
        (lambda: fitted(xgboost.XGBClassifier, 2, objective="binary:logitraw"), "logitraw"),
        (lambda: fitted(xgboost.XGBRegressor, 1, max_depth=9), "more than 64 leaves"),
        (lambda: fitted(xgboost.XGBRegressor, 2, objective="reg:logistic"), "reg:logistic"),
        (
            lambda: fitted(
                lightgbm.LGBMRegressor, 1, boosting_type="rf", subsample=0.5, subsample_freq=1
            ),
            "forests",
        ),
        (lambda: fitted(lightgbm.LGBMClassifier, 3, objective="multiclassova"), "multiclass_ova"),
    ],
)
def test_what_has_no_compiled_form_says_so(model: Any, reason: str) -> None:
    with pytest.raises(NotCompiled, match=reason):
        compile_estimator(model())


@pytest.mark.parametrize("kind", [lightgbm.LGBMRegressor, xgboost.XGBRegressor])
def test_the_proof_knows_their_thresholds(kind: Any) -> None:
    splits = splits_of(fitted(kind, 1))

    assert sum(len(each) for thresholds in splits.values() for each in thresholds) > 100
