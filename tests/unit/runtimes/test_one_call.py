"""Labels follow from probabilities only where scikit-learn's own code says so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_classification, make_multilabel_classification
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier

from skerry.runtimes.answers import as_labels, shape_of, split_probabilities
from skerry.runtimes.one_call import label_rule

_ROWS = np.random.default_rng(0).normal(size=(50, 5)) * 3
_X, _Y = make_classification(90, 5, n_informative=4, n_redundant=0, n_classes=3, random_state=0)
_SEVERAL = make_multilabel_classification(90, 5, n_classes=3, random_state=0)[1]
_LINEAR = LogisticRegression(max_iter=500)


@pytest.mark.parametrize(
    ("model", "y"),
    [
        (_LINEAR, _Y),
        (DummyClassifier(strategy="prior"), _Y),
        (DummyClassifier(strategy="constant", constant=2), _Y),
        (GaussianMixture(3, random_state=0), None),
        (BayesianGaussianMixture(n_components=2, random_state=0), None),
        (GaussianProcessClassifier(), _Y),
        (FixedThresholdClassifier(_LINEAR, threshold=0.7), _Y > 0),
        (FixedThresholdClassifier(_LINEAR, threshold=0.2, pos_label="False"), (_Y > 0).astype(str)),
        (RandomForestClassifier(5, random_state=0), _SEVERAL),
        (KNeighborsClassifier(), _SEVERAL),
        (MultiOutputClassifier(_LINEAR), np.array(["no", "yes"])[_SEVERAL]),
        (MLPClassifier((4,), max_iter=500, random_state=0), _SEVERAL),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_labels_are_those_of_predict(model: Any, y: Any) -> None:
    model.fit(_X) if y is None else model.fit(_X, y)
    expected = as_labels(model.predict(_ROWS))
    probabilities = model.predict_proba(_ROWS)
    shape = shape_of(expected, probabilities)
    rule = label_rule(model, shape, expected)
    assert rule is not None
    labels, uncertain = rule(split_probabilities(shape, probabilities))
    sure = slice(None) if uncertain is None else ~uncertain
    assert labels.dtype == expected.dtype
    assert labels[sure].tolist() == expected[sure].tolist()


@pytest.mark.parametrize(
    ("model", "y"),
    [
        (DummyClassifier(strategy="stratified"), _Y),
        (GaussianProcessClassifier(), _Y > 0),
        (FixedThresholdClassifier(_LINEAR, response_method="decision_function"), _Y > 0),
        (ClassifierChain(_LINEAR), _SEVERAL),
        (MultiOutputClassifier(DummyClassifier(strategy="uniform")), _SEVERAL),
    ],
    ids=str,
)
def test_others_are_asked_for_both(model: Any, y: Any) -> None:
    labels = as_labels(model.fit(_X, y).predict(_ROWS))
    shape = shape_of(labels, model.predict_proba(_ROWS))
    assert label_rule(model, shape, labels) is None


def test_a_tie_is_left_to_predict() -> None:
    model = FixedThresholdClassifier(_LINEAR).fit(_X, _Y > 0)
    labels = as_labels(model.predict(_ROWS))
    rule = label_rule(model, shape_of(labels, model.predict_proba(_ROWS)), labels)
    assert rule is not None
    _, uncertain = rule((np.array([[0.5, 0.5], [0.1, 0.9]]),))
    assert uncertain is not None
    assert uncertain.tolist() == [True, False]
