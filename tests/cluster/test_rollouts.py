"""Pods come and go under load: image upgrades, deletions, evictions, scaling. Nothing is lost."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.cluster.cluster import Namespace, Release, wait_until
from tests.cluster.conftest import Image
from tests.cluster.slow_models import SLOW_FROM, SLOW_S
from tests.cluster.values import chart_values, with_tag
from tests.cluster.workbench import SLOW_MODELS, Load, Workbench, config_map

NAME = "skerry-rollouts"
URL = f"http://{NAME}/api/v1/predict"
PACKAGE_SLOW = """
import sys
sys.path.insert(0, "/scripts")
import joblib
from pathlib import Path
from sklearn.datasets import load_iris
from slow_models import SlowOnDemand
from skerry.controlplane.version_writer import write_version
X, y = load_iris(return_X_y=True)
joblib.dump(SlowOnDemand(max_iter=500).fit(X, y), "/tmp/model.joblib")
if not Path("/models/iris/slow").exists():
    write_version(Path("/tmp/model.joblib"), Path("/models"), "iris", "slow")
"""
ASK_SLOWLY = f"""
import json, time, urllib.request
request = urllib.request.Request(
    "http://{NAME}/api/v1/models/iris/versions/slow/predict",
    json.dumps({{"features": [{SLOW_FROM}, 3.5, 1.4, 0.2]}}).encode(),
    {{"Content-Type": "application/json"}},
)
began = time.monotonic()
with urllib.request.urlopen(request, timeout=60) as answer:
    print(json.dumps({{"status": answer.status, "took_s": time.monotonic() - began}}))
"""


@pytest.fixture(scope="module")
def values(image: Image, workbench: Workbench) -> Mapping[str, Any]:
    """Two replicas, scaled by an HPA, that can import the slow model's class."""
    workbench.python(PACKAGE_SLOW)
    workbench.namespace.apply(
        config_map("code", {SLOW_MODELS.name: SLOW_MODELS.read_text(encoding="utf-8")})
    )
    return chart_values(
        image,
        ["v1", "slow"],
        {"stable": "v1"},
        autoscaling={
            "enabled": True,
            "minReplicas": 2,
            "maxReplicas": 4,
            # Far above what this load takes: here it is scaled by hand.
            "targetCPUUtilizationPercentage": 5000,
        },
        extraEnv=[{"name": "PYTHONPATH", "value": "/code"}],
        extraVolumes=[{"name": "code", "configMap": {"name": "code"}}],
        extraVolumeMounts=[{"name": "code", "mountPath": "/code", "readOnly": True}],
    )


@pytest.fixture(scope="module")
def rollouts(namespace: Namespace, values: Mapping[str, Any]) -> Iterator[Release]:
    """The release, with both of its pods ready."""
    release = Release(namespace, NAME)
    release.install(values)
    wait_until(lambda: len(release.ready_pods()) == 2, "two pods ready", 120)
    yield release
    release.uninstall()


def check(load: Load, what: str) -> None:
    print(f"\n{what}: {load.summary()}")
    assert load.result["failures"] == []
    assert load.result["failed"] == 0
    assert load.result["statuses"] == {"200": load.result["sent"]}


@pytest.mark.slow
def test_rolling_upgrade_of_the_image_loses_nothing(
    rollouts: Release, workbench: Workbench, values: Mapping[str, Any], image: Image
) -> None:
    before = set(rollouts.identities())

    with workbench.load(URL) as load:
        rollouts.install(with_tag(values, image.next_tag))
        wait_until(lambda: len(names(rollouts)) == 2, "the old pods gone", 120)

    check(load, "image upgrade")
    assert not before & set(rollouts.identities())


@pytest.mark.slow
def test_deleting_a_pod_loses_nothing(rollouts: Release, workbench: Workbench) -> None:
    victim = rollouts.ready_pods()[0]

    with workbench.load(URL) as load:
        rollouts.namespace.kubectl("delete", "pod", victim, "--wait")
        wait_until(lambda: len(rollouts.ready_pods()) == 2, "two pods ready again", 120)

    check(load, "pod deleted")


@pytest.mark.slow
def test_draining_a_pod_waits_for_its_slow_prediction(
    rollouts: Release, workbench: Workbench
) -> None:
    with ThreadPoolExecutor() as threads, workbench.load(URL) as load:
        slow = threads.submit(workbench.python, ASK_SLOWLY)
        victim = find_busy_pod(rollouts)
        evict(rollouts.namespace, victim)
        answer = json.loads(slow.result(timeout=60))
        wait_until(lambda: victim not in names(rollouts), "the drained pod gone", 120)
        wait_until(lambda: len(rollouts.ready_pods()) == 2, "two pods ready again", 120)

    print(f"\nslow prediction in the drained pod: {answer}")
    check(load, "pod drained")
    assert answer["status"] == 200
    assert answer["took_s"] >= SLOW_S


@pytest.mark.slow
def test_scaling_by_hand_loses_nothing(rollouts: Release, workbench: Workbench) -> None:
    def scale(minimum: int, maximum: int) -> None:
        patch = json.dumps({"spec": {"minReplicas": minimum, "maxReplicas": maximum}})
        rollouts.namespace.kubectl("patch", "hpa", NAME, "--type", "merge", "--patch", patch)

    with workbench.load(URL) as load:
        scale(4, 4)
        wait_until(lambda: len(rollouts.ready_pods()) == 4, "four pods ready", 180)
        scale(2, 2)
        wait_until(lambda: len(rollouts.pods()) == 2, "two pods left", 180)
        wait_until(lambda: len(names(rollouts)) == 2, "the others gone", 120)

    check(load, "scaled from 2 to 4 and back")


def find_busy_pod(release: Release) -> str:
    """Return the pod that answers the slow version right now."""
    path, deadline_s = "/api/v1/models/iris/versions/slow", time.monotonic() + SLOW_S
    while time.monotonic() < deadline_s:
        for pod in release.ready_pods():
            if json.loads(release.namespace.ask(pod, path))["in_flight"] > 0:
                return pod
    raise AssertionError("no pod has the slow prediction")


def names(release: Release) -> list[str]:
    """Return the names of all pods, those that are ending among them."""
    found = release.namespace.get("pods", "--selector", release.selector)["items"]
    return [pod["metadata"]["name"] for pod in found]


def evict(namespace: Namespace, pod: str) -> None:
    """Evict a pod as ``kubectl drain`` does, which asks its PodDisruptionBudget first."""
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": namespace.name},
    }
    path = f"/api/v1/namespaces/{namespace.name}/pods/{pod}/eviction"
    namespace.kubectl("create", "--raw", path, "--filename", "-", text_in=json.dumps(eviction))
