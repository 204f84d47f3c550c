"""Inference in JSON, by the text of the specification."""

from __future__ import annotations

import gzip
import json
import math
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conformance.v2_client import outputs_of, tensor
from tests.conformance.v2_models import IRIS, PEOPLE, TEXTS, v2_repository
from tests.integration.models import constant_model, plugin_env, put, settle, slow_repository
from tests.integration.server import RunningServer, serve

FLAT = [value for row in IRIS for value in row]
PATH = "/v2/models/iris/infer"
BLOCK = tensor("input-0", "FP64", [3, 4], IRIS)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with serve(v2_repository(tmp_path_factory.mktemp("v2"))) as running:
        yield running


def infer(server: RunningServer, model: str, *inputs: Any, **more: Any) -> httpx.Response:
    return server.client.post(f"/v2/models/{model}/infer", json={"inputs": inputs, **more})


def native(server: RunningServer, model: str, rows: Any) -> dict[str, Any]:
    answer = server.client.post(
        f"/api/v1/models/{model}/predict/batch",
        json={"features": rows, "return_probabilities": True},
    )
    assert 200 == answer.status_code, answer.text
    body: dict[str, Any] = answer.json()
    return body


def people_tensors() -> list[dict[str, Any]]:
    """Return one tensor a column; the visits come flat, without a second dimension."""
    return [
        tensor("visits", "INT64", [2], [row["visits"] for row in PEOPLE]),
        tensor("member", "BOOL", [2, 1], [[row["member"]] for row in PEOPLE]),
        tensor("city", "BYTES", [2, 1], [row["city"] for row in PEOPLE]),
        tensor("age", "FP64", [2, 1], [row["age"] for row in PEOPLE]),
    ]


def test_answer_has_what_the_specification_asks_for(server: RunningServer) -> None:
    answer = infer(server, "iris", BLOCK, id="42")
    expected = native(server, "iris", IRIS)

    assert {
        "model_name": "iris",
        "model_version": "v2",
        "id": "42",
        "outputs": [
            {
                "name": "predict",
                "datatype": "INT64",
                "shape": [3],
                "data": expected["predictions"],
            },
            {
                "name": "predict_proba",
                "datatype": "FP64",
                "shape": [3, 3],
                "data": [p for row in expected["probabilities"] for p in row],
            },
        ],
    } == answer.json()
    assert "application/json" == answer.headers["content-type"]
    assert ("v2", "stable") == (
        answer.headers["x-model-version"],
        answer.headers["x-model-track"],
    )


def test_id_is_only_there_where_it_was_sent(server: RunningServer) -> None:
    assert "id" not in infer(server, "iris", BLOCK).json()
    assert "" == infer(server, "iris", BLOCK, id="").json()["id"]


@pytest.mark.parametrize(
    "given",
    [
        tensor("input-0", "FP64", [3, 4], FLAT),
        tensor("any name", "FP64", [3, 4], IRIS),
        tensor("input-0", "FP64", [3, 4], IRIS, parameters={"x": 1, "y": "z", "w": True}),
        tensor("input-0", "FP64", [3, 4], IRIS, parameters={}, unknown={"deep": [1]}),
    ],
    ids=["flat", "another-name", "parameters", "unknown-keys"],
)
def test_every_form_of_one_tensor_is_the_same(server: RunningServer, given: Any) -> None:
    assert outputs_of(infer(server, "iris", BLOCK)) == outputs_of(infer(server, "iris", given))


def test_columns_are_taken_where_one_tensor_is_announced(server: RunningServer) -> None:
    columns = [tensor(f"x{j}", "FP64", [3, 1], [row[j] for row in IRIS]) for j in (2, 0, 3, 1)]

    assert outputs_of(infer(server, "iris", BLOCK)) == outputs_of(infer(server, "iris", *columns))


def test_unknown_keys_and_parameters_of_a_request_are_passed_over(server: RunningServer) -> None:
    answer = infer(
        server,
        "iris",
        BLOCK,
        model_name="iris",
        parameters={"sequence_id": 5, "priority": 1, "timeout": 5_000_000, "mine": "x"},
        outputs=[{"name": "predict", "parameters": {"mine": 1}, "more": None}],
    )

    assert ["predict"] == list(outputs_of(answer))


