"""The binary tensor data extension, by its text: in both directions, beside JSON, and raw."""

from __future__ import annotations

import gzip
import json
import math
import time
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.conformance.test_v2_infer import FLAT, native, people_tensors
from tests.conformance.v2_client import binary, body_of, outputs_of, packed, tensor
from tests.conformance.v2_models import IRIS, PEOPLE, TEXTS, v2_repository
from tests.integration.server import RunningServer, serve

LENGTH = "Inference-Header-Content-Length"
HANG_S = 5
"""Far above the 50 ms that a refusal may take, so that a busy machine does not fail it."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with serve(v2_repository(tmp_path_factory.mktemp("v2"))) as running:
        yield running


def post(server: RunningServer, model: str, request: Any, *data: bytes, **headers: str) -> Any:
    body, own = body_of(request, *data)
    return server.client.post(f"/v2/models/{model}/infer", content=body, headers={**own, **headers})


def test_bytes_in_and_json_out(server: RunningServer) -> None:
    block, data = binary("input-0", "FP64", [3, 4], FLAT)

    answer = post(server, "iris", {"inputs": [block]}, data)

    assert LENGTH not in answer.headers
    assert native(server, "iris", IRIS)["predictions"] == outputs_of(answer)["predict"]


@pytest.mark.parametrize(
    ("asked", "as_bytes"),
    [
        ({"parameters": {"binary_data_output": True}}, {"predict", "predict_proba"}),
        ({"parameters": {"binary_data_output": False}}, set()),
        (
            {"outputs": [{"name": "predict", "parameters": {"binary_data": True}},
                         {"name": "predict_proba"}]},
            {"predict"},
        ),
        (
            {"outputs": [{"name": "predict", "parameters": {"binary_data": False}},
                         {"name": "predict_proba"}],
             "parameters": {"binary_data_output": True}},
            {"predict_proba"},
        ),
    ],
)  # fmt: skip
def test_outputs_are_bytes_where_that_is_asked(
    server: RunningServer, asked: dict[str, Any], as_bytes: set[str]
) -> None:
    """An output's own word goes before that of the request."""
    request = {"inputs": [tensor("input-0", "FP64", [3, 4], FLAT)], **asked}

    answer = server.client.post("/v2/models/iris/infer", json=request)

    text = answer.content[: int(answer.headers.get(LENGTH, len(answer.content)))]
    listed = json.loads(text)["outputs"]
    assert as_bytes == {o["name"] for o in listed if "parameters" in o}
    expected = native(server, "iris", IRIS)
    outputs = outputs_of(answer)
    assert expected["predictions"] == outputs["predict"]
    assert [p for row in expected["probabilities"] for p in row] == outputs["predict_proba"]


def test_bytes_and_json_in_one_request(server: RunningServer) -> None:
    visits, member, city, age = people_tensors()
    some, data = binary("city", "BYTES", [2, 1], city["data"])
    more, numbers = binary("age", "FP64", [2, 1], age["data"])
    request = {"inputs": [visits, some, member, more], "parameters": {"binary_data_output": True}}

    outputs = outputs_of(post(server, "people", request, data, numbers))

    expected = native(server, "people", PEOPLE)
    assert expected["predictions"] == outputs["predict"]
    assert [p for row in expected["probabilities"] for p in row] == outputs["predict_proba"]


@pytest.mark.parametrize("blanks", range(17))
def test_bytes_may_lie_anywhere(server: RunningServer, blanks: int) -> None:
    """The length of the JSON decides where numbers begin, which need not suit the processor."""
    block, data = binary("input-0", "FP64", [3, 4], FLAT)
    request = {"inputs": [block], "parameters": {"pad": "x" * blanks}}

    assert [0, 2, 1] == outputs_of(post(server, "iris", request, data))["predict"]


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_compressed_body_has_the_length_of_its_json_before(
    server: RunningServer, encoding: str
) -> None:
    block, data = binary("input-0", "FP64", [3, 4], FLAT)
    body, headers = body_of({"inputs": [block]}, data)
    compress = gzip.compress if encoding == "gzip" else zlib.compress

    answer = server.client.post(
        "/v2/models/iris/infer",
        content=compress(body),
        headers={**headers, "Content-Encoding": encoding},
    )

    assert [0, 2, 1] == outputs_of(answer)["predict"]


def test_nan_is_missing_where_the_model_takes_that(server: RunningServer) -> None:
    row = [5.1, math.nan, 1.4, 0.2]
    block, data = binary("input-0", "FP64", [1, 4], row)

    outputs = outputs_of(post(server, "gaps", {"inputs": [block]}, data))

    assert native(server, "gaps", [[5.1, None, 1.4, 0.2]])["predictions"] == outputs["predict"]


@pytest.mark.parametrize("n_rows", [1, 3])
def test_a_raw_request_has_no_json(server: RunningServer, n_rows: int) -> None:
    answer = server.client.post(
        "/v2/models/iris/infer",
        content=packed("FP64", FLAT[: 4 * n_rows]),
        headers={LENGTH: "0"},
    )

    assert [0, 2, 1][:n_rows] == outputs_of(answer)["predict"]
    assert 8 * n_rows + 24 * n_rows == len(answer.content) - int(answer.headers[LENGTH])


@pytest.mark.parametrize("content", [TEXTS[0].encode(), packed("BYTES", TEXTS[:1])])
def test_a_raw_string_may_have_its_length_before_it(server: RunningServer, content: bytes) -> None:
    answer = server.client.post("/v2/models/text/infer", content=content, headers={LENGTH: "0"})

    assert [True] == outputs_of(answer)["predict"]


