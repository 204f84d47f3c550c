"""Triton's own client works unchanged: blocking and asyncio, JSON and bytes, and its errors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conformance.v2_models import IRIS, PEOPLE, TEXTS, v2_repository
from tests.integration.server import ADMIN, RunningServer, serve

# gevent, below the client, warns of a module that Python 3.13 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

http: Any = pytest.importorskip("tritonclient.http", reason="needs tritonclient[http]")
aio: Any = pytest.importorskip("tritonclient.http.aio", reason="needs tritonclient[http]")
utils: Any = pytest.importorskip("tritonclient.utils", reason="needs tritonclient[http]")

ROWS = np.array(IRIS)
COLUMNS: dict[str, tuple[str, NDArray[Any]]] = {
    "age": ("FP64", np.array([[p["age"]] for p in PEOPLE])),
    "city": ("BYTES", np.array([[p["city"].encode()] for p in PEOPLE], dtype=object)),
    "member": ("BOOL", np.array([[p["member"]] for p in PEOPLE])),
    "visits": ("INT64", np.array([[p["visits"]] for p in PEOPLE])),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with serve(v2_repository(tmp_path_factory.mktemp("v2"))) as running:
        yield running


@pytest.fixture
def client(server: RunningServer) -> Iterator[Any]:
    with http.InferenceServerClient(server.url.removeprefix("http://")) as opened:
        yield opened


def block(*, binary: bool = True, module: Any = http) -> Any:
    given = module.InferInput("input-0", list(ROWS.shape), "FP64")
    given.set_data_from_numpy(ROWS, binary_data=binary)
    return given


def columns(*, binary: bool) -> list[Any]:
    found = []
    for name, (datatype, values) in COLUMNS.items():
        given = http.InferInput(name, list(values.shape), datatype)
        given.set_data_from_numpy(values, binary_data=binary)
        found.append(given)
    return found


def expected(server: RunningServer, model: str, rows: Any) -> dict[str, Any]:
    answer = server.client.post(
        f"/api/v1/models/{model}/predict/batch",
        json={"features": rows, "return_probabilities": True},
    )
    body: dict[str, Any] = answer.json()
    return body


def test_it_finds_server_and_models(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("iris")
    assert client.is_model_ready("iris", "v1")
    assert not client.is_model_ready("iris", "v9")
    assert not client.is_model_ready("none")
    assert "skerry" == client.get_server_metadata()["name"]
    metadata = client.get_model_metadata("iris", "v1")
    assert [{"name": "input-0", "datatype": "FP64", "shape": [-1, 4]}] == metadata["inputs"]
    ready = [entry for entry in client.get_model_repository_index() if entry["state"] == "READY"]
    assert 7 == len(ready)


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False, None])
@pytest.mark.parametrize("encoding", [None, "gzip", "deflate"])
def test_it_infers(
    server: RunningServer,
    client: Any,
    binary_in: bool,
    binary_out: bool | None,
    encoding: str | None,
) -> None:
    names = ("predict", "predict_proba")
    outputs = None
    if binary_out is not None:
        outputs = [http.InferRequestedOutput(name, binary_data=binary_out) for name in names]

    result = client.infer(
        "iris",
        [block(binary=binary_in)],
        outputs=outputs,
        request_id="an-id",
        request_compression_algorithm=encoding,
        response_compression_algorithm=encoding,
    )

    native = expected(server, "iris", IRIS)
    assert "an-id" == result.get_response()["id"]
    assert native["predictions"] == result.as_numpy("predict").tolist()
    assert native["probabilities"] == result.as_numpy("predict_proba").tolist()


@pytest.mark.parametrize("binary", [True, False])
def test_it_infers_by_columns(server: RunningServer, client: Any, binary: bool) -> None:
    outputs = [
        http.InferRequestedOutput(n, binary_data=binary) for n in ("predict_proba", "predict")
    ]

    result = client.infer("people", columns(binary=binary), outputs=outputs)

    native = expected(server, "people", PEOPLE)
    labels = result.as_numpy("predict").tolist()
    assert native["predictions"] == [v.decode() if isinstance(v, bytes) else v for v in labels]
    assert native["probabilities"] == result.as_numpy("predict_proba").tolist()


@pytest.mark.parametrize("binary", [True, False])
def test_it_infers_by_texts(client: Any, binary: bool) -> None:
    given = http.InferInput("text", [2], "BYTES")
    given.set_data_from_numpy(np.array([t.encode() for t in TEXTS], dtype=object), binary)

    assert [True, False] == client.infer("text", [given]).as_numpy("predict").tolist()


def test_it_infers_without_waiting(client: Any) -> None:
    requests = [client.async_infer("iris", [block()]) for _ in range(3)]

    assert [[0, 2, 1]] * 3 == [r.get_result().as_numpy("predict").tolist() for r in requests]


def test_it_makes_a_request_and_reads_an_answer_apart(server: RunningServer) -> None:
    body, length = http.InferenceServerClient.generate_request_body([block()])
    answer = server.client.post(
        "/v2/models/iris/infer",
        content=body,
        headers={"Inference-Header-Content-Length": str(length)},
    )
    length_out = int(answer.headers["inference-header-content-length"])

    result = http.InferenceServerClient.parse_response_body(
        answer.content, header_length=length_out
    )

    assert [0, 2, 1] == result.as_numpy("predict").tolist()


def test_it_loads_and_unloads(tmp_path: Path) -> None:
    with (
        serve(v2_repository(tmp_path)) as server,
        http.InferenceServerClient(server.url.removeprefix("http://")) as client,
    ):
        client.unload_model("iris", headers=ADMIN)
        assert not client.is_model_ready("iris")
        assert not client.is_server_ready()
        with pytest.raises(utils.InferenceServerException, match=r"\[503\] model iris has no"):
            client.infer("iris", [block()])
        client.load_model("iris", headers=ADMIN)
        assert client.is_model_ready("iris")
        assert [0, 2, 1] == client.infer("iris", [block()]).as_numpy("predict").tolist()
        with pytest.raises(utils.InferenceServerException, match=r"\[400\] parameters\.config"):
            client.load_model("iris", headers=ADMIN, config="{}")
        with pytest.raises(utils.InferenceServerException, match=r"\[401\] the admin token"):
            client.unload_model("iris")


def _short(client: Any) -> None:
    given = http.InferInput("input-0", [1, 3], "FP64")
    given.set_data_from_numpy(np.ones((1, 3)))
    client.infer("iris", [given])


def _nan(client: Any) -> None:
    given = http.InferInput("input-0", [1, 4], "FP64")
    given.set_data_from_numpy(np.full((1, 4), np.nan))
    client.infer("iris", [given])


def _shared(client: Any) -> None:
    given = http.InferInput("input-0", [1, 4], "FP64")
    given.set_shared_memory("region", 32)
    client.infer("iris", [given])


ERRORS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "model": (lambda c: c.infer("none", [block()]), r"\[404\] model 'none' does not exist"),
    "version": (lambda c: c.infer("iris", [block()], "v9"), r"\[404\] iris has no version 'v9'"),
    "metadata": (lambda c: c.get_model_metadata("none"), r"\[404\] model 'none'"),
    "features": (_short, r"\[400\] inputs\[0\]\.shape: expected \[rows, 4\]"),
    "nan": (_nan, r"\[400\] inputs\[0\]\.data\[0\]\[0\]: expected a finite number"),
    "shared-memory": (_shared, r"\[400\] .*shared memory is not offered"),
    "output": (
        lambda c: c.infer("iris", [block()], outputs=[http.InferRequestedOutput("x")]),
        r"\[400\] outputs\[0\]\.name: expected one of the outputs predict, predict_proba",
    ),
    "classification": (
        lambda c: c.infer(
            "iris", [block()], outputs=[http.InferRequestedOutput("predict", class_count=2)]
        ),
        r"\[400\] .*classification extension",
    ),
    "config": (lambda c: c.get_model_config("iris"), r"\[404\] there is no such route"),
    "statistics": (lambda c: c.get_inference_statistics("iris"), r"\[404\] there is no such route"),
    "memory": (lambda c: c.get_system_shared_memory_status(), r"\[404\] there is no such route"),
}


@pytest.mark.parametrize(
    ("call", "words"),
    [pytest.param(call, words, id=name) for name, (call, words) in ERRORS.items()],
)
def test_every_error_is_an_exception_with_a_text(
    client: Any, call: Callable[[Any], Any], words: str
) -> None:
    with pytest.raises(utils.InferenceServerException, match=words):
        call(client)


def test_it_works_in_asyncio(server: RunningServer) -> None:
    asyncio.run(_in_asyncio(server))


async def _in_asyncio(server: RunningServer) -> None:
    native = expected(server, "iris", IRIS)
    async with aio.InferenceServerClient(server.url.removeprefix("http://")) as client:
        assert await client.is_server_live()
        assert await client.is_server_ready()
        assert await client.is_model_ready("iris", "v1")
        assert not await client.is_model_ready("none")
        assert "skerry" == (await client.get_server_metadata())["name"]
        assert "iris" == (await client.get_model_metadata("iris"))["name"]
        assert 7 == len(await client.get_model_repository_index())
        for binary in (True, False):
            for encoding in (None, "gzip", "deflate"):
                result = await client.infer(
                    "iris",
                    [block(binary=binary)],
                    outputs=[http.InferRequestedOutput("predict_proba", binary_data=binary)],
                    request_compression_algorithm=encoding,
                    response_compression_algorithm=encoding,
                )
                assert native["probabilities"] == result.as_numpy("predict_proba").tolist()
        await client.unload_model("pair", headers=ADMIN)
        assert not await client.is_model_ready("pair")
        await client.load_model("pair", headers=ADMIN)
        assert await client.is_model_ready("pair")
        with pytest.raises(utils.InferenceServerException, match="model 'none' does not exist"):
            await client.infer("none", [block()])
        with pytest.raises(utils.InferenceServerException, match="no such route"):
            await client.get_model_config("iris")
        with pytest.raises(utils.InferenceServerException, match="the admin token"):
            await client.unload_model("pair")