def test_columns_of_several_kinds_in_any_order(server: RunningServer) -> None:
    outputs = outputs_of(infer(server, "people", *people_tensors()))
    expected = native(server, "people", PEOPLE)

    assert expected["predictions"] == outputs["predict"]
    assert [p for row in expected["probabilities"] for p in row] == outputs["predict_proba"]


@pytest.mark.parametrize("shape", [[2], [2, 1]])
def test_texts(server: RunningServer, shape: list[int]) -> None:
    outputs = outputs_of(infer(server, "text", tensor("text", "BYTES", shape, TEXTS)))

    assert native(server, "text", [[text] for text in TEXTS])["predictions"] == outputs["predict"]
    assert [True, False] == outputs["predict"]


def test_null_is_a_missing_value_where_the_model_takes_them(server: RunningServer) -> None:
    row = [5.1, None, 1.4, 0.2]
    outputs = outputs_of(infer(server, "gaps", tensor("a", "FP64", [1, 4], [row])))

    assert native(server, "gaps", [row])["predictions"] == outputs["predict"]


def test_several_outputs(server: RunningServer) -> None:
    answer = infer(server, "labels", BLOCK)
    expected = native(server, "labels", IRIS)
    outputs = outputs_of(answer)

    assert [[3, 2], [3, 3], [3, 2]] == [o["shape"] for o in answer.json()["outputs"]]
    assert [v for row in expected["predictions"] for v in row] == outputs["predict"]
    for k in range(2):
        each = [p for row in expected["probabilities"] for p in row[k]]
        assert each == outputs[f"predict_proba_{k}"]


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (["predict_proba"], ["predict_proba"]),
        (["predict_proba", "predict"], ["predict_proba", "predict"]),
        ([], ["predict", "predict_proba"]),
        (None, ["predict", "predict_proba"]),
    ],
)
def test_outputs_come_as_they_are_asked_for(
    server: RunningServer, wanted: list[str] | None, names: list[str]
) -> None:
    outputs = None if wanted is None else [{"name": name} for name in wanted]

    assert names == list(outputs_of(infer(server, "iris", BLOCK, outputs=outputs)))


@pytest.mark.parametrize("datatype", ["INT8", "UINT16", "INT32", "UINT64", "FP16", "FP32"])
def test_another_numeric_datatype_is_converted(server: RunningServer, datatype: str) -> None:
    whole = [[5, 3, 1, 0]]

    outputs = outputs_of(infer(server, "iris", tensor("a", datatype, [1, 4], whole)))

    assert native(server, "iris", whole)["predictions"] == outputs["predict"]


@pytest.mark.parametrize(
    "media_type",
    ["application/json", "application/octet-stream", "application/x-www-form-urlencoded", None],
)
@pytest.mark.parametrize("encoding", [None, "gzip", "deflate"])
def test_body_is_taken_whatever_its_type_and_compressed(
    server: RunningServer, media_type: str | None, encoding: str | None
) -> None:
    body = json.dumps({"inputs": [BLOCK]}).encode()
    headers = {} if media_type is None else {"Content-Type": media_type}
    if encoding is not None:
        headers["Content-Encoding"] = encoding
        body = gzip.compress(body) if encoding == "gzip" else zlib.compress(body)

    answer = server.client.post(PATH, content=body, headers=headers)

    assert [0, 2, 1] == outputs_of(answer)["predict"]


def test_a_version_is_pinned_by_path_or_header(server: RunningServer) -> None:
    by_path = server.client.post("/v2/models/iris/versions/v1/infer", json={"inputs": [BLOCK]})
    by_header = server.client.post(
        PATH, json={"inputs": [BLOCK]}, headers={"X-Model-Version": "v1"}
    )

    for answer in (by_path, by_header):
        assert "v1" == answer.json()["model_version"]
        assert "pinned" == answer.headers["x-model-track"]