_BLOCK, _DATA = binary("input-0", "FP64", [3, 4], FLAT)
_SIZE = ["parameters", "binary_data_size"]


def _with(**changes: Any) -> dict[str, Any]:
    return {"inputs": [{**_BLOCK, **changes}]}


HOSTILE: list[tuple[str, str, dict[str, Any], bytes, str]] = [
    ("shorter", "iris", {"inputs": [_BLOCK]}, _DATA[:-1], "at most 95 bytes, which are left"),
    ("longer", "iris", {"inputs": [_BLOCK]}, _DATA + b"x", "96 bytes after the JSON"),
    ("nothing", "iris", {"inputs": [_BLOCK]}, b"", "at most 0 bytes"),
    ("other-shape", "iris", _with(shape=[2, 4]), _DATA, "64 bytes (FP64 of the shape [2, 4])"),
    ("overflow", "iris", _with(shape=[2**62, 4]), _DATA, "at most 1000 rows"),
    ("overflow-64", "iris", _with(shape=[2**64 - 1, 2**64 - 1]), _DATA, "at most 1000 rows"),
    ("beyond-64", "iris", _with(shape=[2**70, 4]), _DATA, "shape[0]"),
    ("negative", "iris", _with(shape=[-3, -4]), _DATA, "0 or more"),
    ("many-rows", "iris", _with(shape=[10**9, 4]), _DATA, "at most 1000 rows"),
    ("wide", "iris", _with(shape=[1, 10**9]), _DATA, "expected [rows, 4]"),
    ("no-rows", "iris", _with(shape=[0, 4]), _DATA, "at least one row"),
    ("deep", "iris", _with(shape=[1] * 1000), _DATA, "one or two dimensions"),
    ("size-negative", "iris", _with(parameters={_SIZE[1]: -1}), _DATA, "a number of bytes"),
    ("size-text", "iris", _with(parameters={_SIZE[1]: "96"}), _DATA, "a number of bytes"),
    ("size-huge", "iris", _with(parameters={_SIZE[1]: 2**63}), _DATA, "at most 96 bytes"),
    ("both", "iris", _with(data=FLAT), _DATA, "either data or binary_data_size"),
    ("text-cut", "text", {"inputs": [{"name": "t", "datatype": "BYTES", "shape": [1],
      "parameters": {_SIZE[1]: 6}}]}, b"\xff\xff\xff\x7fab", "cut off"),
    ("text-count", "text", {"inputs": [{"name": "t", "datatype": "BYTES", "shape": [1000],
      "parameters": {_SIZE[1]: 8}}]}, b"\0" * 8, "too few"),
    ("text-bytes", "text", {"inputs": [{"name": "t", "datatype": "BYTES", "shape": [1],
      "parameters": {_SIZE[1]: 5}}]}, b"\1\0\0\0\xff", "text in UTF-8"),
    ("bool", "iris", {"inputs": [{"name": "t", "datatype": "BOOL", "shape": [1, 4],
      "parameters": {_SIZE[1]: 4}}]}, b"\1\2\1\1", "bytes of 0 or 1"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("model", "request_", "data", "words"),
    [pytest.param(*case[1:], id=case[0]) for case in HOSTILE],
)
def test_what_does_not_fit_is_refused_at_once(
    server: RunningServer, model: str, request_: dict[str, Any], data: bytes, words: str
) -> None:
    started_s = time.perf_counter()
    answer = post(server, model, request_, data)
    duration_s = time.perf_counter() - started_s

    print(f"refused after {1000 * duration_s:.1f} ms")
    assert 400 == answer.status_code, answer.text
    assert words in answer.json()["error"]
    assert duration_s < HANG_S


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("datatype", ["FP16", "FP32", "FP64"])
def test_no_number_is_refused_where_the_model_takes_none(
    server: RunningServer, datatype: str, value: float
) -> None:
    block, data = binary("input-0", datatype, [1, 4], [1.0, 2.0, value, 4.0])

    answer = post(server, "iris", {"inputs": [block]}, data)

    assert 400 == answer.status_code
    assert "data[0][2]: expected a finite number for x2" in answer.json()["error"]


@pytest.mark.parametrize(
    ("model", "content", "words"),
    [
        ("iris", b"", "a multiple of 32 bytes (4 FP64 a row), got 0"),
        ("iris", b"\0" * 33, "got 33"),
        ("iris", b"\0" * 32 * 1001, "at most 1000 rows"),
        ("people", b"\0" * 8, "this one has 4"),
    ],
)
def test_a_raw_request_that_does_not_fit_is_refused(
    server: RunningServer, model: str, content: bytes, words: str
) -> None:
    answer = server.client.post(f"/v2/models/{model}/infer", content=content, headers={LENGTH: "0"})

    assert 400 == answer.status_code
    assert words in answer.json()["error"]


def test_what_is_refused_leaves_no_memory_behind(server: RunningServer) -> None:
    """A shape of a billion rows costs what its few bytes do."""
    before = server.resident_bytes()
    for _ in range(50):
        assert 400 == post(server, "iris", _with(shape=[10**9, 4]), _DATA).status_code
        assert 400 == post(server, "iris", _with(shape=[1, 10**9]), _DATA).status_code

    assert server.resident_bytes() - before < 8 * 2**20


def test_every_row_of_a_large_body_is_answered(server: RunningServer) -> None:
    rows = np.tile(np.array(IRIS), (333, 1))
    block, data = binary("input-0", "FP64", list(rows.shape), rows.ravel().tolist())
    request = {"inputs": [block], "parameters": {"binary_data_output": True}}

    outputs = outputs_of(post(server, "iris", request, data))

    assert [0, 2, 1] * 333 == outputs["predict"]
