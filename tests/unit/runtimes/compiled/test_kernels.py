"""Support vector machines and other sums of kernels answer as scikit-learn does."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import make_classification
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor, kernels
from sklearn.kernel_ridge import KernelRidge
from sklearn.semi_supervised import LabelPropagation, LabelSpreading
from sklearn.svm import SVC, SVR, NuSVC, NuSVR, OneClassSVM

from skerry.runtimes.compiled.base import NotCompiled
from skerry.runtimes.compiled.registry import compile_estimator
from tests.agreement import disagreements

ROWS = np.random.default_rng(9).normal(size=(60, 4)) * 2


@pytest.mark.parametrize("kernel", ["linear", "rbf", "poly", "sigmoid"])
@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_a_support_vector_classifier_answers_the_same(kernel: str, n_classes: int) -> None:
    x, y = make_classification(
        120, 4, n_informative=4, n_redundant=0, n_classes=n_classes, random_state=0
    )
    for model in (SVC(kernel=kernel, coef0=0.5), NuSVC(nu=0.2, kernel=kernel, degree=2)):
        assert [] == disagreements(model.fit(x, y.astype(str)), ROWS)


@pytest.mark.parametrize("shape", ["ovr", "ovo"])
def test_decision_values_are_those_of_scikit_learn(shape: str) -> None:
    for n_classes in (2, 3, 4):
        x, y = make_classification(
            120, 4, n_informative=4, n_redundant=0, n_classes=n_classes, random_state=0
        )
        model = SVC(decision_function_shape=shape).fit(x, y)
        compiled = compile_estimator(model).decision_function
        assert compiled is not None
        np.testing.assert_allclose(compiled(ROWS), model.decision_function(ROWS), atol=1e-11)


@pytest.mark.parametrize("kernel", ["linear", "rbf", "poly", "sigmoid"])
def test_a_support_vector_regressor_or_detector_answers_the_same(kernel: str) -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(80, 4))
    y = np.sin(x).sum(axis=1)
    for model in (SVR(kernel=kernel), NuSVR(kernel=kernel), OneClassSVM(kernel=kernel, nu=0.3)):
        assert [] == disagreements(model.fit(x, y), ROWS)


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    gamma=st.floats(1e-3, 10.0),
    offset=st.sampled_from([0.0, 1e4]),
    n_targets=st.integers(1, 3),
)
def test_sums_of_kernels_of_any_width_and_place_answer_the_same(
    seed: int, gamma: float, offset: float, n_targets: int
) -> None:
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(40, 4))
    y = generator.normal(size=(40, n_targets)).squeeze()
    ridge = KernelRidge(kernel="rbf", gamma=gamma, alpha=0.1).fit(x, y)
    assert [] == disagreements(ridge, ROWS)
    if n_targets == 1:
        assert [] == disagreements(SVR(gamma=gamma).fit(x + offset, y), ROWS + offset)


@pytest.mark.parametrize("kernel", ["linear", "laplacian"])
def test_kernel_ridge_answers_the_same(kernel: str) -> None:
    x = np.random.default_rng(0).normal(size=(40, 4))
    for y in (x[:, 0], x[:, :1], x[:, :2]):
        assert [] == disagreements(KernelRidge(kernel=kernel).fit(x, y), ROWS)


COVARIANCES = [
    None,
    2.0 * kernels.RBF([1.0, 2.0, 3.0, 4.0]) + kernels.WhiteKernel(0.1),
    kernels.Matern(nu=0.5) + 0.5,
    kernels.Matern(nu=1.5) * kernels.RBF(3.0),
    kernels.Matern(nu=2.5),
    kernels.Matern(nu=np.inf),
    kernels.RationalQuadratic(alpha=0.7) + kernels.Matern(nu=2.5),
    kernels.ConstantKernel(2.0) * kernels.ConstantKernel(3.0) + kernels.RBF(),
]


@pytest.mark.parametrize("kernel", COVARIANCES, ids=str)
def test_a_gaussian_process_answers_the_same(kernel: Any) -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(50, 4))
    y = np.sin(x).sum(axis=1) + generator.normal(size=50) / 10
    for target in (y, np.column_stack([y, x[:, 0]])):
        model = GaussianProcessRegressor(kernel, alpha=0.01, normalize_y=True, optimizer=None)
        assert [] == disagreements(model.fit(x, target), ROWS)
    for classes in ((y > 0).astype(int), np.array(["a", "b", "c"])[(y > 0).astype(int) + (y > 1)]):
        classifier = GaussianProcessClassifier(kernel, optimizer=None).fit(x, classes)
        assert [] == disagreements(classifier, ROWS)


def test_a_process_whose_weights_multiply_rounding_has_no_compiled_form() -> None:
    x = np.random.default_rng(0).normal(size=(60, 1))
    model = GaussianProcessRegressor(kernels.RBF(3.0), alpha=1e-12, optimizer=None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(x, np.random.default_rng(1).normal(size=60))
    with pytest.raises(NotCompiled, match="multiply their rounding"):
        compile_estimator(model)


@pytest.mark.parametrize("model", [LabelPropagation(gamma=0.5), LabelSpreading(gamma=0.5)], ids=str)
def test_spread_labels_are_the_same(model: Any) -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(80, 4))
    y = (x.sum(axis=1) > 0).astype(int)
    y[::3] = -1
    assert [] == disagreements(model.fit(x, y), ROWS)


def test_products_that_lose_digits_have_no_compiled_form() -> None:
    x = np.random.default_rng(0).normal(size=(50, 4)) + 1e6
    with pytest.raises(NotCompiled, match="lose digits"):
        compile_estimator(_fitted(KernelRidge(alpha=1e-3), x, x[:, 0] - 1e6))


def _fitted(model: Any, x: Any, y: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(x, y)
