"""AdaBoost: votes of weighted classifiers, the weighted median of regressors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
)
from skerry.runtimes.compiled.links import logistic, softmax
from skerry.runtimes.compiled.tree_walks import leaves_of
from skerry.runtimes.nested import class_path

_TREES = frozenset(
    f"sklearn.tree.{kind}Tree{task}"
    for kind in ("Decision", "Extra")
    for task in ("Classifier", "Regressor")
)
_TIE = 1e-12


def _classifier(estimator: Any, compiler: Compile) -> Compiled:
    """Source: ``sklearn.ensemble.AdaBoostClassifier.decision_function``."""
    classes = np.asarray(estimator.classes_)
    n_classes, parts = len(classes), estimator.estimators_
    if n_classes < 2 or getattr(estimator, "algorithm", "SAMME") == "SAMME.R":
        raise NotCompiled("AdaBoost of one class, or by SAMME.R, has no compiled form")
    weights = np.asarray(estimator.estimator_weights_[: len(parts)], dtype=np.float64)
    shares = weights / estimator.estimator_weights_.sum()
    votes = _tree_votes if _are_trees(parts) else _votes
    scores, has_jumps = votes(parts, shares, classes, compiler)
    # Of two classes the scores are opposite, and half their difference is what counts.

    def decision_function(block: Block) -> Array:
        found = scores(block)
        return found[:, 1] - found[:, 0] if n_classes == 2 else found

    def predict_proba(block: Block) -> Matrix:
        found = decision_function(block)
        return logistic(found) if n_classes == 2 else softmax(found / (n_classes - 1))

    return Compiled(
        predict_proba=predict_proba,
        decision_function=decision_function,
        classes=classes,
        has_jumps=has_jumps,
    )


Votes = tuple[Callable[[Block], Matrix], bool]
"""Scores [n_rows, n_classes] of rows, and whether they jump."""


def _tree_votes(parts: Sequence[Any], shares: Array, classes: Array, _: Compile) -> Votes:
    """Let each leaf hold the votes that it stands for."""
    by_leaf = np.concatenate(
        [
            _shared(part.classes_[part.tree_.value[:, 0, :].argmax(axis=1)], classes, share)
            for part, share in zip(parts, shares, strict=True)
        ]
    )
    leaves = leaves_of([part.tree_ for part in parts])
    return lambda block: by_leaf[leaves(as_matrix(block))].sum(axis=1), True


def _votes(parts: Sequence[Any], shares: Array, classes: Array, compiler: Compile) -> Votes:
    each = [compiler(part) for part in parts]
    predicts = [_predict_of(part) for part in each]

    def scores(block: Block) -> Matrix:
        total = np.zeros(())
        for predict, share in zip(predicts, shares.tolist(), strict=True):
            labels, uncertain = predict(block)
            votes = _shared(labels, classes, share)
            if uncertain is not None:
                votes[uncertain] = np.nan
            total = total + votes
        return total

    return scores, any(part.has_jumps for part in each)


def _predict_of(part: Compiled) -> Callable[[Block], Decision]:
    if part.predict is not None:
        return part.predict
    raise NotCompiled("a vote of probabilities has no compiled form")


def _shared(labels: Array, classes: Array, share: float) -> Matrix:
    """Return [n, n_classes]: the share for the label, and against all others."""
    return np.where(labels[:, None] == classes, share, -share / (len(classes) - 1))


def _regressor(estimator: Any, compiler: Compile) -> Compiled:
    """Source: ``sklearn.ensemble.AdaBoostRegressor._get_median_predict``."""
    parts = estimator.estimators_
    weights = np.asarray(estimator.estimator_weights_[: len(parts)], dtype=np.float64)
    answers, has_jumps = _answers(parts, compiler)

    def predict(block: Block) -> Decision:
        found = answers(as_matrix(block))
        if len(found) == 1:
            number, is_sure = _median(found[0], weights)
            return Decision(np.array([number]), None if is_sure else np.ones(1, dtype=np.bool_))
        each = [_median(row, weights) for row in found]
        sure = [s for _, s in each]
        uncertain = None if all(sure) else ~np.array(sure)
        return Decision(np.array([number for number, _ in each]), uncertain)

    return Compiled(predict=predict, has_jumps=has_jumps)


def _answers(
    parts: Sequence[Any], compiler: Compile
) -> tuple[Callable[[Matrix], NDArray[np.float64]], bool]:
    if _are_trees(parts):
        values = np.concatenate([part.tree_.value[:, 0, 0] for part in parts])
        leaves = leaves_of([part.tree_ for part in parts])
        return lambda rows: values.take(leaves(rows)), True
    each = [compiler(part) for part in parts]
    predicts = [_predict_of(part) for part in each]
    return (
        lambda rows: np.column_stack([_certain(predict(rows)) for predict in predicts]),
        any(part.has_jumps for part in each),
    )


def _certain(decision: Decision) -> Array:
    labels, uncertain = decision
    return labels if uncertain is None else np.where(uncertain, np.nan, labels)


def _median(answers: NDArray[np.float64], weights: Array) -> tuple[float, bool]:
    """Return the weighted median, and whether rounding had no part in it."""
    order = answers.argsort()
    sums = weights.take(order).cumsum()
    total = sums[-1].item()
    at = int(sums.searchsorted(0.5 * total))
    number = answers[order[at]].item()
    close = min(abs(sums[at].item() - 0.5 * total), abs(sums[max(at - 1, 0)].item() - 0.5 * total))
    return number, close > _TIE * total and not np.isnan(answers).any()


def _are_trees(parts: Sequence[Any]) -> bool:
    return all(class_path(part) in _TREES and part.n_outputs_ == 1 for part in parts)


COMPILERS: Mapping[str, Compiler] = {
    "sklearn.ensemble.AdaBoostClassifier": _classifier,
    "sklearn.ensemble.AdaBoostRegressor": _regressor,
}
