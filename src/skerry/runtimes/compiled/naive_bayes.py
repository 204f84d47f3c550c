"""Naive Bayes: log densities of each class, and the posterior of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from skerry.runtimes.compiled.base import (
    Block,
    Compile,
    Compiled,
    Compiler,
    Matrix,
    NotCompiled,
    as_matrix,
)
from skerry.runtimes.compiled.linear import linear_scores
from skerry.runtimes.compiled.links import posterior
from skerry.runtimes.compiled.quadratic import scaled_squares

Joint = Callable[[Block], Matrix]


def _compiled(estimator: Any, joint: Joint, *, has_jumps: bool = False) -> Compiled:
    return Compiled(
        predict_proba=lambda block: posterior(joint(block)),
        classes=_classes(estimator),
        has_jumps=has_jumps,
    )


def _classes(estimator: Any) -> Any:
    classes = np.asarray(estimator.classes_)
    if len(classes) < 2:
        raise NotCompiled("naive Bayes of one class has no compiled form")
    return classes


def _gaussian(estimator: Any, _: Compile) -> Compiled:
    variances = np.asarray(estimator.var_, dtype=np.float64)
    constants = np.log(estimator.class_prior_) - 0.5 * np.log(2.0 * np.pi * variances).sum(axis=1)
    # Half of the square belongs to the density.
    squares = scaled_squares(estimator.theta_, np.sqrt(0.5 / variances))
    constants = constants[None]

    def joint(block: Block) -> Matrix:
        found = squares(block)
        np.subtract(constants, found, out=found)
        return found

    return _compiled(estimator, joint)


def _multinomial(estimator: Any, _: Compile) -> Compiled:
    _classes(estimator)
    return _compiled(
        estimator, linear_scores(estimator.feature_log_prob_, estimator.class_log_prior_)
    )


def _complement(estimator: Any, _: Compile) -> Compiled:
    _classes(estimator)
    weights = np.asarray(estimator.feature_log_prob_)
    return _compiled(estimator, linear_scores(weights, np.zeros(len(weights))))


def _bernoulli(estimator: Any, _: Compile) -> Compiled:
    """Source: ``sklearn.naive_bayes.BernoulliNB._joint_log_likelihood``."""
    _classes(estimator)
    present = np.asarray(estimator.feature_log_prob_)
    absent = np.log(1.0 - np.exp(present))
    scores = linear_scores(present - absent, estimator.class_log_prior_ + absent.sum(axis=1))
    if estimator.binarize is None:
        return _compiled(estimator, scores)
    threshold = float(estimator.binarize)

    def joint(block: Block) -> Matrix:
        return scores((as_matrix(block) > threshold).astype(np.float64))

    return _compiled(estimator, joint, has_jumps=True)


def _categorical(estimator: Any, _: Compile) -> Compiled:
    """Source: ``sklearn.naive_bayes.CategoricalNB``: numbers are cut to integers."""
    classes = _classes(estimator)
    tables = [np.ascontiguousarray(table.T) for table in estimator.feature_log_prob_]
    prior = np.asarray(estimator.class_log_prior_, dtype=np.float64)
    sizes = np.array([len(table) for table in tables])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    stacked = np.concatenate(tables)
    of_code: list[list[list[float]]] = [table.tolist() for table in tables]
    priors, nothing = prior.tolist(), np.full((1, len(classes)), np.nan)

    def joint_of_one(row: list[float]) -> Matrix:
        known = [priors]
        for table, value in zip(of_code, row, strict=True):
            if not -1.0 < value < len(table):
                return nothing
            known.append(table[int(value)])
        return np.array([[sum(each) for each in zip(*known, strict=True)]])

    def joint(block: Block) -> Matrix:
        """Return NaN for rows with a category that is none: scikit-learn refuses them."""
        matrix = as_matrix(block)
        if len(matrix) == 1:
            return joint_of_one(matrix.tolist()[0])
        codes = matrix.astype(np.int64)
        strange = ((codes < 0) | (codes >= sizes)).any(axis=1)
        if strange.any():
            codes[strange] = 0
        found: Matrix = stacked[codes + starts].sum(axis=1) + prior
        if strange.any():
            found[strange] = np.nan
        return found

    return _compiled(estimator, joint, has_jumps=True)


COMPILERS: Mapping[str, Compiler] = {
    "sklearn.naive_bayes.BernoulliNB": _bernoulli,
    "sklearn.naive_bayes.CategoricalNB": _categorical,
    "sklearn.naive_bayes.ComplementNB": _complement,
    "sklearn.naive_bayes.GaussianNB": _gaussian,
    "sklearn.naive_bayes.MultinomialNB": _multinomial,
}
