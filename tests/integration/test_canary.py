"""Canary, sticky and header routing on a real server: exact shares, and nobody moves in vain."""

from __future__ import annotations

import json
import math
import shutil
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.integration.caller import Caller
from tests.integration.models import (
    IRIS_ROW,
    SLOW_ROW,
    constant_model,
    estimators,
    plugin_env,
    put,
    settle,
)
from tests.integration.server import ADMIN, RunningServer, serve

REQUESTS = 20_000
USERS = [f"user-{number}" for number in range(5000)]
STICKY = {"header": "X-User-Id"}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    repository = tmp_path / "models"
    repository.mkdir()
    for version, label in (("v1", 0), ("v2", 1), ("v3", 2)):
        put(repository, "iris", version, constant_model(label))
    settle(repository)
    return repository


def wait_ready(server: RunningServer, *versions: str) -> None:
    for version in versions or ("v1", "v2", "v3"):
        server.wait_for_state("iris", version, "READY")


def policy(server: RunningServer, value: dict[str, Any]) -> dict[str, Any]:
    answer = server.client.put("/api/v1/models/iris/traffic", json=value, headers=ADMIN)
    assert 200 == answer.status_code, answer.text
    traffic: dict[str, Any] = answer.json()
    return traffic


def canary(weight: float, **keys: Any) -> dict[str, Any]:
    return {"stable": "v1", "canary": {"version": "v2", "weight": weight}, **keys}


def write(file: Path, value: dict[str, Any]) -> None:
    """Replace the traffic file as a whole."""
    staging = file.with_name(".staging")
    staging.write_text(json.dumps({"schema_version": 1, "models": {"iris": value}}))
    staging.replace(file)


