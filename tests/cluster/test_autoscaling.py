"""The HPA follows the load, up and down, by itself."""

from __future__ import annotations

import pytest

from tests.cluster.cluster import Release, wait_until
from tests.cluster.conftest import Image
from tests.cluster.values import chart_values
from tests.cluster.workbench import Workbench

# Kubernetes waits 300 s before it takes pods away: right for a cluster, long for a test.
BEHAVIOR = {"scaleDown": {"stabilizationWindowSeconds": 15}}


@pytest.mark.slow
def test_scales_up_under_load_and_down_again(
    release: Release, workbench: Workbench, image: Image
) -> None:
    scaling = {
        "enabled": True,
        "minReplicas": 1,
        "maxReplicas": 2,
        "targetCPUUtilizationPercentage": 200,
        "behavior": BEHAVIOR,
    }
    release.install(chart_values(image, ["v1"], {"stable": "v1"}, autoscaling=scaling))

    with workbench.load(f"http://{release.name}/api/v1/predict", rate=400) as load:
        up_s = wait_until(lambda: len(release.ready_pods()) == 2, "a second pod", 240)
    down_s = wait_until(lambda: len(release.pods()) == 1, "one pod again", 300)

    print(f"\nup after {up_s:.0f} s, down {down_s:.0f} s after the load; {load.summary()}")
    assert load.result["statuses"] == {"200": load.result["sent"]}
