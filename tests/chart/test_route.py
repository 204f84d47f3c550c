"""The HTTPRoute of mode gateway says what the traffic policy says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.chart.rendering import GATEWAY, needs_helm, only, render, with_changes

pytestmark = needs_helm

HEADERS = [{"name": "X-Canary", "value": "true"}]
THREE: Mapping[str, Any] = {**GATEWAY, "versions": {"v1": {}, "2.0_B": {}, "v3": {}}}


def rules_of(traffic: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the route's rules, after those that pin a version."""
    route = only(render(with_changes(THREE, {"traffic": traffic})), "HTTPRoute")
    rules: list[dict[str, Any]] = route["spec"]["rules"]
    return rules[3:]


@pytest.mark.parametrize(
    ("weight", "stable", "canary"),
    [(0, 10000, 0), (2.5, 9750, 250), (0.29, 9971, 29), (100, 0, 10000)],
)
def test_weights_are_percent_in_hundredths(weight: float, stable: int, canary: int) -> None:
    [rule] = rules_of({"canary": {"version": "2.0_B", "weight": weight}})

    assert [
        {"name": "iris-skerry-v1", "port": 80, "weight": stable},
        {"name": "iris-skerry-2-0-b", "port": 80, "weight": canary},
    ] == rule["backendRefs"]


def test_several_canaries_share_one_rule() -> None:
    canaries = [{"version": "v3", "weight": 10}, {"version": "2.0_B", "weight": 0.5}]

    [rule] = rules_of({"canaries": canaries})

    assert [8950, 1000, 50] == [each["weight"] for each in rule["backendRefs"]]


def test_headers_go_before_weights() -> None:
    by_header, by_weight = rules_of({"canary": {"version": "v3", "headers": HEADERS}})

    assert [{"headers": HEADERS}] == by_header["matches"]
    assert [{"name": "iris-skerry-v3", "port": 80}] == by_header["backendRefs"]
    assert [10000, 0] == [each["weight"] for each in by_weight["backendRefs"]]


def test_a_version_can_be_pinned_by_header_and_by_path() -> None:
    route = only(render(THREE), "HTTPRoute")

    pinned = {each["backendRefs"][0]["name"]: each for each in route["spec"]["rules"][:3]}

    assert [
        {"headers": [{"name": "X-Model-Version", "value": "2.0_B"}]},
        {"path": {"type": "PathPrefix", "value": "/api/v1/models/iris/versions/2.0_B"}},
        {"path": {"type": "PathPrefix", "value": "/v2/models/iris/versions/2.0_B"}},
    ] == pinned["iris-skerry-2-0-b"]["matches"]


def test_pins_by_path_work_below_the_root_path_and_without_it() -> None:
    values = with_changes(THREE, {"settings": {"SKERRY_ROOT_PATH": "/iris"}})
    [rule] = only(render(values), "HTTPRoute")["spec"]["rules"][2:3]

    assert [
        "/api/v1/models/iris/versions/v3",
        "/v2/models/iris/versions/v3",
        "/iris/api/v1/models/iris/versions/v3",
        "/iris/v2/models/iris/versions/v3",
    ] == [each["path"]["value"] for each in rule["matches"] if "path" in each]


@pytest.mark.parametrize(
    ("sample", "share"),
    [
        (100, {}),
        (50, {"percent": 50}),
        (12.5, {"fraction": {"numerator": 1250, "denominator": 10000}}),
    ],
)
def test_shadow_is_mirrored_to(sample: float, share: Mapping[str, Any]) -> None:
    [rule] = rules_of({"shadow": {"version": "v3", "sample": sample}})

    backend = {"name": "iris-skerry-v3", "port": 80}
    mirror = {"type": "RequestMirror", "requestMirror": {"backendRef": backend, **share}}
    assert [mirror] == rule["filters"]


def test_shadow_is_not_asked_what_it_answers_itself() -> None:
    canary = {"version": "v3", "weight": 10, "headers": HEADERS}

    by_header, by_weight = rules_of({"canary": canary, "shadow": {"version": "v3"}})

    assert "filters" not in by_header
    assert "filters" in by_weight


def test_sample_of_nothing_mirrors_nothing() -> None:
    [rule] = rules_of({"shadow": {"version": "v3", "sample": 0}})

    assert "filters" not in rule
