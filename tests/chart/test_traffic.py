"""What the chart tells the server of traffic, held against the server's own reading of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from skerry.core.traffic import TrafficDocument
from skerry.core.traffic_policy import TrafficPolicy
from tests.chart.rendering import (
    GATEWAY,
    SMALL,
    VALUE_FILES,
    container_of,
    needs_helm,
    notes,
    of_kind,
    only,
    render,
    values_of,
    variables_of,
    with_changes,
)

pytestmark = needs_helm

THREE: Mapping[str, Any] = {**SMALL, "versions": {"v1": {}, "v2": {}, "v10": {}}}
HEADERS = [{"name": "X-Canary", "value": "yes: 'no' \"maybe\" #1 {{ x }} \\n"}]
POLICIES: Mapping[str, Mapping[str, Any]] = {
    "stable": {"stable": "v1"},
    "canary": {"stable": "v1", "canary": {"version": "v2", "weight": 10}},
    "hundredths": {"stable": "v1", "canary": {"version": "v2", "weight": 0.01}},
    "whole-number-as-float": {"stable": "v1", "canary": {"version": "v2", "weight": 50.0}},
    "headers": {"stable": "v1", "canary": {"version": "v2", "headers": HEADERS}},
    "canaries": {
        "stable": "v10",
        "canaries": [{"version": "v2", "weight": 2.5}, {"version": "v1", "weight": 97.5}],
    },
    "sticky-header": {"stable": "v1", "sticky": {"header": "X-User-Id", "salt": "Zürich: # | 1"}},
    "sticky-cookie": {"stable": "v1", "sticky": {"cookie": "user"}},
    "shadow": {"stable": "v1", "shadow": {"version": "v2", "sample": 12.5}},
    "digests": {"stable": "v1", "digests": {"v1": f"sha256:{'0123456789abcdef' * 4}"}},
    "versions": {"stable": "v1", "versions": "latest:2"},
    "list-of-versions": {"stable": "v1", "versions": ["v10", "v1"]},
}


# As --set makes them, and as they are meant.
LOOSE: Mapping[str, Any] = {
    "stable": 9,
    "canaries": [{"version": 10, "weight": "33.33"}, {"version": 20240101, "weight": "2"}],
    "shadow": {"version": "v1", "sample": "12.50"},
    "versions": [9, 10, "v1"],
}
MEANT: Mapping[str, Any] = {
    "stable": "9",
    "canaries": [{"version": "10", "weight": 33.33}, {"version": "20240101", "weight": 2}],
    "shadow": {"version": "v1", "sample": 12.5},
    "versions": ["9", "10", "v1"],
}


def document_in(config_map: dict[str, Any]) -> TrafficDocument:
    """Return the ConfigMap's policy as the server reads it."""
    return TrafficDocument.from_value(yaml.safe_load(config_map["data"]["traffic.yaml"]))


@pytest.mark.parametrize("name", POLICIES)
def test_server_reads_the_policy_that_the_values_say(name: str) -> None:
    policy = POLICIES[name]
    values = with_changes(THREE, {"traffic": policy})
    expected = {"versions": ["v1", "v2", "v10"], **policy}

    document = document_in(only(render(values), "ConfigMap"))

    assert {"iris": TrafficPolicy.from_value(expected, "iris")} == document.models


def test_text_is_taken_as_a_number_and_a_number_as_a_version() -> None:
    versions: Mapping[str, Any] = {"v1": {}, "9": {}, "10": {}, "20240101": {}}
    loose, meant = (
        only(render({**SMALL, "versions": versions, "traffic": traffic}), "ConfigMap")
        for traffic in (LOOSE, MEANT)
    )
    assert {"iris": TrafficPolicy.from_value(MEANT, "iris")} == document_in(loose).models
    assert meant == loose


def test_weight_can_be_set_on_the_command_line() -> None:
    values = with_changes(SMALL, {"traffic": {"canary": {"version": "v2", "weight": 10}}})
    config_map = only(render(values, "--set", "traffic.canary.weight=33.33"), "ConfigMap")
    [canary] = document_in(config_map).models["iris"].canaries
    assert 33.33 == canary.weight
    content = config_map["data"]["traffic.yaml"].encode()
    expected = hashlib.sha256(content).hexdigest()[:12]
    assert expected == config_map["metadata"]["annotations"]["skerry/generation"]


@pytest.mark.parametrize("path", VALUE_FILES, ids=lambda path: path.name)
def test_server_takes_the_policy_of_every_value_file(path: Path) -> None:
    values = values_of(path)
    for config_map in of_kind(render(values), "ConfigMap"):
        if "traffic.yaml" in config_map["data"]:
            assert [values["model"]["name"]] == list(document_in(config_map).models)


@pytest.mark.parametrize("name", POLICIES)
def test_tells_the_generation_of_exactly_the_bytes_that_pods_get(name: str) -> None:
    values = with_changes(THREE, {"traffic": POLICIES[name]})

    config_map = only(render(values), "ConfigMap")

    content = config_map["data"]["traffic.yaml"].encode()
    expected = hashlib.sha256(content).hexdigest()[:12]
    assert expected == config_map["metadata"]["annotations"]["skerry/generation"]
    assert f"\n  {expected}\n" in notes(values)


def test_policy_lies_where_the_server_looks_and_not_by_sub_path() -> None:
    deployment = only(render(SMALL), "Deployment")
    mounts = {each["name"]: each for each in container_of(deployment)["volumeMounts"]}
    volumes = {each["name"]: each for each in deployment["spec"]["template"]["spec"]["volumes"]}
    file = variables_of(deployment)["SKERRY_TRAFFIC_FILE"]

    assert f"{mounts['traffic']['mountPath']}/traffic.yaml" == file
    assert "subPath" not in mounts["traffic"]
    assert {"name": "iris-skerry-traffic"} == volumes["traffic"]["configMap"]


def test_pod_behind_a_gateway_answers_whatever_comes() -> None:
    digest = f"sha256:{'ab' * 32}"
    canary = {"version": "v2", "weight": 10}
    values = with_changes(GATEWAY, {"traffic": {"canary": canary, "digests": {"v2": digest}}})

    policies = {
        each["metadata"]["name"]: document_in(each).models["iris"].to_dict()
        for each in of_kind(render(values), "ConfigMap")
    }

    assert {
        "iris-skerry-v1-traffic": {"stable": "v1", "versions": ["v1"]},
        "iris-skerry-v2-traffic": {
            "stable": "v2",
            "versions": ["v2"],
            "digests": {"v2": digest},
        },
    } == policies
