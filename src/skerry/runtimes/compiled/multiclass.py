"""Meta-estimators of one estimator a class, a pair of classes, or an output."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
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
    as_matrix,
    count_rows,
    made_of,
)
from skerry.runtimes.compiled.chains import refuse_jumps
from skerry.runtimes.compiled.decisions import by_score, by_sign, by_threshold, either
from skerry.runtimes.compiled.members import (
    binary_score,
    compiled_all,
    predict_of,
    score_of,
    single_probabilities,
    stacked,
)


def _one_vs_rest(estimator: Any, compile_: Compile) -> Compiled:
    """Source: ``OneVsRestClassifier.predict``; several labels where its targets had several."""
    parts = compiled_all(estimator.estimators_, compile_)
    pairs = [binary_score(*each) for each in zip(estimator.estimators_, parts, strict=True)]
    scores, threshold = [score for score, _ in pairs], pairs[0][1]
    classes, several = np.asarray(estimator.classes_), bool(estimator.multilabel_)
    binary = estimator.label_binarizer_.y_type_ == "binary"

    def predict(block: Block) -> Decision:
        found = stacked(scores, block)
        if binary:
            return by_sign(found[:, 0], classes, threshold)
        return by_threshold(found, threshold) if several else by_score(found, classes)

    has_all = all(part.predict_proba is not None for part in parts)
    asks = [score_of(part, "predict_proba") for part in parts] if has_all else []

    def predict_proba(block: Block) -> Matrix:
        found = stacked(asks, block)
        if binary:
            return np.concatenate([1.0 - found, found], axis=1)
        if several:
            return found
        total = found.sum(axis=1, keepdims=True)
        np.divide(found, total, out=found, where=total != 0)
        return found

    def decision_function(block: Block) -> Array:
        found = stacked(scores, block)
        return found[:, 0] if binary else found

    decides = all(part.decision_function is not None for part in parts)
    return made_of(
        parts,
        predict=predict,
        predict_proba=predict_proba if asks else None,
        decision_function=decision_function if decides else None,
    )


def _one_vs_one(estimator: Any, compile_: Compile) -> Compiled:
    """Source: ``OneVsOneClassifier.decision_function``, ``_ovr_decision_function``."""
    if estimator.pairwise_indices_ is not None:
        raise NotCompiled("pairs of a precomputed kernel have no compiled form")
    parts = compiled_all(estimator.estimators_, compile_)
    predicts = [predict_of(part) for part in parts]
    pairs = [binary_score(*each) for each in zip(estimator.estimators_, parts, strict=True)]
    scores, threshold = [score for score, _ in pairs], pairs[0][1]
    classes = np.asarray(estimator.classes_)
    n_classes = len(classes)
    members = list(combinations(range(n_classes), 2))

    def decided(block: Block) -> tuple[Matrix, NDArray[np.bool_] | None]:
        confidences, uncertain = stacked(scores, block), None
        sums = np.zeros((len(confidences), n_classes))
        votes = np.zeros_like(sums)
        for k, (i, j) in enumerate(members):
            labels, unsure = predicts[k](block)
            uncertain = either(uncertain, unsure)
            sums[:, i] -= confidences[:, k]
            sums[:, j] += confidences[:, k]
            votes[:, i] += labels == 0
            votes[:, j] += labels == 1
        return votes + sums / (3 * (np.abs(sums) + 1)), uncertain

    def predict(block: Block) -> Decision:
        found, unsure = decided(block)
        if n_classes == 2:
            labels, uncertain = by_sign(found[:, 1], classes, threshold)
        else:
            labels, uncertain = by_score(found, classes)
        return Decision(labels, either(unsure, uncertain))

    def decision_function(block: Block) -> Array:
        found, _ = decided(block)
        return found[:, 1] if n_classes == 2 else found

    return made_of(parts, predict=predict, decision_function=decision_function)


def _output_code(estimator: Any, compile_: Compile) -> Compiled:
    """Choose the class whose code is nearest to the scores."""
    parts = compiled_all(estimator.estimators_, compile_)
    pairs = [binary_score(*each) for each in zip(estimator.estimators_, parts, strict=True)]
    scores, classes = [score for score, _ in pairs], np.asarray(estimator.classes_)
    book = np.asarray(estimator.code_book_, dtype=np.float64)
    lengths = (book**2).sum(axis=1)

    def predict(block: Block) -> Decision:
        found = stacked(scores, block)
        # Nearness without the part that is the same for all classes.
        nearness = 2.0 * found.dot(book.T) - lengths
        return by_score(nearness, classes)

    return made_of(parts, predict=predict)


def _several_regressors(estimator: Any, compile_: Compile) -> Compiled:
    parts = compiled_all(estimator.estimators_, compile_)
    predicts = [predict_of(part) for part in parts]

    def predict(block: Block) -> Decision:
        return _joined([ask(block) for ask in predicts])

    return made_of(parts, predict=predict)


def _several_classifiers(estimator: Any, compile_: Compile) -> Compiled:
    parts = compiled_all(estimator.estimators_, compile_)
    predicts = [predict_of(part) for part in parts]
    has_all = all(part.predict_proba is not None for part in parts)
    asks = [single_probabilities(part) for part in parts] if has_all else []

    def predict(block: Block) -> Decision:
        return _joined([ask(block) for ask in predicts])

    def predict_proba(block: Block) -> list[Matrix]:
        return [ask(block) for ask in asks]

    return made_of(parts, predict=predict, predict_proba=predict_proba if asks else None)


def _joined(outputs: list[Decision]) -> Decision:
    uncertain = None
    for each in outputs:
        uncertain = either(uncertain, each.uncertain)
    return Decision(np.asarray([each.labels for each in outputs]).T, uncertain)


def _chain(estimator: Any, compile_: Compile) -> Compiled:
    """Source: ``_BaseChain._get_predictions``: what each says is a column for the next."""
    parts = compiled_all(estimator.estimators_, compile_)
    method = getattr(estimator, "chain_method_", "predict")
    is_classifier = hasattr(estimator, "chain_method_") or hasattr(estimator, "classes_")
    for part in parts[1:]:
        refuse_jumps(part, is_exact=is_classifier and method == "predict")
    predicts = [predict_of(part) for part in parts]
    feature = [None if method == "predict" else score_of(part, method, 1) for part in parts]
    order = np.asarray(estimator.order_)
    places = np.empty_like(order)
    places[order] = np.arange(len(order))

    def run(block: Block, ask: Any) -> tuple[Matrix, NDArray[np.bool_] | None]:
        """Return what ``ask`` finds of each part, or its label where that is None."""
        given, uncertain = as_matrix(block), None
        made = np.empty((len(given), len(parts)))
        for k, predict in enumerate(predicts):
            labels = None
            if ask is None or feature[k] is None:
                labels, unsure = predict(given)
                uncertain = either(uncertain, unsure)
            made[:, k] = labels if ask is None else ask[k](given)
            if k + 1 < len(parts):
                score = feature[k]
                column = labels if score is None else score(given)
                assert column is not None  # noqa: S101 - it is one or the other
                given = np.column_stack([given, column])
        return made[:, places], uncertain

    def predict(block: Block) -> Decision:
        return Decision(*run(block, None))

    has_all = all(part.predict_proba is not None for part in parts) and is_classifier
    asks = [score_of(part, "predict_proba") for part in parts] if has_all else []
    return made_of(
        parts,
        predict=predict,
        predict_proba=(lambda block: run(block, asks)[0]) if asks else None,
    )


def _constant(estimator: Any, _: Compile) -> Compiled:
    """Compile what stands for a classifier where training had one class only."""
    value = np.asarray(estimator.y_).ravel()[:1]
    pair = np.concatenate([1.0 - value, value]).astype(np.float64)
    return Compiled(
        predict=lambda block: Decision(value.repeat(count_rows(block))),
        decision_function=lambda block: value.repeat(count_rows(block)),
        predict_proba=lambda block: pair[None, :].repeat(count_rows(block), axis=0),
    )


COMPILERS: Mapping[str, Compiler] = {
    "sklearn.multiclass._ConstantPredictor": _constant,
    "sklearn.multiclass.OneVsOneClassifier": _one_vs_one,
    "sklearn.multiclass.OneVsRestClassifier": _one_vs_rest,
    "sklearn.multiclass.OutputCodeClassifier": _output_code,
    "sklearn.multioutput.ClassifierChain": _chain,
    "sklearn.multioutput.MultiOutputClassifier": _several_classifiers,
    "sklearn.multioutput.MultiOutputRegressor": _several_regressors,
    "sklearn.multioutput.RegressorChain": _chain,
}
