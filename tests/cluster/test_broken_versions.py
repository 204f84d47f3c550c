"""What can't be served disturbs nothing that can, and says why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.cluster.cluster import CommandFailed, Release, wait_until
from tests.cluster.conftest import Image
from tests.cluster.values import chart_values, with_tag
from tests.cluster.workbench import Workbench

REASON = "it is damaged, or not a pickle"
WRITE_BROKEN = """
from pathlib import Path
version = Path("/models/iris/broken")
version.mkdir(exist_ok=True)
(version / "model.joblib").write_text("this is no model")
"""


@pytest.mark.slow
def test_broken_canary_leaves_stable_serving_and_says_why(
    release: Release, workbench: Workbench, image: Image
) -> None:
    release.install(chart_values(image, ["v1"], {"stable": "v1"}, replicaCount=1))
    (pod,) = release.ready_pods()
    before = release.identities()
    workbench.python(WRITE_BROKEN)
    traffic = {"stable": "v1", "canary": {"version": "broken", "weight": 50}}

    with workbench.load(f"http://{release.name}/api/v1/predict") as load:
        release.install(chart_values(image, ["v1", "broken"], traffic, replicaCount=1))
        wait_until(lambda: state(release, pod)["state"] == "FAILED", "broken is FAILED", 180)

    said = state(release, pod)
    differences = release.traffic(pod)["differences"]
    metrics = release.namespace.ask(pod, "/metrics")
    log = events(release, pod)
    print(f"\nreason: {said['reason']}\ndifferences: {differences}\nload: {load.summary()}")
    assert load.result["statuses"] == {"200": load.result["sent"]}
    assert set(load.result["versions"]) == {"v1"}
    assert release.ready_pods() == [pod]
    assert before == release.identities()
    assert REASON in said["reason"]
    assert [("broken", "FAILED")] == [(d["version"], d["state"]) for d in differences]
    assert any(e.get("state") == "FAILED" and REASON in str(e.get("reason")) for e in log)
    assert value_of(metrics, "skerry_version_state", version="broken", state="FAILED") == 1
    failures = "skerry_version_load_failures_total"
    assert value_of(metrics, failures, version="broken", reason="unreadable") >= 1


@pytest.mark.slow
def test_rollout_stops_where_no_version_can_be_served(
    release: Release, workbench: Workbench, image: Image
) -> None:
    source, fragile = "/models/iris/v1/model.joblib", "/models/iris/fragile/model.joblib"
    package = ("--model", "iris", "--version", "fragile", "--to", "/models")
    workbench.run("skerry", "package", source, *package)
    values = chart_values(image, ["fragile"], {"stable": "fragile"}, replicaCount=2)
    release.install(values)
    old = set(release.ready_pods())

    with workbench.load(f"http://{release.name}/api/v1/predict") as load:
        workbench.run("sh", "-c", f"echo 'this is no model' > {fragile}")
        release.install(with_tag(values, image.next_tag), wait=False)
        wait_until(lambda: bool(new_pods(release, old)), "a pod of the new image", 60)
        (new,) = new_pods(release, old)
        wait_until(lambda: "FAILED" in readiness(release, new), "the new pod says why", 120)
        status = rollout_status(release)
        ready = set(release.ready_pods())
        # The way out: the artifact as it was. What is FAILED is tried again when its files change.
        workbench.run("cp", source, fragile)
        release.install(with_tag(values, image.next_tag))

    print(f"\nrollout: {status}\nload: {load.summary()}")
    assert old == ready
    assert "exceeded its progress deadline" in status or "timed out" in status
    assert load.result["statuses"] == {"200": load.result["sent"]}


def state(release: Release, pod: str) -> dict[str, Any]:
    """Return what a pod says of the broken version; no state while it does not know it."""
    try:
        answer: dict[str, Any] = json.loads(
            release.namespace.ask(pod, "/api/v1/models/iris/versions/broken")
        )
    except CommandFailed:
        return {"state": None}
    return answer


def events(release: Release, pod: str) -> list[Mapping[str, Any]]:
    """Return what ``kubectl logs`` shows."""
    lines = release.namespace.kubectl("logs", pod).splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def value_of(metrics: str, name: str, **labels: str) -> float:
    """Return the value of the one series with these labels."""
    (found,) = [
        float(line.rpartition(" ")[2])
        for line in metrics.splitlines()
        if line.startswith(f"{name}{{") and all(f'{k}="{v}"' in line for k, v in labels.items())
    ]
    return found


def new_pods(release: Release, old: set[str]) -> list[str]:
    """Return the running pods that are not among the old ones."""
    return [
        pod["metadata"]["name"]
        for pod in release.pods()
        if pod["metadata"]["name"] not in old and pod["status"]["phase"] == "Running"
    ]


def readiness(release: Release, pod: str) -> str:
    """Return what ``/readyz`` says where it is not 200, as the API server repeats it."""
    probe = ("python", "-c", READYZ)
    return release.namespace.kubectl("exec", pod, "--", *probe)


READYZ = """
import urllib.error, urllib.request
try:
    print(urllib.request.urlopen("http://127.0.0.1:8080/readyz").status)
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
except OSError as error:
    print(error)
"""


def rollout_status(release: Release) -> str:
    """Return what ``kubectl rollout status`` says when it has waited for a while in vain."""
    try:
        return release.namespace.kubectl(
            "rollout", "status", f"deployment/{release.name}", "--timeout=10s"
        )
    except CommandFailed as error:
        return str(error)
