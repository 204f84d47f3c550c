"""Kernel ridge regression, Gaussian processes and label propagation: sums of kernels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

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
from skerry.runtimes.compiled.decisions import by_sign
from skerry.runtimes.compiled.gaussian_kernels import covariance
from skerry.runtimes.compiled.kernels import (
    Kernel,
    kernel_of,
    require_close,
    require_well_conditioned,
)
from skerry.runtimes.compiled.links import two_columns

_UNDERFLOW = 1e-280
# Source: Williams & Barber, "Bayesian Classification with Gaussian Processes", Appendix A.
_LAMBDAS = np.array([0.41, 0.4, 0.37, 0.44, 0.39])[:, None]
_COEFS = np.array([-1854.8214151, 3516.89893646, 221.29346712, 128.12323805, -2010.49422654])

_APPROXIMATION = list(zip(_COEFS.tolist(), _LAMBDAS[:, 0].tolist(), strict=True))


def _ridge(estimator: Any, _: Compile) -> Compiled:
    points, weights = np.asarray(estimator.X_fit_), np.asarray(estimator.dual_coef_)
    name, gamma = estimator.kernel, estimator.gamma
    if name not in ("linear", "rbf", "laplacian"):
        raise NotCompiled(f"kernel ridge with the kernel {name} has no compiled form")
    if name == "linear":
        coef = points.T @ weights
        require_close(points @ coef, (points @ points.T) @ weights)
        return Compiled(predict=lambda block: Decision(as_matrix(block).dot(coef)))
    require_well_conditioned(weights)
    kernel = kernel_of(name, points, 1.0 / points.shape[1] if gamma is None else gamma, 0.0, 0.0)
    return Compiled(predict=lambda block: Decision(kernel(as_matrix(block)).dot(weights)))


def _process(estimator: Any, _: Compile) -> Compiled:
    """Source: ``sklearn.gaussian_process.GaussianProcessRegressor.predict``."""
    kernel, variance = covariance(estimator.kernel_, estimator.X_train_)
    weights = np.asarray(estimator.alpha_ * estimator._y_train_std)  # noqa: SLF001 - has no public name
    if weights.ndim == 2 and weights.shape[1] == 1:
        weights = weights[:, 0]
    require_well_conditioned(weights, variance)
    mean = np.asarray(estimator._y_train_mean)  # noqa: SLF001 - has no public name
    mean = mean.ravel()[0] if weights.ndim == 1 else mean
    return Compiled(predict=lambda block: Decision(kernel(as_matrix(block)).dot(weights) + mean))


def _process_classifier(estimator: Any, _: Compile) -> Compiled:
    """Source: ``sklearn.gaussian_process.GaussianProcessClassifier``."""
    classes = np.asarray(estimator.classes_)
    if len(classes) == 2:
        return _of_two_classes(estimator.base_estimator_, classes)
    if estimator.multi_class != "one_vs_rest":
        raise NotCompiled("one-vs-one Gaussian processes have no compiled form")
    latents = [_Latent(each) for each in estimator.base_estimator_.estimators_]
    if len(latents) != len(classes):
        raise NotCompiled("a class without a process of its own has no compiled form")

    def predict_proba(block: Block) -> Matrix:
        rows = as_matrix(block)
        if len(rows) == 1:
            alone = [latent.probability_of_one(latent.kernel(rows)) for latent in latents]
            total = sum(alone)
            return np.array([[probability / total for probability in alone]])
        each = np.column_stack([latent.probability(latent.kernel(rows)) for latent in latents])
        each /= each.sum(axis=1, keepdims=True)
        return each

    return Compiled(predict_proba=predict_proba, classes=classes)


def _of_two_classes(binary: Any, classes: Array) -> Compiled:
    latent = _Latent(binary)

    def both(block: Block) -> tuple[Decision, Matrix]:
        values = latent.kernel(as_matrix(block))
        decision = by_sign(values.dot(latent.weights), classes)
        return decision, two_columns(latent.probability(values))

    return Compiled(
        predict=lambda block: both(block)[0], predict_proba=lambda block: both(block)[1], both=both
    )


class _Latent:
    """The latent function of one binary process, with what its probabilities are made of."""

    def __init__(self, binary: Any) -> None:
        self.kernel: Kernel
        self.kernel, self._variance = covariance(binary.kernel_, binary.X_train_)
        self.weights: NDArray[np.float64] = np.asarray(binary.y_train_ - binary.pi_)
        require_well_conditioned(self.weights, self._variance)
        # v = L⁻¹ (W K): L is well-conditioned, being a root of something above one.
        self._root = np.ascontiguousarray((np.linalg.inv(binary.L_) * binary.W_sr_[None]).T)

    def probability_of_one(self, values: Matrix) -> float:
        """Return the probability of the second class, of kernel values [1, n_points]."""
        row = values[0]
        mean, along = row.dot(self.weights).item(), row.dot(self._root)
        variance = self._variance - along.dot(along).item()
        if not variance > 0.0:
            return math.nan
        # What scikit-learn divides and multiplies by before the sum comes to a half.
        alpha = 0.5 / variance
        doubled: float = sum(
            coef * (1.0 + math.erf(size * mean * math.sqrt(alpha / (alpha + size * size))))
            for coef, size in _APPROXIMATION
        )
        return doubled / 2.0

    def probability(self, values: Matrix) -> NDArray[np.float64]:
        """Return the probability of the second class, of kernel values [n_rows, n_points]."""
        if len(values) == 1:
            return np.array([self.probability_of_one(values)])
        mean = values.dot(self.weights)
        along = values.dot(self._root)
        variance = self._variance - np.vecdot(along, along)
        alpha = 1.0 / (2.0 * variance)
        parts = np.sqrt(np.pi / alpha) * erf(
            _LAMBDAS * mean * np.sqrt(alpha / (alpha + _LAMBDAS**2))
        )
        parts /= 2.0 * np.sqrt(variance * 2.0 * np.pi)
        found: NDArray[np.float64] = _COEFS.dot(parts) + 0.5 * _COEFS.sum()
        return found


def _propagation(estimator: Any, _: Compile) -> Compiled:
    """Source: ``sklearn.semi_supervised._label_propagation.BaseLabelPropagation``."""
    if estimator.kernel != "rbf":
        raise NotCompiled(f"label propagation by {estimator.kernel!r} has no compiled form")
    kernel = kernel_of("rbf", estimator.X_, estimator.gamma, 0.0, 0.0)
    distributions = np.ascontiguousarray(estimator.label_distributions_)

    def predict_proba(block: Block) -> Matrix:
        found: Matrix = kernel(as_matrix(block)).dot(distributions)
        totals = found.sum(axis=1, keepdims=True)
        totals[totals < _UNDERFLOW] = np.nan
        found /= totals
        return found

    return Compiled(predict_proba=predict_proba, classes=np.asarray(estimator.classes_))


COMPILERS: Mapping[str, Compiler] = {
    "sklearn.gaussian_process.GaussianProcessClassifier": _process_classifier,
    "sklearn.gaussian_process.GaussianProcessRegressor": _process,
    "sklearn.kernel_ridge.KernelRidge": _ridge,
    "sklearn.semi_supervised.LabelPropagation": _propagation,
    "sklearn.semi_supervised.LabelSpreading": _propagation,
}
