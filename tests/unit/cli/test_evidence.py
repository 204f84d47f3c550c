"""The server's evidence as commands read it: which comparison counts, what is not known."""

from __future__ import annotations

from typing import Any

import pytest

from skerry.cli.evidence import CONDITION_NAMES, Evidence
from tests.unit.cli.fake_servers import COMPARISON, version_evidence


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

    assert evidence.condition_values("v3")["p99_ratio"] is None
    assert evidence.comparisons["v2"].p99_ratio == 1.1


def test_a_model_without_classes_has_no_shift() -> None:
    row = version_evidence("v2", "canary", 4)
    told = {**COMPARISON, "class_shift": None, "max_class_shift": None}
    answer = api_answer(versions=[row], comparison=told)

    evidence = Evidence.from_api(answer, "v1", ["v2"])

    assert evidence.row("v2", "canary").classes == {}
    assert evidence.condition_values("v2")["max_class_shift"] is None
