"""What a change of traffic changes: the policy, or the route, and no pod."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from tests.chart.rendering import (
    GATEWAY,
    SMALL,
    documents,
    is_hook,
    key_of,
    needs_helm,
    only,
    render,
    with_changes,
)

pytestmark = needs_helm

CANARY: Mapping[str, Any] = {"canary": {"version": "v2", "weight": 10}}
STEPS: Mapping[str, Mapping[str, Any]] = {
    "another-weight": {"traffic": {"canary": {"version": "v2", "weight": 50}}},
    "a-header": {
        "traffic": {
            "canary": {"version": "v2", "weight": 10, "headers": [{"name": "X-A", "value": "b"}]}
        }
    },
    "promotion": {"traffic": {"stable": "v2", "canary": None}},
    "rollback": {"traffic": {"canary": None}},
    "shadow": {"traffic": {"canary": None, "shadow": {"version": "v2"}}},
}
IN_PROCESS_STEPS: Mapping[str, Mapping[str, Any]] = {
    **STEPS,
    "another-version": {"versions": {"v3": {}, "v4": {}, "v5": {}, "v6": {}}},
    "several-canaries": {
        "versions": {"v3": {}},
        "traffic": {
            "canary": None,
            "canaries": [{"version": "v2", "weight": 10}, {"version": "v3", "weight": 10}],
        },
    },
    "sticky": {"traffic": {"sticky": {"header": "X-User-Id"}}},
    "digests": {"traffic": {"digests": {"v1": f"sha256:{'0' * 64}"}}},
    "version-policy": {"traffic": {"versions": "latest:3"}},
}


def rendered(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the text of each object, without those of ``helm test``."""
    objects = [(yaml.safe_load(text), text) for text in documents(values)]
    return {key_of(each): text for each, text in objects if not is_hook(each)}


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    """Return the objects whose text is not the same in both, or that only one has."""
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


@pytest.mark.parametrize("name", IN_PROCESS_STEPS)
def test_in_process_only_the_config_map_changes(name: str) -> None:
    values = with_changes(SMALL, {"traffic": CANARY})
    before = rendered(values)

    after = rendered(with_changes(values, IN_PROCESS_STEPS[name]))

    assert {"ConfigMap/iris-skerry-traffic"} == changed(before, after)
    assert before["Deployment/iris-skerry"] == after["Deployment/iris-skerry"]


@pytest.mark.parametrize("name", STEPS)
def test_behind_a_gateway_only_the_route_changes(name: str) -> None:
    values = with_changes(GATEWAY, {"traffic": CANARY})

    after = rendered(with_changes(values, STEPS[name]))

    assert {"HTTPRoute/iris-skerry"} == changed(rendered(values), after)


def test_behind_a_gateway_another_version_leaves_the_others_alone() -> None:
    before = rendered(GATEWAY)
    after = rendered(with_changes(GATEWAY, {"versions": {"v3": {}}}))

    assert {
        "ConfigMap/iris-skerry-v3-traffic",
        "Deployment/iris-skerry-v3",
        "HTTPRoute/iris-skerry",
        "PodDisruptionBudget/iris-skerry-v3",
        "Service/iris-skerry-v3",
    } == changed(before, after)


def test_labels_of_all_objects_change_no_pod() -> None:
    before = only(render(SMALL), "Deployment")
    after = only(render(with_changes(SMALL, {"commonLabels": {"team": "vision"}})), "Deployment")

    assert "vision" == after["metadata"]["labels"]["team"]
    assert before["spec"] == after["spec"]
