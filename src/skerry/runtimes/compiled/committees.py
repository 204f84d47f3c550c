"""Meta-estimators that ask several estimators the same: voting, bagging, stacking, calibration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from skerry.runtimes.compiled.base import (
    Array,
    Block,
    Compile,
    Compiled,
    Compiler,
    Decision,
    Matrix,
    NotCompiled,
    as_matrix,
    count_rows,
    made_of,
)
from skerry.runtimes.compiled.chains import refuse_jumps
from skerry.runtimes.compiled.decisions import either
from skerry.runtimes.compiled.members import (
    compiled_all,
    predict_of,
    score_of,
    single_probabilities,
    stacked,
)

_STEEPEST = 1e4
"""An isotonic curve that is steeper makes of a last bit more than the tolerance."""


def _weights(estimator: Any) -> NDArray[np.float64] | None:
    weights = estimator._weights_not_none  # noqa: SLF001 - those of the estimators that were kept
    return None if weights is None else np.asarray(weights, dtype=np.float64)


def _voting_regressor(estimator: Any, compile_: Compile) -> Compiled:
    parts = compiled_all(estimator.estimators_, compile_)
    predicts = [predict_of(part) for part in parts]
    scores = [lambda block, p=p: p(block).labels for p in predicts]
    weights = _weights(estimator)
    n = len(parts)
    shares = np.full(n, 1.0 / n) if weights is None else weights / weights.sum()
    return made_of(parts, predict=lambda block: Decision(stacked(scores, block).dot(shares)))


def _voting_classifier(estimator: Any, compile_: Compile) -> Compiled:
    """Source: ``VotingClassifier``; its members predict places in ``classes_``."""
    parts = compiled_all(estimator.estimators_, compile_)
    classes, weights = np.asarray(estimator.classes_), _weights(estimator)
    counts = np.ones(len(parts)) if weights is None else weights
    if estimator.voting == "soft":
        asks = [single_probabilities(part) for part in parts]
        shares = (counts / counts.sum()).tolist()

        def predict_proba(block: Block) -> Matrix:
            total: Matrix = asks[0](block) * shares[0]
            for ask, share in zip(asks[1:], shares[1:], strict=True):
                total += ask(block) * share
            return total

        return made_of(parts, predict_proba=predict_proba, classes=classes)
    predicts, n_classes = [predict_of(part) for part in parts], len(classes)

    def predict(block: Block) -> Decision:
        uncertain = None
        rows = np.arange(count_rows(block))
        votes = np.zeros((len(rows), n_classes))
        for ask, weight in zip(predicts, counts.tolist(), strict=True):
            labels, unsure = ask(block)
            uncertain = either(uncertain, unsure)
            votes[rows, labels] += weight
        return Decision(classes[votes.argmax(axis=1)], uncertain)

    return made_of(parts, predict=predict)


def _bagging_classifier(estimator: Any, compile_: Compile) -> Compiled:
    """Source: ``_parallel_predict_proba`` of ``sklearn.ensemble._bagging``."""
    parts = compiled_all(estimator.estimators_, compile_)
    asks = [single_probabilities(part) for part in parts]
    selections = _selections(estimator)
    n_classes = len(estimator.classes_)
    places: list[Any] = []
    for member in estimator.estimators_:
        known = np.asarray(member.classes_)
        places.append(None if len(known) == n_classes else known.astype(np.intp))

    def predict_proba(block: Block) -> Matrix:
        matrix = as_matrix(block)
        total = np.zeros((len(matrix), n_classes))
        for ask, selection, place in zip(asks, selections, places, strict=True):
            found = ask(matrix if selection is None else matrix[:, selection])
            if place is None:
                total += found
            else:
                total[:, place] += found
        total /= len(asks)
        return total

    return made_of(parts, predict_proba=predict_proba, classes=np.asarray(estimator.classes_))


def _bagging_regressor(estimator: Any, compile_: Compile) -> Compiled:
    parts = compiled_all(estimator.estimators_, compile_)
    members = list(zip([predict_of(part) for part in parts], _selections(estimator), strict=True))

    def predict(block: Block) -> Decision:
        matrix = as_matrix(block)
        total: Any = 0.0
        for ask, selection in members:
            total = total + ask(matrix if selection is None else matrix[:, selection]).labels
        return Decision(total / len(members))

    return made_of(parts, predict=predict)


def _selections(estimator: Any) -> list[NDArray[np.intp] | None]:
    """Return which columns each member sees, None for all as they are."""
    every = np.arange(estimator.n_features_in_)
    return [
        None if np.array_equal(each, every) else np.asarray(each)
        for each in estimator.estimators_features_
    ]


def _stacking(estimator: Any, compile_: Compile) -> Compiled:
    """Source: ``_BaseStacking._concatenate_predictions``: scores, then the row itself."""
    parts = compiled_all(estimator.estimators_, compile_)
    final = compile_(estimator.final_estimator_)
    refuse_jumps(final, is_exact=False)
    classes = getattr(estimator, "classes_", None)
    if isinstance(classes, list) or len(estimator.stack_method_) != len(parts):
        raise NotCompiled("stacking of several labels has no compiled form")
    binary = classes is not None and len(classes) == 2
    asks = [
        _stacked_part(part, method, binary=binary)
        for part, method in zip(parts, estimator.stack_method_, strict=True)
    ]
    passthrough = bool(estimator.passthrough)

    def between(block: Block) -> tuple[Matrix, NDArray[np.bool_] | None]:
        columns, uncertain = [], None
        for ask in asks:
            found, unsure = ask(block)
            columns.append(found if found.ndim == 2 else found[:, None])
            uncertain = either(uncertain, unsure)
        if passthrough:
            columns.append(as_matrix(block))
        return np.concatenate(columns, axis=1, dtype=np.float64), uncertain

    all_parts = [*parts, final]
    decide = "predict" in estimator.stack_method_ and classes is not None
    if final.classes is not None and classes is not None and not decide:
        ask_final = single_probabilities(final)
        return made_of(
            all_parts,
            predict_proba=lambda block: ask_final(between(block)[0]),
            classes=np.asarray(classes),
        )
    predict_final = predict_of(final)
    names = None if classes is None else np.asarray(classes)

    def predict(block: Block) -> Decision:
        given, unsure = between(block)
        labels, uncertain = predict_final(given)
        return Decision(
            labels if names is None else names[labels.astype(np.intp)], either(unsure, uncertain)
        )

    probabilities = final.predict_proba
    return made_of(
        all_parts,
        predict=predict,
        predict_proba=None
        if probabilities is None
        else lambda block: probabilities(between(block)[0]),
    )


def _stacked_part(
    part: Compiled, method: str, *, binary: bool
) -> Callable[[Block], tuple[Array, NDArray[np.bool_] | None]]:
    if method == "predict":
        predict = predict_of(part)
        return lambda block: predict(block)
    if method == "predict_proba":
        ask = single_probabilities(part)
        return lambda block: (ask(block)[:, 1:] if binary else ask(block), None)
    decide = part.decision_function
    if decide is None or method != "decision_function":
        raise NotCompiled(f"{method} has no compiled form")
    return lambda block: (decide(block), None)


def _calibrated(estimator: Any, compile_: Compile) -> Compiled:
    """Source: ``_CalibratedClassifier.predict_proba``, and its mean over all of them."""
    classes = np.asarray(estimator.classes_)
    members = estimator.calibrated_classifiers_
    parts = [compile_(member.estimator) for member in members]
    asks = [_calibrated_one(*each, classes) for each in zip(members, parts, strict=True)]

    def predict_proba(block: Block) -> Matrix:
        total = asks[0](block)
        for ask in asks[1:]:
            total = total + ask(block)
        return total / len(asks)

    return made_of(parts, predict_proba=predict_proba, classes=classes)


def _calibrated_one(member: Any, part: Compiled, classes: Array) -> Callable[[Block], Matrix]:
    if member.method not in ("sigmoid", "isotonic"):
        raise NotCompiled(f"calibration by {member.method} has no compiled form")
    curves = [_curve(each) for each in member.calibrators]
    n_classes, binary = len(classes), len(classes) == 2
    places = np.searchsorted(classes, np.asarray(member.estimator.classes_)).tolist()
    by_score = hasattr(member.estimator, "decision_function")
    method = "decision_function" if by_score else "predict_proba"
    if binary:
        score = score_of(part, method)

        def of_two(block: Block) -> Matrix:
            second = _just_one(curves[0](score(block)))
            return np.stack([1.0 - second, second], axis=1)

        return of_two
    ask = part.decision_function if by_score else single_probabilities(part)
    if ask is None or len(curves) != len(places):
        raise NotCompiled("calibration of fewer classes than there are has no compiled form")

    def of_several(block: Block) -> Matrix:
        scores = ask(block)
        made = np.zeros((len(scores), n_classes))
        for k, curve in enumerate(curves):
            made[:, places[k]] = curve(scores[:, k])
        total = made.sum(axis=1, keepdims=True)
        return _just_one(
            np.divide(made, total, out=np.full_like(made, 1 / n_classes), where=total != 0)
        )

    return of_several


def _just_one(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    over = (probabilities > 1.0) & (probabilities <= 1.0 + 1e-5)
    return np.where(over, 1.0, probabilities)


def _curve(calibrator: Any) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    if hasattr(calibrator, "a_"):
        a, b = float(calibrator.a_), float(calibrator.b_)
        return lambda scores: expit(-(a * scores + b))
    x = np.asarray(calibrator.X_thresholds_, dtype=np.float64)
    y = np.asarray(calibrator.y_thresholds_, dtype=np.float64)
    steep = len(x) > 1 and np.max(np.abs(np.diff(y)) / np.diff(x)) > _STEEPEST
    if steep or calibrator.out_of_bounds != "clip":
        raise NotCompiled("an isotonic curve that jumps has no compiled form")
    return lambda scores: np.where(np.isnan(scores), np.nan, np.interp(scores, x, y))


COMPILERS: Mapping[str, Compiler] = {
    "sklearn.calibration.CalibratedClassifierCV": _calibrated,
    "sklearn.ensemble.BaggingClassifier": _bagging_classifier,
    "sklearn.ensemble.BaggingRegressor": _bagging_regressor,
    "sklearn.ensemble.StackingClassifier": _stacking,
    "sklearn.ensemble.StackingRegressor": _stacking,
    "sklearn.ensemble.VotingClassifier": _voting_classifier,
    "sklearn.ensemble.VotingRegressor": _voting_regressor,
}
