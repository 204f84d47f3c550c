from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import RadiusNeighborsRegressor

from skerry.core.errors import SamplesDiffer
from skerry.core.row_values import to_rows
from skerry.core.servable import Servable
from skerry.core.signature import DType, Feature, Signature
from skerry.runtimes.base import Known, LoadOptions
from skerry.runtimes.registry import runtime_for
from skerry.runtimes.samples import check_samples, draw_rows, golden_samples, row_values

X = np.arange(40.0).reshape(20, 2) / 40.0
Y = [0, 1] * 10


def _prepared(model: Any) -> Servable:
    return runtime_for("joblib").prepare(model, Known(), LoadOptions())


_FEATURES = st.builds(
    Feature,
    name=st.just("f"),
    dtype=st.sampled_from(DType),
    nullable=st.booleans(),
    range=st.sampled_from([None, (-3.0, 5.0), (2.0, 2.0)]),
    used=st.booleans(),
)


@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(_FEATURES, min_size=1, max_size=4), st.integers(1, 20), st.integers(0, 99))
def test_drawn_rows_are_rows_that_the_signature_allows(
    features: list[Feature], n: int, seed: int
) -> None:
    named = tuple(replace(feature, name=f"f{i}") for i, feature in enumerate(features))
    signature = Signature(named, ())
    rows = draw_rows(signature, n, seed)
    values = row_values(signature, rows)
    json.dumps(values, allow_nan=False)
    assert row_values(signature, to_rows(signature, values)) == values
    assert row_values(signature, draw_rows(signature, n, seed)) == values


def test_drawn_rows_stay_in_range_and_among_the_categories() -> None:
    features = (
        Feature("age", DType.FLOAT64, range=(18.0, 80.0)),
        Feature("city", DType.STRING, categories=("Oslo", "Bergen"), accepts_unseen=False),
        Feature("income", DType.FLOAT64, nullable=True),
    )
    values = row_values(Signature(features, ()), draw_rows(Signature(features, ()), 200, 1))
    assert all(18.0 <= age <= 80.0 for age, _, _ in values)
    assert {city for _, city, _ in values} == {"Oslo", "Bergen"}
    assert values[0][2] is not None
    assert any(income is None for _, _, income in values)


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression().fit(X, np.array(["no", "yes"])[Y]),
        Ridge().fit(X, X),
        MultiOutputClassifier(LogisticRegression()).fit(X, np.column_stack([Y, Y[::-1]])),
    ],
    ids=["classifier", "regressor", "several outputs"],
)
def test_golden_samples_reproduce_after_a_round_trip_through_json(model: Any) -> None:
    servable = _prepared(model)
    samples = golden_samples(servable, draw_rows(servable.info.signature, 5, 0))
    assert len(samples) == 5
    restored = json.loads(json.dumps([sample.to_dict() for sample in samples], allow_nan=False))
    check_samples(servable, [type(samples[0])(**each) for each in restored])


def test_a_label_or_a_number_that_changed_is_told() -> None:
    servable = _prepared(LogisticRegression().fit(X, Y))
    samples = golden_samples(servable, draw_rows(servable.info.signature, 3, 0))
    check_samples(servable, [replace(samples[0], confidence=samples[0].confidence + 1e-10)])
    for changed, words in (
        (replace(samples[1], prediction=1 - samples[1].prediction), "sample 0: prediction was"),
        (replace(samples[1], confidence=samples[1].confidence + 1e-6), "confidence was"),
        (replace(samples[1], probabilities=None), "probabilities was None"),
    ):
        with pytest.raises(SamplesDiffer, match=words):
            check_samples(servable, [changed])


def test_samples_that_no_longer_fit_the_signature_are_told() -> None:
    servable = _prepared(LogisticRegression().fit(X, Y))
    samples = golden_samples(servable, draw_rows(servable.info.signature, 1, 0))
    with pytest.raises(SamplesDiffer, match="expected 2, got 1"):
        check_samples(servable, [replace(samples[0], features=(1.0,))])


def test_a_model_that_draws_at_random_has_no_samples_and_passes() -> None:
    servable = _prepared(LogisticRegression().fit(X, Y))
    samples = golden_samples(servable, draw_rows(servable.info.signature, 1, 0))
    drawing = _prepared(DummyClassifier(strategy="uniform").fit(X, Y))
    assert golden_samples(drawing, draw_rows(drawing.info.signature, 5, 0)) == ()
    check_samples(drawing, samples)


@pytest.mark.filterwarnings("ignore:One or more samples have no neighbors")
def test_a_number_that_is_not_finite_is_null_and_reproduces() -> None:
    servable = _prepared(RadiusNeighborsRegressor(radius=1e-9).fit(X, X[:, 0]))
    samples = golden_samples(servable, to_rows(servable.info.signature, [[9.0, 9.0]]))
    assert samples[0].prediction is None
    check_samples(servable, samples)
