"""Normal distributions: mixtures of them, discriminant analysis by them, distance from one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import digamma

from skerry.runtimes.compiled.base import (
    Array,
    Block,
    Compile,
    Compiled,
    Compiler,
    Decision,
    NotCompiled,
)
from skerry.runtimes.compiled.decisions import OUTLIER_AND_INLIER, by_sign
from skerry.runtimes.compiled.quadratic import (
    Squares,
    probabilities_of,
    rotated_squares,
    scaled_squares,
)


def _discriminant(estimator: Any, _: Compile) -> Compiled:
    """Source: ``sklearn.discriminant_analysis.QuadraticDiscriminantAnalysis``."""
    spreads = [np.asarray(s, dtype=np.float64) for s in estimator.scalings_]
    factors = [r * s**-0.5 for r, s in zip(estimator.rotations_, spreads, strict=True)]
    if len({f.shape for f in factors}) != 1:
        raise NotCompiled("classes of different rank have no compiled form")
    constants = np.log(estimator.priors_) - 0.5 * np.array([np.log(s).sum() for s in spreads])
    # Half of the square belongs to the density.
    squares = rotated_squares(estimator.means_, np.stack(factors) * np.sqrt(0.5))
    return _posterior(squares, constants, np.asarray(estimator.classes_))


def _mixture(estimator: Any, _: Compile) -> Compiled:
    """Source: ``sklearn.mixture._gaussian_mixture._estimate_log_gaussian_prob``."""
    return _of_components(estimator, np.log(estimator.weights_))


def _bayesian_mixture(estimator: Any, _: Compile) -> Compiled:
    """Source: ``sklearn.mixture.BayesianGaussianMixture._estimate_log_prob``."""
    n_features = estimator.means_.shape[1]
    freedom = np.asarray(estimator.degrees_of_freedom_, dtype=np.float64)
    steps = np.arange(n_features)[:, None]
    log_lambda = n_features * np.log(2.0) + digamma(0.5 * (freedom - steps)).sum(axis=0)
    more = 0.5 * (log_lambda - n_features / estimator.mean_precision_)
    return _of_components(
        estimator, _log_weights(estimator) + more - 0.5 * n_features * np.log(freedom)
    )


def _log_weights(estimator: Any) -> Array:
    concentration = estimator.weight_concentration_
    if estimator.weight_concentration_prior_type != "dirichlet_process":
        return np.asarray(digamma(concentration) - digamma(np.sum(concentration)))
    a, b = concentration
    both = digamma(a + b)
    before = np.hstack((0.0, np.cumsum(digamma(b) - both)[:-1]))
    return np.asarray(digamma(a) - both + before)


def _of_components(estimator: Any, constants: Array) -> Compiled:
    means = np.asarray(estimator.means_, dtype=np.float64)
    factors = np.asarray(estimator.precisions_cholesky_, dtype=np.float64)
    n_components, n_features = means.shape
    kind, half = estimator.covariance_type, np.sqrt(0.5)
    if kind in ("full", "tied"):
        each = np.broadcast_to(factors, (n_components, n_features, n_features))
        log_det = np.log(np.diagonal(each, axis1=1, axis2=2)).sum(axis=1)
        squares = rotated_squares(means, each * half)
    elif kind in ("diag", "spherical"):
        scales = factors if kind == "diag" else np.repeat(factors[:, None], n_features, axis=1)
        log_det = np.log(scales).sum(axis=1)
        squares = scaled_squares(means, scales * half)
    else:
        raise NotCompiled(f"a mixture with covariance_type={kind!r} has no compiled form")
    constants = constants + log_det - 0.5 * n_features * np.log(2.0 * np.pi)
    return _posterior(squares, constants, np.arange(n_components))


def _posterior(squares: Squares, constants: Array, classes: Array) -> Compiled:
    return Compiled(predict_proba=probabilities_of(squares, constants), classes=classes)


def _envelope(estimator: Any, _: Compile) -> Compiled:
    """Source: ``sklearn.covariance.EllipticEnvelope``: Mahalanobis distances, squared."""
    precision = np.asarray(estimator.get_precision(), dtype=np.float64)
    center, offset = np.asarray(estimator.location_), float(estimator.offset_)
    values, vectors = np.linalg.eigh(precision)
    if values.min() < 0.0:
        raise NotCompiled("a covariance that is not positive has no compiled form")
    squares = rotated_squares(center[None], (vectors * np.sqrt(values))[None])

    def decision_function(block: Block) -> Array:
        return -squares(block)[:, 0] - offset

    def predict(block: Block) -> Decision:
        return by_sign(decision_function(block), OUTLIER_AND_INLIER)

    return Compiled(predict=predict, decision_function=decision_function)


COMPILERS: Mapping[str, Compiler] = {
    "sklearn.covariance.EllipticEnvelope": _envelope,
    "sklearn.discriminant_analysis.QuadraticDiscriminantAnalysis": _discriminant,
    "sklearn.mixture.BayesianGaussianMixture": _bayesian_mixture,
    "sklearn.mixture.GaussianMixture": _mixture,
}
