"""What the Open Inference Protocol tells about server and models, and how it fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import skerry
from tests.conformance.v2_models import v2_repository
from tests.integration.models import iris_repository, put
from tests.integration.server import RunningServer, serve

TOKEN = "reader"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with serve(v2_repository(tmp_path_factory.mktemp("v2"))) as running:
        yield running


def get(server: RunningServer, path: str) -> Any:
    answer = server.client.get(path)
    assert 200 == answer.status_code, answer.text
    return answer.json()


@pytest.mark.parametrize("path", ["/v2", "/v2/"])
def test_server_has_name_version_and_extensions(server: RunningServer, path: str) -> None:
    expected = {
        "name": "skerry",
        "version": skerry.__version__,
        "extensions": ["binary_tensor_data", "model_repository"],
    }

    assert expected == get(server, path)


@pytest.mark.parametrize("path", ["/v2/health/live", "/v2/health/ready"])
def test_health_tells_both(server: RunningServer, path: str) -> None:
    assert {"live": True, "ready": True} == get(server, path)


def test_probes_are_quiet(server: RunningServer) -> None:
    get(server, "/v2/health/ready")
    get(server, "/v2/models/iris/ready")
    get(server, "/v2/models/iris")

    def logged() -> set[str]:
        return {str(record.get("route")) for record in server.log()}

    server.wait_for(lambda: "/v2/models/{model}" in logged())
    assert not {route for route in logged() if route.endswith(("ready", "live"))}


@pytest.mark.parametrize("path", ["/v2/models/iris/ready", "/v2/models/iris/versions/v1/ready"])
def test_model_is_ready(server: RunningServer, path: str) -> None:
    assert {"name": "iris", "ready": True} == get(server, path)


def test_numbers_are_one_tensor(server: RunningServer) -> None:
    expected = {
        "name": "iris",
        "versions": ["v1", "v2"],
        "platform": "sklearn_joblib",
        "inputs": [{"name": "input-0", "datatype": "FP64", "shape": [-1, 4]}],
        "outputs": [
            {"name": "predict", "datatype": "INT64", "shape": [-1]},
            {"name": "predict_proba", "datatype": "FP64", "shape": [-1, 3]},
        ],
        "properties": {"classes": "[0, 1, 2]"},
    }

    assert expected == get(server, "/v2/models/iris")
    assert expected == get(server, "/v2/models/iris/versions/v2")


def test_columns_of_several_kinds_are_a_tensor_each(server: RunningServer) -> None:
    metadata = get(server, "/v2/models/people")

    assert [
        {"name": "age", "datatype": "FP64", "shape": [-1, 1]},
        {"name": "city", "datatype": "BYTES", "shape": [-1, 1]},
        {"name": "member", "datatype": "BOOL", "shape": [-1, 1]},
        {"name": "visits", "datatype": "INT64", "shape": [-1, 1]},
    ] == metadata["inputs"]
    assert {"name": "predict", "datatype": "BYTES", "shape": [-1]} == metadata["outputs"][0]
    assert {"classes": '["old", "young"]'} == metadata["properties"]


def test_several_outputs_are_columns_with_probabilities_of_their_own(
    server: RunningServer,
) -> None:
    assert [
        {"name": "predict", "datatype": "INT64", "shape": [-1, 2]},
        {"name": "predict_proba_0", "datatype": "FP64", "shape": [-1, 3]},
        {"name": "predict_proba_1", "datatype": "FP64", "shape": [-1, 2]},
    ] == get(server, "/v2/models/labels")["outputs"]
    assert [{"name": "predict", "datatype": "FP64", "shape": [-1, 2]}] == get(
        server, "/v2/models/pair"
    )["outputs"]


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/v2/models/none", 404, "model 'none' does not exist"),
        ("GET", "/v2/models/none/ready", 404, "model 'none' does not exist"),
        ("GET", "/v2/models/iris/versions/v9", 404, "no version 'v9'"),
        ("GET", "/v2/models/iris/versions/v9/ready", 404, "no version 'v9'"),
        ("GET", "/v2/models/iris/config", 404, "no such route"),
        ("GET", "/v2/nothing", 404, "no such route"),
        ("DELETE", "/v2/models/iris", 405, "DELETE is not allowed here: expected GET, HEAD"),
        ("POST", "/v2/health/live", 405, "POST is not allowed here"),
    ],
)
def test_every_failure_is_an_error_of_the_protocol(
    server: RunningServer, method: str, path: str, status: int, words: str
) -> None:
    answer = server.client.request(method, path)

    assert status == answer.status_code
    assert "application/json" == answer.headers["content-type"]
    assert ["error"] == list(answer.json())
    assert words in answer.json()["error"]


@pytest.mark.parametrize("path", ["/v2", "/v2/", "/v2/health/ready", "/v2/models/iris/ready"])
def test_head_is_get_without_its_body(server: RunningServer, path: str) -> None:
    head, got = server.client.head(path), server.client.get(path)

    assert 200 == head.status_code
    assert b"" == head.content
    assert got.headers["content-length"] == head.headers["content-length"]


def test_headers_without_end_are_an_error_of_the_protocol(server: RunningServer) -> None:
    answer = server.client.get("/v2", headers={"X-Long": "x" * 40_000})

    assert 431 == answer.status_code
    assert ["error"] == list(answer.json())


def test_what_is_not_ready_is_503_with_a_body_of_the_protocol(tmp_path: Path) -> None:
    repository = iris_repository(tmp_path, "v1")
    put(repository, "broken", "v1", object())
    with serve(repository, env={"SKERRY_MODELS": "iris,broken"}, wait_ready=False) as server:
        server.wait_for_state("broken", "v1", "FAILED")
        server.wait_for_state("iris", "v1", "READY")

        health = server.client.get("/v2/health/ready")
        ready = server.client.get("/v2/models/broken/ready")
        version = server.client.get("/v2/models/broken/versions/v1/ready")
        metadata = server.client.get("/v2/models/broken")

    assert (503, {"live": True, "ready": False}) == (health.status_code, health.json())
    for answer in (ready, version):
        assert 503 == answer.status_code
        assert {"name": "broken", "ready": False} == {
            key: answer.json()[key] for key in ("name", "ready")
        }
    assert "v1 is FAILED" in ready.json()["error"]
    assert 503 == metadata.status_code
    assert ["error"] == list(metadata.json())


def test_a_token_guards_models_but_not_the_server(tmp_path: Path) -> None:
    with serve(iris_repository(tmp_path, "v1"), env={"SKERRY_API_TOKEN": TOKEN}) as server:
        refused = server.client.get("/v2/models/iris/ready")
        taken = server.client.get(
            "/v2/models/iris/ready", headers={"Authorization": f"Bearer {TOKEN}"}
        )
        open_routes = [server.client.get(path).status_code for path in ("/v2", "/v2/health/live")]

    assert 401 == refused.status_code
    assert "Bearer" == refused.headers["www-authenticate"]
    assert ["error"] == list(refused.json())
    assert 200 == taken.status_code
    assert [200, 200] == open_routes
