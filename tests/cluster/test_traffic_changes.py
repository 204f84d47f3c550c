"""Traffic changed by ``helm upgrade``: nothing restarts, nothing is lost, every pod follows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.cluster.cluster import Release
from tests.cluster.conftest import Image
from tests.cluster.values import chart_values
from tests.cluster.workbench import Workbench

# kubelet's own sync of a ConfigMap; the claim is 90 s.
LIVE_WITHIN_S = 90


@pytest.mark.slow
def test_upgrades_change_traffic_and_nothing_else(
    release: Release, workbench: Workbench, image: Image
) -> None:
    def upgrade(versions: list[str], traffic: dict[str, Any]) -> None:
        release.install(chart_values(image, versions, traffic, replicaCount=2))

    def canary(weight: float) -> dict[str, Any]:
        return {"stable": "v1", "canary": {"version": "v2", "weight": weight}}

    upgrade(["v1"], {"stable": "v1"})
    before = release.identities()
    steps: list[tuple[str, Callable[[], object], dict[str, Any]]] = [
        ("add v2", lambda: upgrade(["v1", "v2"], {"stable": "v1"}), {"stable": "v1"}),
        ("canary 10", lambda: upgrade(["v1", "v2"], canary(10)), canary(10)),
        ("canary 50", lambda: upgrade(["v1", "v2"], canary(50)), canary(50)),
        ("promote", lambda: upgrade(["v1", "v2"], {"stable": "v2"}), {"stable": "v2"}),
        ("roll back", lambda: release.namespace.helm("rollback", release.name), canary(50)),
    ]
    live_s: dict[str, float] = {}
    with workbench.load(f"http://{release.name}/api/v1/predict") as load:
        for name, change, in_force in steps:
            change()
            expected = release.expected_generation()
            live_s[name] = round(release.wait_for_generation(expected), 1)
            for pod in release.ready_pods():
                assert policy_of(release.traffic(pod)) == in_force
    after = release.identities()

    print(f"\nlive in every pod after s: {live_s}\nload: {load.summary()}")
    assert (load.result["failed"], load.result["failures"]) == (0, [])
    assert before == after
    assert set(before.values()) == {0}
    assert max(live_s.values()) <= LIVE_WITHIN_S
    assert set(load.result["versions"]) == {"v1", "v2"}


def policy_of(traffic: dict[str, Any]) -> dict[str, Any]:
    """Return what is in force, less the list of versions, once nothing differs from it."""
    assert traffic["differences"] == []
    return {key: value for key, value in traffic["in_force"].items() if key != "versions"}