def shares(server: RunningServer, connections: int) -> Counter[tuple[str, str]]:
    def ask(n_requests: int) -> Counter[tuple[str, str]]:
        with Caller(server.url, IRIS_ROW) as caller:
            return Counter(caller.who() for _ in range(n_requests))

    with ThreadPoolExecutor(connections) as pool:
        each = [REQUESTS // connections] * connections
        return sum(pool.map(ask, each), Counter())


@pytest.mark.slow
@pytest.mark.parametrize("connections", [1, 16])
def test_shares_are_exact(repository: Path, connections: int) -> None:
    with serve(repository) as server:
        wait_ready(server)
        for weight in (0, 1, 10, 33.33, 50, 100):
            policy(server, canary(weight))
            counts = shares(server, connections)

            assert {("v1", "stable"), ("v2", "canary")} >= set(counts)
            share = weight / 100
            sigma = math.sqrt(REQUESTS * share * (1 - share))
            print(
                f"{weight} %, {connections} connections: {counts[('v2', 'canary')]} of {REQUESTS}"
            )
            assert abs(counts[("v2", "canary")] - REQUESTS * share) <= 4 * sigma


def test_a_slow_canary_gets_its_share_beside_a_quick_stable(tmp_path: Path) -> None:
    """The quick way declines a slow version; the request must not be dealt out again."""
    repository = tmp_path / "models"
    repository.mkdir()
    slow = estimators(tmp_path).SlowRegressor
    put(repository, "iris", "v1", constant_regressor())
    put(repository, "iris", "v2", slow(seconds=0.001).fit([[1.0]]))
    settle(repository)
    with serve(repository, env=plugin_env(tmp_path)) as server, Caller(server.url, SLOW_ROW) as ask:
        wait_ready(server, "v1", "v2")
        policy(server, canary(30))

        counts = Counter(ask.who() for _ in range(1000))

    assert abs(counts[("v2", "canary")] - 300) <= 4 * math.sqrt(1000 * 0.3 * 0.7)


def constant_regressor() -> Any:
    from sklearn.dummy import DummyRegressor

    return DummyRegressor().fit([[1.0]], [1.0])


def test_sticky_users_stay_over_restarts_and_servers(repository: Path) -> None:
    with serve(repository) as server:
        wait_ready(server)
        policy(server, canary(10, sticky={**STICKY, "salt": "autumn"}))
        before = placed(server)
        assert before == placed(server)
    with ExitStack() as servers:
        for _ in range(3):
            assert before == placed(servers.enter_context(serve(repository)))
    assert abs(Counter(before.values())["v2"] / len(USERS) - 0.1) <= 0.015


def test_only_those_move_who_must_when_the_weight_grows(repository: Path) -> None:
    with serve(repository) as server:
        wait_ready(server)
        policy(server, canary(10, sticky=STICKY))
        smaller = {user for user, version in placed(server).items() if version == "v2"}
        policy(server, canary(20, sticky=STICKY))
        larger = {user for user, version in placed(server).items() if version == "v2"}

    assert set() == smaller - larger
    assert abs(len(larger - smaller) / len(USERS) - 0.1) <= 0.015


def placed(server: RunningServer) -> dict[str, str]:
    """Return the version that answers each user."""
    with Caller(server.url, IRIS_ROW) as caller:
        return {user: caller.who({"X-User-Id": user})[0] for user in USERS}


def test_pin_beats_headers_beat_sticky_beats_weight(repository: Path) -> None:
    headers = [{"name": "X-Canary", "value": "true"}]
    with serve(repository) as server, Caller(server.url, IRIS_ROW) as caller:
        wait_ready(server)
        policy(
            server,
            {
                "stable": "v1",
                "canaries": [
                    {"version": "v2", "weight": 100},
                    {"version": "v3", "weight": 0, "headers": headers},
                ],
                "sticky": STICKY,
            },
        )

        assert ("v2", "canary") == caller.who()
        assert ("v2", "canary") == caller.who({"X-User-Id": "ann", "X-Canary": "TRUE"})
        assert ("v3", "canary") == caller.who({"X-User-Id": "ann", "x-canary": "true"})
        assert ("v1", "pinned") == caller.who({"X-Model-Version": "v1", "X-Canary": "true"})
        named = Caller(server.url, IRIS_ROW, "/api/v1/models/iris/versions/v1/predict")
        with named:
            assert ("v1", "pinned") == named.who({"X-Canary": "true"})


def test_a_policy_comes_back_as_it_was_put(repository: Path) -> None:
    with serve(repository) as server:
        wait_ready(server)
        value = canary(33.33, sticky=STICKY, shadow={"version": "v3", "sample": 12.5})

        traffic = policy(server, value)

        assert value == traffic["declared"] == traffic["in_force"]
        assert [] == traffic["differences"]
        model = server.client.get("/api/v1/models/iris").json()
        tracks = {each["version"]: each["tracks"] for each in model["versions"]}
        assert {"v1": ["stable"], "v2": ["canary"], "v3": ["shadow"]} == tracks


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (canary(101), "policy.canary.weight: expected a percentage from 0 to 100, got 101"),
        (canary(1, canry={}), "expected the keys stable, canary, canaries, sticky, shadow"),
        ({"stable": "v1", "canary": {"version": "v9", "weight": 1}}, "iris has no version 'v9'"),
        ({"stable": "v1", "shadow": {"version": "v9"}}, "iris has no version 'v9'"),
    ],
)
def test_refuses_a_wrong_policy_and_keeps_the_one_in_force(
    repository: Path, value: dict[str, Any], sentence: str
) -> None:
    with serve(repository) as server:
        wait_ready(server)
        before = policy(server, canary(5))

        answer = server.client.put("/api/v1/models/iris/traffic", json=value, headers=ADMIN)

        assert (422, "urn:skerry:error:invalid-policy") == (
            answer.status_code,
            answer.json()["type"],
        )
        assert sentence in answer.json()["detail"]
        assert before == server.client.get("/api/v1/models/iris/traffic").json()


def test_promotion_and_rollback_hold_from_the_next_request(repository: Path) -> None:
    with serve(repository) as server, Caller(server.url, IRIS_ROW) as caller:
        wait_ready(server)
        value = canary(0, sticky=STICKY, shadow={"version": "v3", "sample": 1})
        policy(server, value)
        longest_s = 0.0
        for _ in range(20):
            for call, version in (("versions/v2/activate", "v2"), ("rollback", "v1")):
                answer = server.client.post(f"/api/v1/models/iris/{call}", headers=ADMIN)
                returned_s = time.monotonic()
                assert 200 == answer.status_code
                assert (version, "stable") == caller.who()
                longest_s = max(longest_s, time.monotonic() - returned_s)
        print(f"seen {longest_s * 1000:.1f} ms after the call returned, at most")

        traffic = server.client.get("/api/v1/models/iris/traffic").json()
        assert value == traffic["declared"]
        promoted = {"stable": "v2", "sticky": STICKY, "shadow": value["shadow"]}
        assert promoted == traffic["previous"]


