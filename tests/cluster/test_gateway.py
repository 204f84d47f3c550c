"""Mode gateway: a Deployment for each version behind one HTTPRoute of a real Gateway."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import httpx
import pytest

from tests.cluster.cluster import Cluster, Namespace, Release, wait_until
from tests.cluster.conftest import Image
from tests.cluster.values import chart_values
from tests.cluster.workbench import Workbench

N_REQUESTS = 5000
ROW = {"features": [5.1, 3.5, 1.4, 0.2]}
HOST = "skerry.test"
CANARY = {"X-Canary": "true"}
HEADERS = [{"name": name, "value": value} for name, value in CANARY.items()]


@pytest.fixture(scope="module")
def url(cluster: Cluster) -> str:
    """Where the Gateway traefik/traefik answers; skips where there is none."""
    if not cluster.has_api("gateway.networking.k8s.io/v1"):
        pytest.skip("the cluster has no Gateway API")
    gateways = cluster.namespace("traefik").get("gateways")["items"]
    if "traefik" not in {item["metadata"]["name"] for item in gateways}:
        pytest.skip("the cluster has no Gateway traefik in the namespace traefik")
    return "http://127.0.0.1:30080"


@pytest.fixture(scope="module")
def gateway(
    namespace: Namespace, workbench: Workbench, image: Image, url: str
) -> Iterator[tuple[Release, httpx.Client]]:
    """The release with a canary of 10 %, and a client that asks it through the Gateway."""
    del workbench
    release = Release(namespace, "skerry-gateway")
    canary = {"version": "v2", "weight": 10, "headers": HEADERS}
    release.install(gateway_values(image, {"stable": "v1", "canary": canary}))
    with httpx.Client(base_url=url, headers={"Host": HOST}, timeout=30) as client:
        # The Gateway learns of each Service's pods by itself, and may know v1's before v2's.
        wait_until(lambda: statuses(client) == {200}, "the route answers for both versions", 60)
        yield release, client
    release.uninstall()


def gateway_values(image: Image, traffic: dict[str, Any]) -> dict[str, Any]:
    """Return values of mode gateway."""
    parents = {"parentRefs": [{"name": "traefik", "namespace": "traefik"}], "hostnames": [HOST]}
    return chart_values(
        image, ["v1", "v2"], {"mode": "gateway", **traffic, "gateway": parents}, replicaCount=1
    )


def statuses(client: httpx.Client) -> set[int]:
    """Return the statuses of predictions of the canary, and of whatever the weights choose."""
    headers = [*[CANARY] * 5, *[{}] * 5]
    return {
        client.post("/api/v1/predict", json=ROW, headers=header).status_code for header in headers
    }


def version_of(answer: httpx.Response) -> str:
    """Return who answered, once it is sure that it is a success."""
    assert answer.status_code == 200, answer.text
    return answer.headers["X-Model-Version"]


@pytest.mark.slow
def test_gateway_splits_by_weight(gateway: tuple[Release, httpx.Client]) -> None:
    _, client = gateway

    seen = Counter(version_of(client.post("/api/v1/predict", json=ROW)) for _ in range(N_REQUESTS))

    off = seen["v2"] - N_REQUESTS * 0.1
    sigma = math.sqrt(N_REQUESTS * 0.1 * 0.9)
    print(f"\nv2: {seen['v2']} of {N_REQUESTS}, {off / sigma:+.2f} sigma")
    assert {"v1", "v2"} == set(seen)
    assert abs(off) <= 4 * sigma


@pytest.mark.slow
def test_gateway_honours_the_header(gateway: tuple[Release, httpx.Client]) -> None:
    _, client = gateway

    answers = [client.post("/api/v1/predict", json=ROW, headers=CANARY) for _ in range(200)]

    assert {version_of(answer) for answer in answers} == {"v2"}


@pytest.mark.slow
def test_promotion_changes_the_route_and_loses_nothing(
    gateway: tuple[Release, httpx.Client], image: Image
) -> None:
    release, client = gateway
    before, seen, stop = release.identities(), Counter[str](), Event()

    def ask() -> None:
        while not stop.wait(0.02):
            seen[version_of(client.post("/api/v1/predict", json=ROW))] += 1

    def all_v2() -> bool:
        answers = [client.post("/api/v1/predict", json=ROW) for _ in range(20)]
        return {version_of(answer) for answer in answers} == {"v2"}

    with ThreadPoolExecutor(1) as threads:
        asking = threads.submit(ask)
        try:
            release.install(gateway_values(image, {"stable": "v2"}))
            live_s = wait_until(all_v2, "v2 answers everything", 60)
            n_before = seen.total()
            wait_until(
                lambda: asking.done() or seen.total() > n_before + 200, "200 more answers", 60
            )
        finally:
            stop.set()
        asking.result()

    print(f"\npromoted, live {live_s:.1f} s after helm returned; answers: {dict(seen)}")
    assert before == release.identities()
    assert {"v1", "v2"} == set(seen)
