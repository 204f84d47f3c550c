"""Neural networks: layers of matrix products with an activation after each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from skerry.runtimes.compiled.base import (
    Block,
    Compile,
    Compiled,
    Compiler,
    Decision,
    Matrix,
    NotCompiled,
    as_matrix,
)
from skerry.runtimes.compiled.decisions import by_threshold
from skerry.runtimes.compiled.links import expit, logistic, softmax

_ZERO = np.zeros(())


def _relu(values: Matrix) -> None:
    np.maximum(values, _ZERO, out=values)


def _tanh(values: Matrix) -> None:
    np.tanh(values, out=values)


def _logistic(values: Matrix) -> None:
    expit(values, out=values)


def _identity(values: Matrix) -> None:
    """Leave them."""


_ACTIVATIONS: Mapping[str, Callable[[Matrix], None]] = {
    "identity": _identity,
    "logistic": _logistic,
    "relu": _relu,
    "tanh": _tanh,
}


def _layers(estimator: Any) -> Callable[[Block], Matrix]:
    """Return what the last layer computes before its own activation: [n_rows, n_outputs]."""
    activate = _ACTIVATIONS.get(estimator.activation)
    if activate is None:
        raise NotCompiled(f"activation={estimator.activation!r} has no compiled form")
    weights = [np.ascontiguousarray(each, dtype=np.float64) for each in estimator.coefs_]
    offsets = [np.array([each], dtype=np.float64) for each in estimator.intercepts_]
    *hidden, (last, last_offset) = zip(weights, offsets, strict=True)

    def forward(block: Block) -> Matrix:
        values: Matrix = as_matrix(block)
        for weight, offset in hidden:
            values = values.dot(weight)
            values += offset
            activate(values)
        values = values.dot(last)
        values += last_offset
        return values

    return forward


def _classifier(estimator: Any, _: Compile) -> Compiled:
    forward, output = _layers(estimator), estimator.out_activation_
    if output == "softmax":
        return Compiled(
            predict_proba=lambda block: softmax(forward(block)),
            classes=np.asarray(estimator.classes_),
        )
    if output != "logistic":
        raise NotCompiled(f"a network that ends in {output} has no compiled form")
    if estimator.n_outputs_ == 1:
        return Compiled(
            predict_proba=lambda block: logistic(forward(block)[:, 0]),
            classes=np.asarray(estimator.classes_),
        )

    def predict_proba(block: Block) -> Matrix:
        values = forward(block)
        _logistic(values)
        return values

    def both(block: Block) -> tuple[Decision, Matrix]:
        probabilities = predict_proba(block)
        return by_threshold(probabilities, 0.5), probabilities

    return Compiled(predict=lambda block: both(block)[0], predict_proba=predict_proba, both=both)


def _regressor(estimator: Any, _: Compile) -> Compiled:
    forward, output = _layers(estimator), estimator.out_activation_
    if output not in ("identity", "exp"):
        raise NotCompiled(f"a network that ends in {output} has no compiled form")

    def predict(block: Block) -> Decision:
        values = forward(block)
        if output == "exp":
            np.exp(values, out=values)
        return Decision(values[:, 0] if values.shape[1] == 1 else values)

    return Compiled(predict=predict)


COMPILERS: Mapping[str, Compiler] = {
    "sklearn.neural_network.MLPClassifier": _classifier,
    "sklearn.neural_network.MLPRegressor": _regressor,
}
