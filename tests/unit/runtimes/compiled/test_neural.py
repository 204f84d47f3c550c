"""Neural networks answer as scikit-learn does."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_classification, make_multilabel_classification
from sklearn.neural_network import MLPClassifier, MLPRegressor

from tests.agreement import disagreements

ROWS = np.random.default_rng(9).normal(size=(60, 5)) * 3
LAYERS = [(), (6,), (7, 5, 3)]


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("layers", LAYERS)
def test_a_network_answers_the_same(activation: str, layers: tuple[int, ...]) -> None:
    options: dict[str, Any] = {
        "hidden_layer_sizes": layers,
        "activation": activation,
        "max_iter": 15,
        "random_state": 0,
    }
    for n_classes in (2, 3):
        x, y = make_classification(
            80, 5, n_informative=4, n_redundant=0, n_classes=n_classes, random_state=0
        )
        assert [] == disagreements(_fitted(MLPClassifier(**options), x, y.astype(str)), ROWS)
    x, labels = make_multilabel_classification(80, 5, n_classes=4, random_state=0)
    assert [] == disagreements(_fitted(MLPClassifier(**options), x, labels), ROWS)
    for target in (x[:, 0], x[:, :2] * 1.5):
        assert [] == disagreements(_fitted(MLPRegressor(**options), x, target), ROWS)


def _fitted(model: Any, x: Any, y: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(x, y)
