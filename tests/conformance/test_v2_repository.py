"""The model repository extension, by its text, and what an unload means here."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conformance.v2_client import tensor
from tests.integration.models import (
    gated_repository,
    iris_model,
    iris_repository,
    open_gate,
    plugin_env,
    put,
    settle,
    slow_repository,
)
from tests.integration.server import ADMIN, RunningServer, serve

INFER = {"inputs": [tensor("a", "FP64", [1, 4], [5.1, 3.5, 1.4, 0.2])]}


def change(server: RunningServer, model: str, what: str, **more: Any) -> httpx.Response:
    return server.client.post(f"/v2/repository/models/{model}/{what}", **{"headers": ADMIN, **more})


def index(server: RunningServer, **body: Any) -> list[dict[str, str]]:
    answer = server.client.post("/v2/repository/index", json=body)
    assert 200 == answer.status_code, answer.text
    entries: list[dict[str, str]] = answer.json()
    return entries


def states(server: RunningServer) -> dict[tuple[str, str], str]:
    return {(entry["name"], entry["version"]): entry["state"] for entry in index(server)}


def test_index_has_every_version_with_its_state(tmp_path: Path) -> None:
    repository = iris_repository(tmp_path, "v2", "v10")
    put(repository, "broken", "v1", object())
    with serve(repository, env={"SKERRY_MODELS": "iris,broken"}, wait_ready=False) as server:
        server.wait_for_state("broken", "v1", "FAILED")
        server.wait_for_state("iris", "v2", "READY")
        empty = server.client.post("/v2/repository/index", content=b"")

        assert [
            ("broken", "v1", "UNAVAILABLE"),
            ("iris", "v2", "READY"),
            ("iris", "v10", "READY"),
        ] == [(e["name"], e["version"], e["state"]) for e in index(server)]
        assert "has no predict" in index(server)[0]["reason"]
        assert index(server) == empty.json()
        assert ["v2", "v10"] == [e["version"] for e in index(server, ready=True)]


def test_unload_and_load_change_what_is_served_until_the_restart(tmp_path: Path) -> None:
    repository = iris_repository(tmp_path, "v1", "v2")
    before = sorted(path.name for path in repository.rglob("*"))
    with serve(repository) as server:
        assert 200 == change(server, "iris", "unload").status_code
        after_unload = server.client.post("/v2/models/iris/infer", json=INFER)
        native = server.client.post("/api/v1/predict", json={"features": [5.1, 3.5, 1.4, 0.2]})
        ready = server.client.get("/readyz")
        model_ready = server.client.get("/v2/models/iris/ready")
        server.wait_for(lambda: set(states(server).values()) == {"UNAVAILABLE"})
        reasons = {entry["reason"] for entry in index(server)}

        assert 200 == change(server, "iris", "load").status_code
        after_load = server.client.post("/v2/models/iris/infer", json=INFER)
        ready_again = server.client.get("/readyz")
        both = states(server)

        assert 200 == change(server, "iris", "unload").status_code
    with serve(repository) as restarted:
        restarted.wait_for(lambda: {"READY"} == set(states(restarted).values()))

    assert (503, ["error"]) == (after_unload.status_code, list(after_unload.json()))
    assert 503 == native.status_code
    assert (503, 503) == (ready.status_code, model_ready.status_code)
    assert "unloaded by request" in ready.json()["reasons"][0]["reason"]
    assert ["unloaded by request: POST /v2/repository/models/iris/load loads it"] == list(reasons)
    assert (200, 200) == (after_load.status_code, ready_again.status_code)
    assert {("iris", "v1"): "READY", ("iris", "v2"): "READY"} == both
    assert before == sorted(path.name for path in repository.rglob("*"))


def test_what_appears_while_a_model_is_unloaded_waits(tmp_path: Path) -> None:
    repository = iris_repository(tmp_path, "v1")
    put(repository, "other", "v1", iris_model())
    with serve(repository) as server:
        assert 200 == change(server, "iris", "unload").status_code
        put(repository, "iris", "v2", iris_model())
        server.wait_for(lambda: ("iris", "v2") in states(server))
        time.sleep(1)  # the settle time, three times over
        assert {"UNAVAILABLE"} == set(states(server).values()) - {"READY"}
        assert "READY" not in {states(server)["iris", version] for version in ("v1", "v2")}
        assert {"unloaded by request: POST /v2/repository/models/iris/load loads it"} == {
            entry["reason"] for entry in index(server) if entry["name"] == "iris"
        }

        assert 200 == change(server, "iris", "load").status_code
        assert {"READY"} == set(states(server).values())


def test_load_follows_the_version_policy(tmp_path: Path) -> None:
    repository = iris_repository(tmp_path, "v1", "v2")
    with serve(repository, env={"SKERRY_VERSION_POLICY": "latest:1"}) as server:
        assert 200 == change(server, "iris", "unload").status_code
        assert 200 == change(server, "iris", "load").status_code

        assert ["v2"] == [entry["version"] for entry in index(server, ready=True)]


def test_index_says_of_a_version_that_was_never_loaded_why(tmp_path: Path) -> None:
    repository = iris_repository(tmp_path, "v1", "v2")
    with serve(repository, env={"SKERRY_VERSION_POLICY": "latest:1"}) as server:
        entries = {entry["version"]: (entry["state"], entry["reason"]) for entry in index(server)}
        discovered = server.state("iris", "v1")

    assert "DISCOVERED" == discovered
    assert {
        "v1": ("UNAVAILABLE", "not selected by the version policy"),
        "v2": ("READY", ""),
    } == entries


def test_load_finds_what_was_put_there_just_now(tmp_path: Path) -> None:
    repository = iris_repository(tmp_path, "v1")
    with serve(repository, env={"SKERRY_POLL_INTERVAL_S": "60"}) as server:
        put(repository, "new", "v1", iris_model())
        assert 200 == change(server, "new", "load").status_code
        assert 200 == server.client.post("/v2/models/new/infer", json=INFER).status_code


def test_load_of_what_is_loaded_does_nothing(tmp_path: Path) -> None:
    with serve(iris_repository(tmp_path, "v1")) as server:
        assert 200 == change(server, "iris", "load", json={"parameters": {}}).status_code
        attempts = server.client.get("/api/v1/models/iris/versions/v1").json()["load"]["attempts"]

    assert 1 == attempts


def test_load_of_a_broken_model_tries_again_and_says_why(tmp_path: Path) -> None:
    repository = iris_repository(tmp_path, "v1")
    put(repository, "broken", "v1", object())
    with serve(repository, wait_ready=False) as server:
        server.wait_for_state("broken", "v1", "FAILED")
        answer = change(server, "broken", "load")
        attempts = server.client.get("/api/v1/models/broken/versions/v1").json()["load"]["attempts"]
        # Mended, it loads at once, whatever the pause before its next attempt.
        shutil.rmtree(repository / "broken" / "v1")
        put(repository, "broken", "v1", iris_model())
        settle(repository)
        mended = change(server, "broken", "load")

    assert 503 == answer.status_code
    assert "v1 is FAILED" in answer.json()["error"]
    assert "has no predict" in answer.json()["error"]
    assert attempts >= 2
    assert 200 == mended.status_code, mended.text


def test_a_request_that_runs_is_answered_by_what_was_unloaded(tmp_path: Path) -> None:
    repository = slow_repository(tmp_path, seconds=1.5)
    body = {"inputs": [tensor("a", "FP64", [1, 1], [42.0])]}
    answers: list[httpx.Response] = []
    with serve(repository, env=plugin_env(tmp_path)) as server:
        asking = threading.Thread(
            target=lambda: answers.append(
                httpx.post(f"{server.url}/v2/models/slow/infer", json=body, timeout=30)
            )
        )
        asking.start()
        server.wait_for(
            lambda: server.client.get("/api/v1/models/slow/versions/v1").json()["in_flight"] == 1
        )
        unloaded = change(server, "slow", "unload")
        meanwhile = states(server)["slow", "v1"]
        asking.join(30)
        server.wait_for(lambda: states(server)["slow", "v1"] == "UNAVAILABLE")

    assert 200 == unloaded.status_code
    assert "UNLOADING" == meanwhile
    assert [200] == [answer.status_code for answer in answers]


def _moves(server: RunningServer) -> list[str]:
    return [record["state"] for record in server.log() if record["event"] == "version_state"]


def test_unload_during_a_load_keeps_the_model_out_of_service(tmp_path: Path) -> None:
    repository = gated_repository(tmp_path, gate := tmp_path / "gate")
    with serve(repository, env=plugin_env(tmp_path), wait_ready=False) as server:
        server.wait_for_state("gated", "v1", "LOADING")
        server.client.headers["X-Request-Timeout-Seconds"] = "0.5"
        unloaded = change(server, "gated", "unload")
        del server.client.headers["X-Request-Timeout-Seconds"]
        open_gate(gate)
        server.wait_for(lambda: _moves(server)[-1:] == ["UNLOADED"])
        moves = _moves(server)
        entry = index(server)[0]
        change(server, "gated", "load")
        server.wait_for_state("gated", "v1", "READY")

    assert 504 == unloaded.status_code
    assert "not ended within 0.5 s, and goes on" in unloaded.json()["error"]
    assert ["VERIFYING", "LOADING", "WARMING", "UNLOADED"] == moves
    assert ("UNAVAILABLE", True) == (entry["state"], "unloaded by request" in entry["reason"])


def test_load_during_a_load_that_fails_tells_of_that_one(tmp_path: Path) -> None:
    repository = gated_repository(tmp_path, gate := tmp_path / "gate")
    answers: list[httpx.Response] = []
    with serve(repository, env=plugin_env(tmp_path), wait_ready=False) as server:
        server.wait_for_state("gated", "v1", "LOADING")
        url = f"{server.url}/v2/repository/models/gated/load"
        asking = threading.Thread(
            target=lambda: answers.append(httpx.post(url, headers=ADMIN, timeout=30))
        )
        asking.start()
        time.sleep(1)  # for the request to come, and two looks to end
        open_gate(gate, "fail")
        asking.join(30)
        attempts = server.client.get("/api/v1/models/gated/versions/v1").json()["load"]["attempts"]

    assert [503] == [answer.status_code for answer in answers]
    assert "v1 is FAILED" in answers[0].json()["error"]
    assert 1 == attempts


@pytest.fixture(scope="module")
def iris(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with serve(iris_repository(tmp_path_factory.mktemp("iris"), "v1")) as running:
        yield running


@pytest.mark.parametrize(
    ("path", "more", "status", "words"),
    [
        ("models/none/load", {"headers": ADMIN}, 404, "model 'none' does not exist"),
        ("models/none/unload", {"headers": ADMIN}, 404, "model 'none' does not exist"),
        ("models/iris/load", {}, 401, "admin token"),
        ("models/iris/unload", {}, 401, "admin token"),
        ("models/iris/load", {"headers": ADMIN, "json": {"parameters": {"config": "{}"}}}, 400,
         "parameters.config: a model is loaded as it lies in the repository"),
        ("models/iris/load", {"headers": ADMIN, "json": {"parameters": {"file:1/model.onnx": ""}}},
         400, "parameters.file:1/model.onnx"),
        ("models/iris/load", {"headers": ADMIN, "content": b"{"}, 400, "not JSON"),
        ("models/iris/load", {"headers": ADMIN, "json": [1]}, 400, "an object, or nothing"),
        ("index", {"json": {"ready": "yes"}}, 400, "ready: expected true or false"),
        ("nothing", {}, 404, "no such route"),
    ],
)  # fmt: skip
def test_every_failure_is_an_error_of_the_protocol(
    iris: RunningServer, path: str, more: Any, status: int, words: str
) -> None:
    answer = iris.client.post(f"/v2/repository/{path}", **more)

    assert status == answer.status_code, answer.text
    assert ["error"] == list(answer.json())
    assert words in answer.json()["error"]
    assert 200 == iris.client.get("/readyz").status_code


def test_the_token_of_readers_changes_nothing(tmp_path: Path) -> None:
    reader = {"Authorization": "Bearer reader"}
    with serve(iris_repository(tmp_path, "v1"), env={"SKERRY_API_TOKEN": "reader"}) as server:
        refused = change(server, "iris", "unload", headers=reader)
        listed = server.client.post("/v2/repository/index", headers=reader)
        hidden = server.client.post("/v2/repository/index")

    assert (403, ["error"]) == (refused.status_code, list(refused.json()))
    assert ["READY"] == [entry["state"] for entry in listed.json()]
    assert 401 == hidden.status_code
