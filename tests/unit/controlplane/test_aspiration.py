"""Which versions are to be loaded or to stay."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from skerry.controlplane.aspiration import aspired_versions
from skerry.controlplane.completeness import observe
from skerry.controlplane.harness import Harness
from skerry.controlplane.source import FileFacts, VersionFiles
from skerry.core.traffic_policy import TrafficPolicy
from skerry.core.version_policy import VersionPolicy


def harness(version: str, *, kind: str) -> Harness:
    file = FileFacts("model.pkl", 1, 0, 1)
    files = VersionFiles("iris", version, Path(version), (file,), None)
    made = Harness(observe(None, files, 0), datetime.now(UTC), lambda *_: None)
    made.complete = kind != "copying"
    made.failed = kind == "failed"
    made.present = kind != "gone"
    return made


def versions(**kinds: str) -> Mapping[str, Harness]:
    return {name: harness(name, kind=kind) for name, kind in kinds.items()}


@pytest.mark.parametrize(
    ("kinds", "declared", "rule", "in_force", "expected"),
    [
        pytest.param({"v1": "ok", "v2": "ok"}, None, "latest:1", "v1", "v2", id="default"),
        pytest.param({"v1": "ok", "v2": "copying"}, None, "latest:1", "v1", "v1", id="copying"),
        pytest.param({"v1": "ok", "v2": "failed"}, None, "latest:1", "v1", "v1 v2", id="failed"),
        pytest.param({"v1": "ok", "v2": "ok"}, "v1", "latest:1", "v1", "v1 v2", id="declared"),
        pytest.param(
            {"v1": "ok", "v2": "ok"}, "v3", "latest:1", "v1", "v1 v2", id="ahead-of-the-volume"
        ),
        pytest.param({"v1": "gone", "v2": "ok"}, "v1", "latest:1", "v1", "v2", id="gone"),
    ],
)
def test_aspired_versions(
    kinds: dict[str, str], declared: str | None, rule: str, in_force: str, expected: str
) -> None:
    policy = None if declared is None else TrafficPolicy(declared)

    aspired = aspired_versions(
        versions(**kinds), policy, VersionPolicy.from_value(rule, "rule"), in_force
    )

    assert set(expected.split()) == aspired


def test_the_policys_own_version_policy_goes_first() -> None:
    policy = TrafficPolicy("v1", versions=VersionPolicy(specific=frozenset({"v1"})))

    aspired = aspired_versions(versions(v1="ok", v2="ok"), policy, VersionPolicy(), "v1")

    assert {"v1"} == aspired


def test_what_a_rollback_returns_to_stays_loaded() -> None:
    policy = TrafficPolicy("v2", versions=VersionPolicy(latest=1))

    aspired = aspired_versions(
        versions(v1="ok", v2="ok"), policy, VersionPolicy(), "v2", TrafficPolicy("v1")
    )

    assert {"v1", "v2"} == aspired
