"""Linear classifiers and outlier detectors: labels and probabilities of linear scores."""

from __future__ import annotations

from collections.abc import Mapping
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
    Scores,
)
from skerry.runtimes.compiled.decisions import OUTLIER_AND_INLIER, by_score, by_sign, by_threshold
from skerry.runtimes.compiled.linear import linear_scores
from skerry.runtimes.compiled.links import expit, logistic, softmax, two_columns


def _classifier(estimator: Any, _: Compile) -> Compiled:
    """Compile what has a decision function and no probabilities."""
    return _of_scores(_scores(estimator), np.asarray(estimator.classes_))


def _of_scores(scores: Scores, classes: Array) -> Compiled:
    if len(classes) > 2:
        return Compiled(
            predict=lambda block: by_score(scores(block), classes), decision_function=scores
        )
    return Compiled(predict=lambda block: by_sign(scores(block), classes), decision_function=scores)


def _ridge(estimator: Any, compiler: Compile) -> Compiled:
    """Source: ``sklearn.linear_model._ridge._RidgeClassifierMixin.predict``."""
    if not estimator._label_binarizer.y_type_.startswith("multilabel"):  # noqa: SLF001 - the only place that says so
        return _classifier(estimator, compiler)
    scores = linear_scores(estimator.coef_, estimator.intercept_)
    return Compiled(
        predict=lambda block: by_threshold(scores(block), 0.0),
        decision_function=scores,
    )


def _logistic(estimator: Any, _: Compile) -> Compiled:
    classes = np.asarray(estimator.classes_)
    scores = _scores(estimator)

    def of_two(block: Block) -> Matrix:
        return logistic(scores(block))

    def of_several(block: Block) -> Matrix:
        return softmax(scores(block))

    def one_vs_rest(block: Block) -> Matrix:
        return _normalized(expit(scores(block)))

    predict_proba = of_two if len(classes) == 2 else of_several
    # Before scikit-learn 1.8, these two were chosen for some solvers or on request.
    way = getattr(estimator, "multi_class", "auto")
    if len(classes) == 2 and way == "multinomial":
        raise NotCompiled("multi_class='multinomial' of two classes has no compiled form")
    if len(classes) > 2 and (way == "ovr" or estimator.solver == "liblinear"):
        predict_proba = one_vs_rest
    return Compiled(predict_proba=predict_proba, decision_function=scores, classes=classes)


def _stochastic(estimator: Any, compiler: Compile) -> Compiled:
    """Source: ``sklearn.linear_model.SGDClassifier.predict_proba``."""
    if estimator.loss not in ("log_loss", "modified_huber"):
        return _classifier(estimator, compiler)
    classes = np.asarray(estimator.classes_)
    scores = _scores(estimator)
    two, is_log = len(classes) == 2, estimator.loss == "log_loss"

    def probabilities(found: NDArray[np.float64]) -> Matrix:
        if two and is_log:
            return logistic(found)
        each = expit(found) if is_log else (np.clip(found, -1.0, 1.0) + 1.0) / 2.0
        return two_columns(each) if two else _normalized(each)

    def both(block: Block) -> tuple[Decision, Matrix]:
        found = scores(block)
        decision = by_sign(found, classes) if two else by_score(found, classes)
        return decision, probabilities(found)

    def predict(block: Block) -> Decision:
        return both(block)[0]

    def predict_proba(block: Block) -> Matrix:
        return probabilities(scores(block))

    if two and is_log:
        return Compiled(predict_proba=predict_proba, decision_function=scores, classes=classes)
    return Compiled(
        predict=predict, predict_proba=predict_proba, both=both, decision_function=scores
    )


def _normalized(each: Matrix) -> Matrix:
    """Return one-vs-rest probabilities that sum to one; all zeros are all equally likely."""
    totals = each.sum(axis=1, keepdims=True)
    nothing = totals[:, 0] == 0
    if nothing.any():
        each[nothing] = 1.0
        totals[nothing] = each.shape[1]
    normalized: Matrix = each / totals
    return normalized


def _outliers(estimator: Any, _: Compile) -> Compiled:
    """Source: ``sklearn.linear_model.SGDOneClassSVM``: its answers are int32."""
    scores = linear_scores(estimator.coef_, -np.asarray(estimator.offset_))
    return _of_scores(scores, OUTLIER_AND_INLIER.astype(np.int32))


def _scores(estimator: Any) -> Scores:
    """Return the decision function of a classifier.

    Raises:
        NotCompiled: it knows one class, or has another number of scores than classes.
    """
    n_classes, n_scores = len(estimator.classes_), len(np.atleast_2d(estimator.coef_))
    if n_classes < 2 or n_scores != (1 if n_classes == 2 else n_classes):
        raise NotCompiled(f"{n_scores} scores of {n_classes} classes have no compiled form")
    return linear_scores(estimator.coef_, estimator.intercept_)


COMPILERS: Mapping[str, Compiler] = {
    "sklearn.discriminant_analysis.LinearDiscriminantAnalysis": _logistic,
    "sklearn.linear_model.LogisticRegression": _logistic,
    "sklearn.linear_model.LogisticRegressionCV": _logistic,
    "sklearn.linear_model.PassiveAggressiveClassifier": _classifier,
    "sklearn.linear_model.Perceptron": _classifier,
    "sklearn.linear_model.RidgeClassifier": _ridge,
    "sklearn.linear_model.RidgeClassifierCV": _ridge,
    "sklearn.linear_model.SGDClassifier": _stochastic,
    "sklearn.linear_model.SGDOneClassSVM": _outliers,
    "sklearn.svm.LinearSVC": _classifier,
}
