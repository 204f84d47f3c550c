"""Transformers of numbers give scikit-learn's numbers, and its very bits where they say so."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.decomposition import PCA, FastICA, IncrementalPCA, TruncatedSVD
from sklearn.feature_selection import SelectFromModel, SelectKBest, VarianceThreshold
from sklearn.impute import KNNImputer, MissingIndicator, SimpleImputer
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
)
from sklearn.random_projection import GaussianRandomProjection, SparseRandomProjection

from skerry.runtimes.compiled.base import NotCompiled, Undecided, as_matrix
from skerry.runtimes.compiled.registry import compile_estimator

N_FEATURES = 4
_RANDOM = np.random.default_rng(0)
_X = np.abs(_RANDOM.normal(5.0, 3.0, (120, N_FEATURES))) * [1.0, 1e-3, 1e4, 7.0] + 0.01
_Y = (_X[:, 0] > 5).astype(int)
_ROWS = np.vstack([_X[:40] * 1.3, _X[:5], np.zeros((1, N_FEATURES)), _X[:3] * -2.0])

TRANSFORMERS = [
    StandardScaler(),
    StandardScaler(with_mean=False),
    StandardScaler(with_std=False),
    MinMaxScaler(),
    MinMaxScaler((-2, 3), clip=True),
    MaxAbsScaler(),
    RobustScaler(),
    RobustScaler(with_centering=False, unit_variance=True),
    RobustScaler(with_scaling=False),
    Normalizer(),
    Normalizer("l1"),
    Normalizer("max"),
    Binarizer(threshold=4.0),
    PolynomialFeatures(2),
    PolynomialFeatures(3, include_bias=False),
    PolynomialFeatures(3, interaction_only=True),
    PolynomialFeatures((2, 4)),
    PolynomialFeatures(6),
    KBinsDiscretizer(4, encode="ordinal", quantile_method="averaged_inverted_cdf"),
    KBinsDiscretizer(3, encode="onehot", strategy="uniform"),
    KBinsDiscretizer(3, encode="onehot-dense", strategy="kmeans", random_state=0),
    PowerTransformer(),
    PowerTransformer(standardize=False),
    QuantileTransformer(n_quantiles=50),
    QuantileTransformer(n_quantiles=20, output_distribution="normal"),
    FunctionTransformer(),
    FunctionTransformer(validate=True),
    FunctionTransformer(np.log1p),
    FunctionTransformer(np.abs, validate=True),
    FastICA(2, random_state=0),
    GaussianRandomProjection(3, random_state=0),
    MissingIndicator(features="all"),
    RBFSampler(gamma=1e-8, n_components=6, random_state=0),
    SparseRandomProjection(3, random_state=0),
    PCA(2),
    PCA(3, whiten=True),
    IncrementalPCA(2),
    TruncatedSVD(2),
    SelectKBest(k=2),
    SelectFromModel(LogisticRegression(max_iter=5000)),
    VarianceThreshold(),
    SimpleImputer(add_indicator=True),
    KNNImputer(),
    OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    make_pipeline(StandardScaler(), PolynomialFeatures(2), PCA(3)),
    FeatureUnion([("scaled", StandardScaler()), ("kept", "passthrough"), ("none", "drop")]),
    FeatureUnion(
        [("scaled", MinMaxScaler()), ("bins", KBinsDiscretizer(3, strategy="uniform"))],
        transformer_weights={"scaled": 0.3},
    ),
]


@pytest.mark.parametrize("transformer", TRANSFORMERS, ids=str)
def test_a_transformer_gives_the_same_numbers(transformer: Any) -> None:
    assert_same(_fitted(transformer), _ROWS)


@pytest.mark.parametrize("degree", [1, 3])
def test_splines_are_the_same_inside_their_range_and_left_alone_beyond(degree: int) -> None:
    spline = SplineTransformer(4, degree=degree, include_bias=False).fit(_X)
    assert_same(spline, _X[:40])
    compiled = compile_estimator(spline)
    assert compiled.transform is not None
    with pytest.raises(Undecided):
        compiled.transform(_X[:1] * 1e6)


@pytest.mark.parametrize("method", ["box-cox", "yeo-johnson"])
@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_powers_are_the_same_for_any_skew(method: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    x = random.lognormal(0.0, random.uniform(0.1, 1.0), (60, 2))
    rows = random.lognormal(0.0, 1.0, (20, 2))
    assert_same(PowerTransformer(method=method).fit(x), rows)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(
        [StandardScaler(), MinMaxScaler(), RobustScaler(), MaxAbsScaler(), PolynomialFeatures(2)]
    ),
    st.lists(
        st.lists(st.floats(-1e11, 1e11, allow_subnormal=False), min_size=4, max_size=4),
        min_size=1,
        max_size=5,
    ),
)
def test_scaling_has_the_same_bits_for_any_numbers(transformer: Any, rows: Any) -> None:
    assert_same(transformer.fit(_X), np.array(rows))


@pytest.mark.parametrize(
    "transformer",
    [Normalizer(), Binarizer(), PolynomialFeatures(2), KBinsDiscretizer(2), PCA(2), KNNImputer()],
    ids=str,
)
def test_rows_that_may_be_refused_are_left_to_scikit_learn(transformer: Any) -> None:
    compiled = compile_estimator(_fitted(transformer))
    assert compiled.transform is not None
    missing = _X[:1].copy()
    missing[0, 1] = np.nan
    with pytest.raises(Undecided):
        compiled.transform(missing)
    if compiled.transform_one is not None:
        with pytest.raises(Undecided):
            compiled.transform_one(missing.tolist()[0])


def test_a_function_of_the_users_own_is_not_compiled() -> None:
    with pytest.raises(NotCompiled, match="calls a function"):
        compile_estimator(FunctionTransformer(lambda x: x * 2).fit(_X))


def test_numbers_of_less_precision_are_not_compiled() -> None:
    with pytest.raises(NotCompiled, match="float32"):
        compile_estimator(OneHotEncoder(dtype=np.float32).fit(_X[:3]))


def assert_same(transformer: Any, rows: NDArray[np.float64]) -> None:
    """Compare all rows at once, and the first ones alone, as arrays and as Python values."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        expected = _dense(transformer.transform(rows))
        compiled = compile_estimator(transformer)
        assert compiled.transform is not None
        found = as_matrix(compiled.transform(rows))
        alone = [as_matrix(compiled.transform(rows[i : i + 1])) for i in range(len(rows))]
        columns = as_matrix(compiled.transform(tuple(rows.T.copy())))
    each = [found, np.concatenate(alone), columns]
    if compiled.transform_one is not None:
        each.append(np.array([compiled.transform_one(row) for row in rows.tolist()], dtype=float))
    for one in each:
        if compiled.is_exact:
            assert np.array_equal(one, expected, equal_nan=True)
        else:
            scale = np.maximum(1.0, np.abs(expected))
            assert np.nanmax(np.abs(one - expected) / scale, initial=0.0) < 1e-11
            assert np.array_equal(np.isnan(one), np.isnan(expected))


def _fitted(transformer: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return transformer.fit(_X, _Y)


def _dense(found: Any) -> NDArray[np.float64]:
    return np.asarray(found.toarray() if hasattr(found, "toarray") else found, dtype=np.float64)