def test_a_changed_file_holds_within_a_second_in_every_server(
    repository: Path, tmp_path: Path
) -> None:
    env = {"SKERRY_TRAFFIC_FILE": str(tmp_path / "traffic" / "policy.json")}
    file = Path(env["SKERRY_TRAFFIC_FILE"])
    file.parent.mkdir()
    write(file, canary(0))
    with ExitStack() as stack:
        servers = [stack.enter_context(serve(repository, env=env)) for _ in range(2)]
        callers = [stack.enter_context(Caller(server.url, IRIS_ROW)) for server in servers]
        for server in servers:
            wait_ready(server)
        longest_s = 0.0
        for i in range(10):
            version = ("v2", "v1")[i % 2]
            write(file, {"stable": version})
            written_s = time.monotonic()
            while {(version, "stable")} != {caller.who() for caller in callers}:
                assert time.monotonic() - written_s < 10
            longest_s = max(longest_s, time.monotonic() - written_s)
        print(f"in force {longest_s * 1000:.0f} ms after the file was replaced, at most")
        assert (
            len(
                {
                    server.client.get("/api/v1/models/iris/traffic").json()["generation"]
                    for server in servers
                }
            )
            == 1
        )


def test_a_canary_that_cannot_be_loaded_gets_nothing(repository: Path) -> None:
    with serve(repository) as server, Caller(server.url, IRIS_ROW) as caller:
        wait_ready(server)
        broken = repository / "iris" / "v4"
        broken.mkdir()
        (broken / "model.joblib").write_bytes(b"no model")
        settle(repository)
        write(
            repository / "traffic.yaml", {"stable": "v1", "canary": {"version": "v4", "weight": 50}}
        )
        server.wait_for_state("iris", "v4", "FAILED")
        server.wait_for(lambda: bool(differences(server)), 5)

        assert {("v1", "stable")} == {caller.who() for _ in range(200)}
        [difference] = differences(server)
        assert ("v4", "FAILED") == (difference["version"], difference["state"])
        assert difference["reason"].startswith("canary is not READY: no traffic (")
        assert any(
            line["event"] == "version_state" and line["state"] == "FAILED" and line["reason"]
            for line in server.log()
        )
        text = server.client.get("/metrics").text
        assert 'skerry_version_state{model="iris",state="FAILED",version="v4"} 1.0' in text
        assert 'skerry_traffic_in_force{model="iris"} 0.0' in text


def test_a_canary_that_is_removed_leaves_everything_to_stable(repository: Path) -> None:
    with serve(repository) as server, Caller(server.url, IRIS_ROW) as caller:
        wait_ready(server)
        policy(server, canary(50))
        shutil.rmtree(repository / "iris" / "v2")
        removed_s = time.monotonic()
        while not differences(server):
            caller.ask()
            assert time.monotonic() - removed_s < 10
        print(f"told {(time.monotonic() - removed_s) * 1000:.0f} ms after the removal")

        assert {("v1", "stable")} == {caller.who() for _ in range(200)}
        assert "canary is not" in differences(server)[0]["reason"]
        assert any(
            line["event"] == "version_state" and line["reason"] == "not on the volume"
            for line in server.log()
        )
        assert 'skerry_traffic_in_force{model="iris"} 0.0' in server.client.get("/metrics").text
        assert {"stable": "v1"} == server.client.get("/api/v1/models/iris/traffic").json()[
            "in_force"
        ]


def differences(server: RunningServer) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.client.get("/api/v1/models/iris/traffic").json()[
        "differences"
    ]
    return found


def test_rollback_finds_a_version_that_nothing_else_keeps(repository: Path) -> None:
    with serve(repository, env={"SKERRY_VERSION_POLICY": "latest:1"}) as server:
        wait_ready(server, "v3")
        write(repository / "traffic.yaml", {"stable": "v2"})
        wait_ready(server, "v2")
        server.client.post("/api/v1/models/iris/versions/v3/activate", headers=ADMIN)
        time.sleep(1)  # Time enough to drop what nothing keeps.

        answer = server.client.post("/api/v1/models/iris/rollback", headers=ADMIN)

        assert (200, {"stable": "v2"}) == (answer.status_code, answer.json()["in_force"])


def test_an_error_says_who_answered(repository: Path) -> None:
    with serve(repository) as server:
        wait_ready(server)
        generation = policy(server, canary(100))["generation"]

        answer = server.client.post("/api/v1/predict", json={"features": [1.0]})

        assert 400 == answer.status_code
        assert ("v2", "canary", generation) == tuple(
            answer.headers[name]
            for name in ("X-Model-Version", "X-Model-Track", "X-Traffic-Generation")
        )
