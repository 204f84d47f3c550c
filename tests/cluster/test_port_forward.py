"""A canary as a caller sees it through one port-forward to the Service."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest

from skerry.core.traffic_policy import TrafficPolicy
from skerry.core.traffic_split import TrafficSplit, split_of
from tests.cluster.cluster import Namespace, Release
from tests.cluster.conftest import Image
from tests.cluster.values import chart_values
from tests.cluster.workbench import Workbench

N_REQUESTS = 5000
CANARY_PERCENT = 10
ROW = {"features": [5.1, 3.5, 1.4, 0.2]}
TRAFFIC = {
    "stable": "v1",
    "canary": {
        "version": "v2",
        "weight": CANARY_PERCENT,
        "headers": [{"name": "X-Canary", "value": "true"}],
    },
    "sticky": {"header": "X-User-Id"},
}


@pytest.fixture(scope="module")
def caller(namespace: Namespace, workbench: Workbench, image: Image) -> Iterator[httpx.Client]:
    """A client of two replicas with a canary of 10 %."""
    del workbench
    release = Release(namespace, "skerry-canary")
    release.install(chart_values(image, ["v1", "v2"], TRAFFIC, replicaCount=2))
    with (
        namespace.port_forward("service/skerry-canary", "http") as url,
        httpx.Client(base_url=url, timeout=30) as client,
    ):
        yield client
    release.uninstall()


def track_of(answer: httpx.Response) -> tuple[str, str]:
    """Return version and track, once it is sure that header and body agree."""
    assert answer.status_code == 200, answer.text
    version = answer.headers["X-Model-Version"]
    assert version == answer.json()["model_version"]
    return version, answer.headers["X-Model-Track"]


def test_canary_gets_its_share(caller: httpx.Client) -> None:
    seen = Counter(track_of(caller.post("/api/v1/predict", json=ROW)) for _ in range(N_REQUESTS))

    share = CANARY_PERCENT / 100
    off = seen["v2", "canary"] - N_REQUESTS * share
    sigma = math.sqrt(N_REQUESTS * share * (1 - share))
    print(f"\ncanary: {seen['v2', 'canary']} of {N_REQUESTS}, {off / sigma:+.2f} sigma")
    assert set(seen) == {("v1", "stable"), ("v2", "canary")}
    assert abs(off) <= 4 * sigma


def test_header_selects_the_canary(caller: httpx.Client) -> None:
    answers = [
        caller.post("/api/v1/predict", json=ROW, headers={"X-Canary": "true"}) for _ in range(200)
    ]

    assert {track_of(answer) for answer in answers} == {("v2", "canary")}


def test_another_value_of_the_header_selects_nothing(caller: httpx.Client) -> None:
    answers = [
        caller.post("/api/v1/predict", json=ROW, headers={"X-Canary": "True"}) for _ in range(200)
    ]

    assert ("v1", "stable") in {track_of(answer) for answer in answers}


def test_users_stay_where_the_policy_puts_them(caller: httpx.Client) -> None:
    expected = {user: policy_split().choose({b"x-user-id": user.encode()}, 0.0) for user in USERS}

    for _ in range(2):
        got = {
            user: track_of(caller.post("/api/v1/predict", json=ROW, headers={"X-User-Id": user}))
            for user in USERS
        }
        assert expected == got
    assert set(expected.values()) == {("v1", "stable"), ("v2", "canary")}


USERS = [f"user-{number}" for number in range(200)]


def policy_split() -> TrafficSplit:
    policy = TrafficPolicy.from_value(TRAFFIC, "iris")
    ready = frozenset({"v1", "v2"})
    return split_of("iris", policy.stable, policy.canaries, policy.sticky, ready)


def test_pinned_version_answers(caller: httpx.Client) -> None:
    answer = caller.post("/api/v1/predict", json=ROW, headers={"X-Model-Version": "v2"})

    assert track_of(answer) == ("v2", "pinned")
