"""Meta-estimators answer what scikit-learn answers, where their parts are compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import make_classification, make_multilabel_classification, make_regression
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    RandomForestClassifier,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.feature_selection import RFE, RFECV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, RANSACRegressor, Ridge
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import (
    ClassifierChain,
    MultiOutputClassifier,
    MultiOutputRegressor,
    RegressorChain,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skerry.runtimes.compiled.base import NotCompiled
from skerry.runtimes.compiled.registry import compile_estimator
from tests.agreement import disagreements

_ROWS = np.random.default_rng(0).normal(size=(60, 5)) * 3
_LINEAR = LogisticRegression(max_iter=500)
_SCALED = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
_TREE = DecisionTreeClassifier(max_depth=4, random_state=0)
_FOREST = RandomForestClassifier(5, random_state=0)
_SVC = LinearSVC(random_state=0)

CLASSIFIERS = [
    BaggingClassifier(_TREE, 7, random_state=0),
    BaggingClassifier(_LINEAR, 4, max_samples=0.2, max_features=0.7, random_state=0),
    CalibratedClassifierCV(_SVC, cv=3),
    CalibratedClassifierCV(_LINEAR, cv=3, ensemble=False),
    CalibratedClassifierCV(_TREE, cv=3),
    CalibratedClassifierCV(FrozenEstimator(_LINEAR), method="sigmoid"),
    GridSearchCV(_SCALED, {"logisticregression__C": [0.1, 1.0]}, cv=2),
    OneVsOneClassifier(_LINEAR),
    OneVsOneClassifier(_SVC),
    OneVsOneClassifier(_TREE),
    OneVsRestClassifier(_LINEAR),
    OneVsRestClassifier(_SVC),
    OneVsRestClassifier(Ridge()),
    OutputCodeClassifier(_LINEAR, code_size=4.0, random_state=0),
    RFE(_LINEAR, n_features_to_select=3),
    RFECV(_LINEAR, cv=2),
    StackingClassifier([("l", _LINEAR), ("s", _SVC)], cv=2),
    StackingClassifier([("l", _SCALED), ("f", _FOREST)], cv=2, passthrough=True),
    StackingClassifier([("t", _TREE), ("l", _LINEAR)], stack_method="predict", cv=2),
    VotingClassifier([("l", _LINEAR), ("f", _FOREST)], voting="soft", weights=[2, 1]),
    VotingClassifier([("l", _LINEAR), ("s", _SVC), ("t", _TREE)]),
    VotingClassifier([("l", _LINEAR), ("x", "drop"), ("t", _TREE)], weights=[0.7, 1, 0.6]),
]


@pytest.mark.parametrize("model", CLASSIFIERS, ids=str)
@pytest.mark.parametrize(("n_classes", "kind"), [(2, str), (2, np.int64), (3, str), (4, np.int64)])
def test_a_classifier_answers_the_same(model: Any, n_classes: int, kind: type) -> None:
    x, y = make_classification(
        90, 5, n_informative=4, n_redundant=0, n_classes=n_classes, random_state=0
    )
    y = y.astype(kind)
    if isinstance(model, CalibratedClassifierCV) and isinstance(model.estimator, FrozenEstimator):
        model.estimator.estimator.fit(x, y)
    assert [] == disagreements(model.fit(x, y), _ROWS, most_uncertain=0.5)


@pytest.mark.parametrize(
    "model",
    [
        FixedThresholdClassifier(_LINEAR),
        FixedThresholdClassifier(_LINEAR, threshold=0.8, pos_label="a"),
        FixedThresholdClassifier(_SVC, threshold=0.3),
        FixedThresholdClassifier(_LINEAR, threshold=0.3, response_method="decision_function"),
        TunedThresholdClassifierCV(_SCALED, cv=2),
    ],
    ids=str,
)
def test_a_threshold_decides_the_same(model: Any) -> None:
    x, y = make_classification(90, 5, random_state=0)
    tuned = isinstance(model, TunedThresholdClassifierCV)
    labels = y if tuned else np.array(["a", "b"])[y]
    assert [] == disagreements(model.fit(x, labels), _ROWS)


@pytest.mark.parametrize(
    "model",
    [
        BaggingRegressor(DecisionTreeRegressor(random_state=0), 5, random_state=0),
        BaggingRegressor(Ridge(), 4, max_features=0.5, random_state=0),
        RANSACRegressor(random_state=0),
        StackingRegressor([("r", Ridge()), ("l", LinearRegression())], Ridge(), cv=2),
        TransformedTargetRegressor(Ridge(), transformer=StandardScaler()),
        TransformedTargetRegressor(Ridge(), transformer=MinMaxScaler()),
        TransformedTargetRegressor(Ridge(), func=np.cbrt, inverse_func=np.arctan),
        TransformedTargetRegressor(Ridge(), transformer=FunctionTransformer(), check_inverse=False),
        VotingRegressor(
            [("r", Ridge()), ("t", DecisionTreeRegressor(max_depth=3))], weights=[1, 3]
        ),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:The provided functions.*:UserWarning")
def test_a_regressor_answers_the_same(model: Any) -> None:
    x, y = make_regression(90, 5, noise=3.0, random_state=0)
    assert [] == disagreements(model.fit(x, y), _ROWS)


@pytest.mark.parametrize(
    "model",
    [
        ClassifierChain(_LINEAR, order=[2, 0, 1]),
        ClassifierChain(_LINEAR, chain_method="predict_proba"),
        ClassifierChain(_TREE),
        MultiOutputClassifier(_LINEAR),
        MultiOutputClassifier(_SVC),
        OneVsRestClassifier(_LINEAR),
        OneVsRestClassifier(_TREE),
    ],
    ids=str,
)
def test_several_labels_are_the_same(model: Any) -> None:
    x, y = make_multilabel_classification(90, 5, n_classes=3, random_state=0)
    assert [] == disagreements(model.fit(x, y), _ROWS + 5.0, most_uncertain=0.5)


@pytest.mark.parametrize("model", [MultiOutputRegressor(Ridge()), RegressorChain(Ridge())], ids=str)
def test_several_numbers_are_the_same(model: Any) -> None:
    x, y = make_regression(90, 5, n_targets=3, random_state=0)
    assert [] == disagreements(model.fit(x, y), _ROWS)


def test_self_training_answers_as_its_last_estimator() -> None:
    x, y = make_classification(90, 5, random_state=0)
    y[::3] = -1
    assert [] == disagreements(SelfTrainingClassifier(_LINEAR).fit(x, y), _ROWS)


def test_a_tree_that_reads_the_numbers_of_others_is_not_compiled() -> None:
    x, y = make_classification(90, 5, random_state=0)
    stacking = StackingClassifier([("l", _LINEAR)], DecisionTreeClassifier(), cv=2).fit(x, y)
    with pytest.raises(NotCompiled, match="rounds"):
        compile_estimator(stacking)


def test_a_smooth_isotonic_curve_is_the_same_and_a_steep_one_is_not_compiled() -> None:
    x, y = make_classification(300, 5, flip_y=0.4, random_state=0)
    smooth = CalibratedClassifierCV(_LINEAR, method="isotonic", cv=3).fit(x, y)
    assert [] == disagreements(smooth, _ROWS, most_uncertain=0.9)
    curve = smooth.calibrated_classifiers_[0].calibrators[0]
    curve.X_thresholds_ = np.array([0.0, 1e-9])
    curve.y_thresholds_ = np.array([0.0, 1.0])
    with pytest.raises(NotCompiled, match="jumps"):
        compile_estimator(smooth)
