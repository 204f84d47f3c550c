"""Evidence as values: moments, classes as text, and a canary held against stable."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.core.evidence import (
    NO_NUMBERS,
    Comparison,
    Moments,
    TrackEvidence,
    class_text,
    compare,
)

NUMBERS = st.lists(st.floats(-1e6, 1e6), max_size=50)


def evidence(track: str, **changed: Any) -> TrackEvidence:
    facts: dict[str, Any] = {
        "version": "v2" if track == "canary" else "v1",
        "track": track,
        "requests": 0,
        "rows": 0,
        "errors": 0,
        "latency_s": {"p50": None, "p90": None, "p99": None},
        "classes": {},
        "predicted": NO_NUMBERS,
        "confidences": (),
    }
    return TrackEvidence(**{**facts, **changed})


@given(NUMBERS, NUMBERS)
def test_joined_moments_are_those_of_all_numbers(first: list[float], second: list[float]) -> None:
    together = np.array(first + second)

    joined = Moments.of(np.array(first)).joined(Moments.of(np.array(second))).to_dict()

    if not len(together):
        assert joined is None
        return
    assert joined is not None
    assert joined["mean"] == pytest.approx(together.mean(), rel=1e-9, abs=1e-6)
    assert joined["std"] == pytest.approx(together.std(), rel=1e-6, abs=1e-3)
    assert (together.min(), together.max()) == (joined["min"], joined["max"])


def test_numbers_that_are_not_finite_are_left_out() -> None:
    assert Moments(1, 3.0, 0.0, 3.0, 3.0) == Moments.of(np.array([math.nan, 3.0, math.inf]))


def test_a_summary_beyond_float64_is_null() -> None:
    moments = Moments.of(np.array([1e308, 1e308, -1e308])).joined(Moments.of(np.array([-1e308])))

    summary = moments.to_dict()

    assert summary is not None
    assert summary["std"] is None
    assert (-1e308, 1e308) == (summary["min"], summary["max"])


@pytest.mark.parametrize(
    ("label", "text"),
    [
        (0, "0"),
        (-1, "-1"),
        (1.0, "1.0"),
        ("setosa", "setosa"),
        (True, "true"),
        (np.False_, "false"),
        (np.int64(3), "3"),
        (b"ja", "ja"),
        (None, "null"),
        (math.nan, "null"),
        ([1, 2], "[1, 2]"),
    ],
)
def test_a_class_is_text(label: object, text: str) -> None:
    assert text == class_text(label)


def test_compares_latency_errors_and_classes() -> None:
    stable = evidence(
        "stable",
        requests=100,
        errors=2,
        latency_s={"p50": 0.001, "p90": 0.002, "p99": 0.004},
        classes={"0": 75, "1": 25},
    )
    canary = evidence(
        "canary",
        requests=10,
        errors=1,
        latency_s={"p50": 0.002, "p90": 0.002, "p99": 0.006},
        classes={"0": 5, "2": 5},
    )

    compared = compare(canary, stable, 0.25)

    assert ("v2", "v1") == (compared.canary, compared.stable)
    assert (2.0, 1.5) == (compared.p50_ratio, compared.p99_ratio)
    assert compared.error_rate_difference == pytest.approx(0.08)
    assert {"0": -0.25, "1": -0.25, "2": 0.5} == compared.class_shift
    assert 0.5 == compared.max_class_shift
    assert 0.25 == compared.disagreement_rate


def test_a_side_without_answers_leaves_nulls() -> None:
    """The canary only failed: its errors can be compared, what it never answered can't."""
    stable = evidence(
        "stable",
        requests=4,
        latency_s={"p50": 0.001, "p90": 0.001, "p99": 0.001},
        classes={"0": 4},
    )
    canary = evidence("canary", requests=2, errors=2)

    assert Comparison("v2", "v1", error_rate_difference=1.0) == compare(canary, stable, None)