REFUSED: list[tuple[str, Any, str]] = [
    ("not-json", b"{", "the body is not JSON"),
    ("no-object", b"[1]", 'expected an object such as {"inputs": …}, got a list'),
    ("empty", b"", "the body is not JSON"),
    ("no-inputs", {}, "inputs: expected a list of tensors, at least one, got a body without"),
    ("inputs-empty", {"inputs": []}, "at least one"),
    ("inputs-no-list", {"inputs": {"a": 1}}, "a list of tensors"),
    ("input-no-object", {"inputs": [5]}, "inputs[0]: expected a tensor, got 5"),
    ("no-name", {"inputs": [{"shape": [1, 4], "datatype": "FP64", "data": []}]}, "inputs[0].name"),
    ("no-data", {"inputs": [{"name": "a", "shape": [1, 4], "datatype": "FP64"}]}, "inputs[0].data"),
    ("datatype", {"inputs": [tensor("a", "FP8", [1, 4], IRIS[0])]}, "one of BOOL, UINT8"),
    ("id", {"id": 42, "inputs": [BLOCK]}, "id: expected a string, got 42"),
    ("parameters", {"inputs": [BLOCK], "parameters": []}, "parameters: expected an object"),
    ("outputs", {"inputs": [BLOCK], "outputs": "predict"}, "outputs: expected a list"),
    ("output", {"inputs": [BLOCK], "outputs": [{"name": "x"}]}, "predict, predict_proba, got unkn"),
    ("output-twice", {"inputs": [BLOCK], "outputs": [{"name": "predict"}] * 2}, "each output once"),
    ("input-twice", {"inputs": [BLOCK, BLOCK]}, "each input once"),
    ("shape-text", {"inputs": [tensor("a", "FP64", ["1"], [])]}, "shape[0]: expected a whole numb"),
    ("shape-bool", {"inputs": [tensor("a", "FP64", [True, 4], IRIS[0])]}, "shape[0]"),
    ("shape-float", {"inputs": [tensor("a", "FP64", [1.0, 4], IRIS[0])]}, "shape[0]"),
    ("shape-none", {"inputs": [tensor("a", "FP64", [], 1.0)]}, "shape"),
    ("negative", {"inputs": [tensor("a", "FP64", [-1, 4], IRIS)]}, "0 or more, got -1"),
    ("no-rows", {"inputs": [tensor("a", "FP64", [0, 4], [])]}, "at least one row"),
    ("count", {"inputs": [tensor("a", "FP64", [1, 3], [1, 2, 3])]}, "expected [rows, 4]"),
    ("data-short", {"inputs": [tensor("a", "FP64", [1, 4], [1, 2, 3])]}, "4 values"),
    ("data-text", {"inputs": [tensor("a", "FP64", [1, 4], ["1", "2", "3", "4"])]}, "a number"),
    ("ragged", {"inputs": [tensor("a", "FP64", [2, 4], [IRIS[0], IRIS[0][:3]])]}, "a list of 4"),
    ("too-many", {"inputs": [tensor("a", "FP64", [1001, 4], [])]}, "at most 1000 rows"),
    ("null", {"inputs": [tensor("a", "FP64", [1, 4], [1, 2, None, 4])]}, "finite number for x2"),
    ("nan", json.dumps({"inputs": [tensor("a", "FP64", [1, 4], [1, 2, math.nan, 4])]}).encode(),
     "inputs[0].data[2]: expected a finite number; a missing value is null, got nan"),
    ("1e400", json.dumps({"inputs": [tensor("a", "FP64", [1, 4], [1, 2, "1e400", 4])]})
     .replace('"1e400"', "1e400").encode(), "inputs[0].data[2]: expected a finite number"),
    ("shared-memory", {"inputs": [{"name": "a", "datatype": "FP64", "shape": [1, 4],
      "parameters": {"shared_memory_region": "r"}}]}, "shared memory is not offered"),
    ("classification", {"inputs": [BLOCK], "outputs": [
      {"name": "predict", "parameters": {"classification": 2}}]}, "classification extension"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "words"), [pytest.param(c, w, id=name) for name, c, w in REFUSED]
)
def test_what_is_wrong_is_400_and_said(server: RunningServer, content: Any, words: str) -> None:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()

    answer = server.client.post(PATH, content=body)

    assert 400 == answer.status_code, answer.text
    assert "application/json" == answer.headers["content-type"]
    assert ["error"] == list(answer.json())
    assert words in answer.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("POST", "/v2/models/none/infer", {}, 404),
        ("POST", "/v2/models/iris/versions/v9/infer", {}, 404),
        ("POST", "/v2/models/iris/versions/v1/infer", {"X-Model-Version": "v2"}, 400),
        ("GET", PATH, {}, 405),
        ("POST", PATH, {"X-Request-Timeout-Seconds": "never"}, 400),
        ("POST", PATH, {"Content-Encoding": "br"}, 400),
        ("POST", PATH, {"Content-Encoding": "gzip"}, 400),
        ("POST", PATH, {"Inference-Header-Content-Length": "-5"}, 400),
        ("POST", PATH, {"Inference-Header-Content-Length": "99999"}, 400),
    ],
)
def test_every_failure_is_an_error_of_the_protocol(
    server: RunningServer, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    answer = server.client.request(method, path, json={"inputs": [BLOCK]}, headers=headers)

    assert status == answer.status_code, answer.text
    assert ["error"] == list(answer.json())


def test_a_body_over_the_limit_is_413(server: RunningServer) -> None:
    answer = server.client.post(PATH, content=b" " * (8 * 2**20 + 1))

    assert 413 == answer.status_code
    assert "expected at most 8388608 bytes" in answer.json()["error"]


def test_it_is_counted_and_logged_like_any_prediction(server: RunningServer) -> None:
    answer = infer(server, "pair", tensor("a", "FP64", [2, 2], [[5.1, 3.5], [99.0, 3.0]]))
    asked = answer.headers["x-request-id"]

    server.wait_for(lambda: any(r.get("request_id") == asked for r in server.log()))
    (record,) = [r for r in server.log() if r.get("request_id") == asked]
    evidence = server.client.get("/api/v1/models/pair/evidence").json()["versions"]
    scraped = server.client.get("/metrics").text

    assert ("pair", "v1", "stable", 2, None) == tuple(
        record[key] for key in ("model", "version", "track", "rows", "error")
    )
    assert [(1, 2)] == [(each["requests"], each["rows"]) for each in evidence]
    counted = [
        line
        for line in scraped.splitlines()
        if line.startswith("skerry_http_requests_total{")
        and 'route="/v2/models/{model}/infer"' in line
        and 'model="pair"' in line
    ]
    assert ["1.0"] == [line.split()[-1] for line in counted]


def test_a_token_guards_it(tmp_path: Path) -> None:
    env = {"SKERRY_API_TOKEN": "reader"}
    with serve(v2_repository(tmp_path), env=env) as server:
        refused = infer(server, "iris", BLOCK)
        taken = server.client.post(
            PATH, json={"inputs": [BLOCK]}, headers={"Authorization": "Bearer reader"}
        )

    assert (401, ["error"]) == (refused.status_code, list(refused.json()))
    assert 200 == taken.status_code


def test_a_canary_gets_its_share(tmp_path: Path) -> None:
    repository = tmp_path / "models"
    repository.mkdir()
    for version, label in (("v1", 1), ("v2", 2)):
        put(repository, "iris", version, constant_model(label))
    settle(repository)
    canary = {"version": "v2", "weight": 0, "headers": [{"name": "X-Canary", "value": "true"}]}
    policy = {"schema_version": 1, "models": {"iris": {"stable": "v1", "canary": canary}}}
    (repository / "traffic.yaml").write_text(json.dumps(policy))
    with serve(repository) as server:
        usual = infer(server, "iris", BLOCK)
        chosen = server.client.post(PATH, json={"inputs": [BLOCK]}, headers={"X-Canary": "true"})

    assert [1, 1, 1] == outputs_of(usual)["predict"]
    assert [2, 2, 2] == outputs_of(chosen)["predict"]
    assert "canary" == chosen.headers["x-model-track"]


def test_a_deadline_that_passes_is_504(tmp_path: Path) -> None:
    repository = slow_repository(tmp_path, seconds=3)
    with serve(repository, env=plugin_env(tmp_path)) as server:
        answer = server.client.post(
            "/v2/models/slow/infer",
            json={"inputs": [tensor("a", "FP64", [1, 1], [42.0])]},
            headers={"X-Request-Timeout-Seconds": "0.1"},
        )

    assert 504 == answer.status_code
    assert ["error"] == list(answer.json())
