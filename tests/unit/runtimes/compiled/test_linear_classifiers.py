"""Linear classifiers answer the labels and probabilities of scikit-learn."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn import linear_model
from sklearn.datasets import make_classification, make_multilabel_classification
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.svm import LinearSVC

from tests.agreement import disagreements

LOSSES = (
    "hinge",
    "log_loss",
    "modified_huber",
    "squared_hinge",
    "perceptron",
    "squared_error",
    "huber",
    "epsilon_insensitive",
)
CLASSIFIERS = [
    LinearDiscriminantAnalysis(),
    LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
    LinearSVC(),
    linear_model.LogisticRegression(C=0.1),
    linear_model.LogisticRegressionCV(cv=3, use_legacy_attributes=False, l1_ratios=(0,)),
    linear_model.Perceptron(),
    linear_model.RidgeClassifier(),
    linear_model.RidgeClassifierCV(),
    *(linear_model.SGDClassifier(loss=loss, alpha=1.0, random_state=0) for loss in LOSSES),
    linear_model.SGDClassifier(loss="log_loss", alpha=0.0001, random_state=0),
]


@pytest.mark.parametrize("model", CLASSIFIERS, ids=str)
@pytest.mark.parametrize(
    ("n_classes", "kind"), [(2, bool), (2, str), (2, np.uint8), (3, float), (4, str)]
)
def test_a_classifier_answers_the_same(model: Any, n_classes: int, kind: type) -> None:
    x, y = make_classification(
        90, 5, n_informative=4, n_redundant=0, n_classes=n_classes, random_state=0
    )
    rows = np.random.default_rng(0).normal(size=(60, 5)) * 3
    assert [] == disagreements(_fitted(model, x, y.astype(kind)), rows, most_uncertain=0.5)


@pytest.mark.parametrize(
    "model", [linear_model.RidgeClassifier(), linear_model.RidgeClassifierCV()], ids=str
)
@pytest.mark.parametrize("n_labels", [2, 5])
def test_a_classifier_of_several_labels_answers_the_same(model: Any, n_labels: int) -> None:
    x, y = make_multilabel_classification(80, 6, n_classes=n_labels, random_state=0)
    assert [] == disagreements(model.fit(x, y), np.random.default_rng(0).normal(size=(60, 6)) * 9)


def test_an_outlier_detector_answers_the_same() -> None:
    generator = np.random.default_rng(0)
    model = linear_model.SGDOneClassSVM(nu=0.2, random_state=0).fit(generator.normal(size=(80, 3)))
    assert [] == disagreements(model, generator.normal(size=(60, 3)) * 2)


def _fitted(model: Any, x: Any, y: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(x, y)
