"""What a prepared model is spared on every call, each proved or known not to change an answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from skerry.core.rows import Predictions
from skerry.core.signature import DType
from skerry.runtimes.model_input import Form, ModelInput
from skerry.runtimes.nested import is_scikit_learn, nested_estimators

_MAY_OVERFLOW = frozenset(
    {"FunctionTransformer", "PolynomialFeatures", "PowerTransformer", "SplineTransformer"}
)
_READS_NAMES = frozenset({"ColumnTransformer", "FunctionTransformer"})


def skips_finite_checks(model: object) -> bool:
    """Tell whether rows of moderate numbers can't overflow inside the model.

    A step that raises to powers, or one that is not scikit-learn's, keeps every check.
    """
    return all(
        is_scikit_learn(estimator) and type(estimator).__name__ not in _MAY_OVERFLOW
        for estimator in _estimators(model)
    )


def as_matrix(
    model: object, model_input: ModelInput, answer: Callable[[ModelInput], Predictions]
) -> ModelInput:
    """Return an input of plain arrays in place of data frames, where the model needs no names.

    scikit-learn warns of arrays where it was fitted on names, so the names are taken out of it;
    they are put back if any answer changes.
    """
    if model_input.form is not Form.FRAME or not _could_be_matrix(model, model_input):
        return model_input
    expected = answer(model_input)
    named = [e for e in _estimators(model) if "feature_names_in_" in vars(e)]
    names = [vars(e).pop("feature_names_in_") for e in named]
    plain = replace(model_input, form=Form.MATRIX)
    try:
        if same_predictions(answer(plain), expected):
            return plain
    except Exception:  # noqa: BLE001, S110 - it does need the frame
        pass
    for estimator, value in zip(named, names, strict=True):
        vars(estimator)["feature_names_in_"] = value
    return model_input


def same_predictions(a: Predictions, b: Predictions) -> bool:
    """Tell whether two answers are equal bit for bit, NaN being equal to itself."""
    return same_labels(a.labels, b.labels) and all(
        np.array_equal(x, y, equal_nan=True)
        for x, y in zip(a.probabilities or (), b.probabilities or (), strict=True)
    )


def same_labels(a: Any, b: Any) -> bool:
    """Tell whether two label arrays are equal in type, shape and values."""
    return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def _could_be_matrix(model: object, model_input: ModelInput) -> bool:
    if any(f.dtype is DType.STRING or not f.used for f in model_input.features):
        return False
    return all(
        is_scikit_learn(estimator)
        and type(estimator).__name__ not in _READS_NAMES
        and "_sklearn_output_config" not in vars(estimator)
        for estimator in _estimators(model)
    )


def _estimators(model: object) -> list[object]:
    return [e for e in nested_estimators(model) if hasattr(e, "get_params")]
