"""How soon a pod is ready, and whether its first request is as fast as its thousandth."""

from __future__ import annotations

import json
import statistics
from datetime import datetime
from typing import Any

import pytest

from tests.cluster.cluster import Release
from tests.cluster.conftest import Image
from tests.cluster.values import chart_values
from tests.cluster.workbench import Workbench

# A hundred requests a second. One that follows another at once finds the processor's caches filled
# and takes a sixth of the time, the first or not: after a pause the thousandth is as slow.
# Each comes in one piece: where head and body come apart, the time between the two is the client's
# own, and a client in Python is slow when it sends for the first time.
ASK = """
import socket, sys, time
host, n_requests = sys.argv[1], int(sys.argv[2])
body = b'{"features": [5.1, 3.5, 1.4, 0.2]}'
head = "POST /api/v1/predict HTTP/1.1\\r\\nHost: %s\\r\\nContent-Length: %d\\r\\n\\r\\n"
request = (head % (host, len(body))).encode() + body
with socket.create_connection((host, 8080)) as connection:
    for _ in range(n_requests):
        time.sleep(0.01)
        connection.sendall(request)
        answer = connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200"), answer
"""
# The claims are 5 s and 3×, on an idle node. On a busy one only a hang is told from slowness.
HANGS_AFTER_S = 60
N_REQUESTS = 1000


@pytest.mark.slow
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_pod_is_soon_ready_and_at_once_as_fast_as_ever(
    release: Release, workbench: Workbench, image: Image, version: str
) -> None:
    release.install(chart_values(image, ["v1", "v2"], {"stable": version}, replicaCount=1))
    (pod,) = release.pods()
    name = pod["metadata"]["name"]
    workbench.run("python", "-c", ASK, pod["status"]["podIP"], str(N_REQUESTS))

    durations_ms = request_durations_ms(release, name)
    median_ms = statistics.median(durations_ms[900:1000])
    ready_s = seconds_to_ready(pod)
    print(
        f"\n{version}: ready {ready_s:.0f} s after the container started (whole seconds); "
        f"in the log: {' '.join(log_times(release, name))}; first request {durations_ms[0]} ms, "
        f"median of 901 to 1000 {median_ms} ms, {durations_ms[0] / median_ms:.2f}×"
    )
    assert len(durations_ms) == N_REQUESTS
    assert ready_s < HANGS_AFTER_S
    assert max(durations_ms) < HANGS_AFTER_S * 1000


def seconds_to_ready(pod: dict[str, Any]) -> float:
    """Return the seconds from the container's start to the pod's readiness."""
    (container,) = pod["status"]["containerStatuses"]
    (ready,) = [c for c in pod["status"]["conditions"] if c["type"] == "Ready"]
    began = datetime.fromisoformat(container["state"]["running"]["startedAt"])
    return (datetime.fromisoformat(ready["lastTransitionTime"]) - began).total_seconds()


def records(release: Release, pod: str) -> list[dict[str, Any]]:
    """Return a pod's log."""
    lines = release.namespace.kubectl("logs", pod).splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def request_durations_ms(release: Release, pod: str) -> list[float]:
    """Return how long each prediction took, in the order of the log."""
    log = records(release, pod)
    routes = [r for r in log if r["event"] == "request" and r["route"].endswith("/predict")]
    return [record["duration_ms"] for record in routes]


def log_times(release: Release, pod: str) -> list[str]:
    """Return when the server had started, and when each version was READY."""
    return [
        f"{r['event']}{'=' + r['version'] if 'version' in r and 'state' in r else ''}@{r['time']}"
        for r in records(release, pod)
        if r["event"] == "started" or r.get("state") == "READY"
    ]
