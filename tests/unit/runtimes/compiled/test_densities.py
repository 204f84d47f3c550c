"""Naive Bayes, discriminant analysis and mixtures answer as scikit-learn does."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import naive_bayes
from sklearn.covariance import EllipticEnvelope
from sklearn.datasets import make_classification
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture

from tests.agreement import disagreements


@pytest.mark.parametrize(
    "model",
    [
        naive_bayes.BernoulliNB(),
        naive_bayes.BernoulliNB(binarize=2.5, fit_prior=False),
        naive_bayes.CategoricalNB(min_categories=9),
        naive_bayes.ComplementNB(norm=True),
        naive_bayes.GaussianNB(),
        naive_bayes.MultinomialNB(alpha=0.1),
    ],
    ids=str,
)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_naive_bayes_of_counts_answers_the_same(model: Any, n_classes: int) -> None:
    generator = np.random.default_rng(0)
    x = generator.poisson(2.0, size=(90, 5)).clip(0, 8).astype(float)
    y = np.array(["a", "b", "c"])[generator.integers(0, n_classes, 90)]
    rows = generator.poisson(2.0, size=(60, 5)).clip(0, 8).astype(float)
    assert [] == disagreements(model.fit(x, y), rows)


def test_naive_bayes_of_flags_takes_them_as_they_are() -> None:
    generator = np.random.default_rng(0)
    x = (generator.random((90, 5)) > 0.5).astype(float)
    model = naive_bayes.BernoulliNB(binarize=None).fit(x, generator.integers(0, 3, 90))
    assert [] == disagreements(model, x[:40])


def test_categories_that_training_did_not_have_are_left_to_scikit_learn() -> None:
    from skerry.runtimes.answers import Shape
    from skerry.runtimes.compiled.answering import answer_of
    from skerry.runtimes.compiled.registry import compile_estimator

    model = naive_bayes.CategoricalNB().fit([[0, 1], [1, 0], [2, 1]], [0, 1, 1])
    answer = answer_of(compile_estimator(model), Shape.SINGLE)
    uncertain = answer(np.array([[0.0, 1.0], [3.0, 0.0], [-1.0, 0.0], [1.9, -0.5]])).uncertain
    assert uncertain is not None
    assert [False, True, True, False] == uncertain.tolist()


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_features=st.integers(1, 6),
    n_classes=st.integers(2, 4),
    offset=st.sampled_from([0.0, 100.0, 1e5]),
)
def test_normal_densities_of_any_place_answer_the_same(
    seed: int, n_features: int, n_classes: int, offset: float
) -> None:
    generator = np.random.default_rng(seed)
    y = np.arange(20 * n_classes) % n_classes
    centers = generator.normal(size=(n_classes, n_features)) * 2
    x = centers[y] + generator.normal(size=(len(y), n_features)) + offset
    rows = generator.normal(size=(40, n_features)) * 3 + offset
    for model in (naive_bayes.GaussianNB(), QuadraticDiscriminantAnalysis(reg_param=0.1)):
        assert [] == disagreements(model.fit(x, y), rows)


@pytest.mark.parametrize("covariance", ["full", "tied", "diag", "spherical"])
@pytest.mark.parametrize("n_components", [1, 2, 4])
def test_a_mixture_answers_the_same(covariance: str, n_components: int) -> None:
    x, _ = make_classification(120, 4, n_redundant=0, n_informative=4, random_state=0)
    rows = np.random.default_rng(0).normal(size=(60, 4)) * 3
    several: list[Any] = [
        GaussianMixture(n_components, covariance_type=covariance, random_state=0),
        BayesianGaussianMixture(n_components=n_components, covariance_type=covariance),
        BayesianGaussianMixture(
            n_components=n_components,
            covariance_type=covariance,
            weight_concentration_prior_type="dirichlet_distribution",
        ),
    ]
    for model in several:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(x)
        assert [] == disagreements(model, rows)


def test_an_envelope_answers_the_same() -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(80, 3)) @ generator.normal(size=(3, 3))
    model = EllipticEnvelope(contamination=0.3, random_state=0).fit(x)
    assert [] == disagreements(model, generator.normal(size=(80, 3)) * 2)
