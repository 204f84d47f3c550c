"""A canary beside stable: what is compared, and what is not known."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.cli.evidence import CONDITION_NAMES, Comparison, Evidence, VersionEvidence, compare
from tests.unit.cli.fake_servers import COMPARISON, version_evidence


def version(track: str, requests: int = 100, errors: int = 0, **facts: Any) -> VersionEvidence:
    return VersionEvidence("v", track, requests, errors, **facts)


def test_compares_latency_errors_and_classes() -> None:
    canary = version(
        "canary", errors=3, latency_ms={"p50": 2.0, "p99": 3.0}, classes={"0": 50, "2": 50}
    )
    stable = version(
        "stable", errors=1, latency_ms={"p50": 1.0, "p99": 4.0}, classes={"0": 75, "1": 25}
    )

    comparison = compare(canary, stable, 0.1)

    assert (comparison.p50_ratio, comparison.p99_ratio) == (2.0, 0.75)
    assert comparison.error_rate_difference == pytest.approx(0.02)
    assert comparison.class_shift == {"0": -0.25, "1": -0.25, "2": 0.5}
    assert comparison.max_class_shift == 0.5
    assert comparison.disagreement_rate == 0.1


@pytest.mark.parametrize(
    ("canary", "stable"),
    [
        (version("canary", 0), version("stable", latency_ms={"p50": 1.0}, classes={"0": 1})),
        (version("canary", latency_ms={"p50": 1.0}, classes={"0": 1}), version("stable", 0)),
        (version("canary", 0), version("stable", 0)),
        (
            version("canary", latency_ms={"p50": 1.0, "p99": None}, classes={"0": 0}),
            version("stable", 0, latency_ms={"p50": 0.0, "p99": 1.0}, classes={"0": 1}),
        ),
    ],
)
def test_what_has_nothing_beside_it_is_not_known(
    canary: VersionEvidence, stable: VersionEvidence
) -> None:
    assert compare(canary, stable, None) == Comparison()


counts = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 10**9))


@given(counts, counts)
def test_class_shifts_cancel_out(canary: dict[str, int], stable: dict[str, int]) -> None:
    shift = compare(
        version("canary", classes=canary), version("stable", classes=stable), None
    ).class_shift

    assert sum(shift.values()) == pytest.approx(0, abs=1e-9)
    assert all(-1 <= each <= 1 for each in shift.values())


def api_answer(**facts: Any) -> dict[str, Any]:
    versions = [version_evidence("v1", "stable", 10), version_evidence("v2", "canary", 4, errors=1)]
    return {
        "model": "iris",
        "scope": "process",
        "window_s": 300,
        "generation": "g1",
        "versions": versions,
        "comparison": COMPARISON,
        **facts,
    }


def test_the_comparison_of_the_server_counts_for_its_one_canary() -> None:
    values = Evidence.from_api(api_answer(), "v1", ["v2"]).condition_values("v2")

    assert list(values) == list(CONDITION_NAMES)
    assert values == {
        "requests": 4,
        "errors": 1,
        "error_rate": 0.25,
        "p50_ratio": 1.0,
        "p99_ratio": 1.1,
        "error_rate_difference": 0.0,
        "max_class_shift": 0.031,
        "disagreement_rate": None,
    }


@pytest.mark.parametrize("told", [dict.fromkeys(COMPARISON), {**COMPARISON, "stable": "v0"}])
def test_what_the_server_compares_otherwise_is_compared_here(told: dict[str, Any]) -> None:
    values = Evidence.from_api(api_answer(comparison=told), "v1", ["v2"]).condition_values("v2")

    assert values["p99_ratio"] == 1.0
    assert values["error_rate_difference"] == 0.25


def test_each_of_several_canaries_is_compared() -> None:
    evidence = Evidence.from_api(api_answer(), "v1", ["v3", "v2"])

    assert evidence.comparisons["v3"] == Comparison()
    assert evidence.comparisons["v2"].p99_ratio == 1.1


def test_a_model_without_classes_has_no_shift() -> None:
    row = version_evidence("v2", "canary", 4, classes=None)
    told = {**COMPARISON, "class_shift": None, "max_class_shift": None}
    answer = api_answer(versions=[row], comparison=told)

    evidence = Evidence.from_api(answer, "v1", ["v2"])

    assert evidence.row("v2", "canary").classes == {}
    assert evidence.condition_values("v2")["max_class_shift"] is None
