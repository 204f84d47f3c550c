"""Meta-estimators that answer with one estimator inside: searches, selections, thresholds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skerry.runtimes.compiled.base import (
    Array,
    Block,
    Compile,
    Compiled,
    Compiler,
    Decision,
    Matrix,
    NotCompiled,
)
from skerry.runtimes.compiled.chains import behind
from skerry.runtimes.compiled.decisions import near
from skerry.runtimes.compiled.members import predict_of, score_of, single_probabilities
from skerry.runtimes.compiled.transformers_choosing import selected
from skerry.runtimes.nested import class_path
from skerry.runtimes.one_call import threshold_of


def _inside(attribute: str) -> Compiler:
    return lambda estimator, compile_: compile_(getattr(estimator, attribute))


def _eliminated(estimator: Any, compile_: Compile) -> Compiled:
    return behind(selected(estimator), compile_(estimator.estimator_))


def _threshold(estimator: Any, compile_: Compile) -> Compiled:
    """Source: ``FixedThresholdClassifier.predict``, ``TunedThresholdClassifierCV.predict``."""
    inside = getattr(estimator, "estimator_", None) or estimator.estimator
    part = compile_(inside)
    method = estimator.response_method
    if method == "auto":
        method = "predict_proba" if hasattr(inside, "predict_proba") else "decision_function"
    classes = np.asarray(estimator.classes_)
    if len(classes) != 2:
        raise NotCompiled("a threshold between more than two classes has no compiled form")
    border, k = threshold_of(estimator, method)
    score = score_of(part, method, k)
    labels = classes[[1 - k, k]]

    def decided(found: NDArray[np.float64]) -> Decision:
        distance = found - border
        return Decision(labels[(distance >= 0).astype(np.intp)], near(distance, found))

    both = None
    if method == "predict_proba":
        probabilities = single_probabilities(part)

        def both(block: Block) -> tuple[Decision, Matrix]:
            found = probabilities(block)
            return decided(found[:, k]), found

    return Compiled(
        predict=lambda block: decided(score(block)),
        predict_proba=part.predict_proba,
        both=both,
        decision_function=part.decision_function,
        has_jumps=part.has_jumps,
        executor=part.executor,
    )


def _transformed_target(estimator: Any, compile_: Compile) -> Compiled:
    """Source: ``TransformedTargetRegressor.predict``."""
    part = compile_(estimator.regressor_)
    predict_inside = predict_of(part)
    back = _inverse(estimator.transformer_)
    flat = estimator._training_dim == 1  # noqa: SLF001 - it is fitted state

    def predict(block: Block) -> Decision:
        found, uncertain = predict_inside(block)
        matrix = back(found[:, None] if found.ndim == 1 else found)
        single = flat and matrix.ndim == 2 and matrix.shape[1] == 1
        labels = matrix[:, 0] if single else matrix
        return Decision(labels, uncertain)

    return Compiled(predict=predict, has_jumps=part.has_jumps, executor=part.executor)


def _inverse(transformer: Any) -> Callable[[Array], Array]:
    name = class_path(transformer)
    if name == "sklearn.preprocessing.StandardScaler":
        scale = transformer.scale_ if transformer.with_std else 1.0
        mean = transformer.mean_ if transformer.with_mean else 0.0
        return lambda matrix: matrix * scale + mean
    if name == "sklearn.preprocessing.FunctionTransformer":
        function = transformer.inverse_func
        if function is None:
            return lambda matrix: matrix
        if isinstance(function, np.ufunc) and not transformer.inv_kw_args:
            return lambda matrix: np.asarray(function(matrix))
    return lambda matrix: np.asarray(transformer.inverse_transform(matrix))


_SEARCHES = ("GridSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV", "RandomizedSearchCV")

COMPILERS: Mapping[str, Compiler] = {
    **{f"sklearn.model_selection.{name}": _inside("best_estimator_") for name in _SEARCHES},
    "sklearn.compose.TransformedTargetRegressor": _transformed_target,
    "sklearn.feature_selection.RFE": _eliminated,
    "sklearn.feature_selection.RFECV": _eliminated,
    "sklearn.frozen.FrozenEstimator": _inside("estimator"),
    "sklearn.linear_model.RANSACRegressor": _inside("estimator_"),
    "sklearn.model_selection.FixedThresholdClassifier": _threshold,
    "sklearn.model_selection.TunedThresholdClassifierCV": _threshold,
    "sklearn.semi_supervised.SelfTrainingClassifier": _inside("estimator_"),
}
