"""Traces of a real server, by a real receiver: what is sent, and what the log has of it."""

from __future__ import annotations

import gzip
import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import joblib
import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)

from skerry import __version__
from skerry.controlplane.version_writer import write_version
from tests.integration.models import (
    IRIS_ROW,
    SLOW_ROW,
    companions_repository,
    iris_model,
    iris_repository,
    outgoing_repository,
    plugin_env,
    slow_repository,
)
from tests.integration.otlp import Received, Receiver, grpc_receiver, http_receiver
from tests.integration.server import RunningServer, serve

QUICK = {"OTEL_BSP_SCHEDULE_DELAY": "50", "OTEL_EXPORTER_OTLP_TIMEOUT": "2"}
IRIS = {"features": IRIS_ROW}


class Traced:
    """A server and the receiver of its traces."""

    def __init__(self, server: RunningServer, receiver: Receiver) -> None:
        self.server = server
        self.receiver = receiver

    def ask(
        self, path: str, body: Any = None, *, method: str = "POST", **headers: str
    ) -> tuple[Received, list[Received], dict[str, Any]]:
        """Send a request with a traceparent; return its span, the others, and its log line."""
        caller, trace_id = secrets.token_hex(8), secrets.token_hex(16)
        parent = {"traceparent": f"00-{trace_id}-{caller}-01", "x-request-id": trace_id}
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        self.server.client.request(
            method,
            path,
            content=content,
            headers={"content-type": "application/json", **parent, **headers},
        )
        [span] = self.receiver.wait_for(lambda s: s.parent_id == caller)
        [line] = self.lines(trace_id)
        others = [s for s in self.receiver.trace(trace_id) if s is not span]
        return span, others, line

    def lines(self, request_id: str) -> list[dict[str, Any]]:
        """Return the log lines of a request."""
        found: list[dict[str, Any]] = []

        def there() -> bool:
            found[:] = [
                record
                for record in self.server.log()
                if (record.get("event"), record.get("request_id")) == ("request", request_id)
            ]
            return bool(found)

        self.server.wait_for(there)
        return found


def traced(
    repository: Path, receiver: Receiver, env: Mapping[str, str]
) -> AbstractContextManager[RunningServer]:
    return serve(repository, env={"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, **QUICK, **env})


@pytest.fixture(scope="module")
def iris(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    repository = iris_repository(tmp_path_factory.mktemp("traces"), "v1", "v2")
    with http_receiver() as receiver, traced(repository, receiver, {}) as server:
        server.wait_for_state("iris", "v1", "READY")
        yield Traced(server, receiver)


@pytest.mark.parametrize(
    ("protocol", "receiver"), [("http/protobuf", http_receiver), ("grpc", grpc_receiver)]
)
def test_one_request_is_two_spans_of_the_callers_trace(
    tmp_path: Path, protocol: str, receiver: Callable[[], AbstractContextManager[Receiver]]
) -> None:
    env = {"OTEL_EXPORTER_OTLP_PROTOCOL": protocol, "OTEL_EXPORTER_OTLP_HEADERS": "x-key=abc"}
    with (
        receiver() as received,
        traced(iris_repository(tmp_path, "v1"), received, env) as server,
    ):
        span, [inference], line = Traced(server, received).ask("/api/v1/predict", IRIS)
        assert 0 == server.stop()

    # The server has flushed and gone: there is no third.
    assert 2 == len([each for each in received.spans if each.trace_id == span.trace_id])
    assert {"abc"} == {headers["x-key"] for headers in received.headers}
    assert (span.trace_id, span.span_id) == (line["trace_id"], line["span_id"])
    assert (span.trace_id, span.span_id) == (inference.trace_id, inference.parent_id)
    assert ("POST /api/v1/predict", "SERVER") == (span.name, span.kind)
    assert ("inference", "INTERNAL") == (inference.name, inference.kind)
    assert span.start_ns <= inference.start_ns <= inference.end_ns <= span.end_ns
    url = urlsplit(server.url)
    assert 0 < span.attributes.pop("client.port") < 65536
    assert span.attributes.pop("user_agent.original").startswith("python-httpx/")
    assert {
        "http.request.method": "POST",
        "http.route": "/api/v1/predict",
        "http.response.status_code": 200,
        "url.path": "/api/v1/predict",
        "url.scheme": "http",
        "server.address": url.hostname,
        "server.port": url.port,
        "client.address": "127.0.0.1",
        "network.protocol.version": "1.1",
        "skerry.request.id": line["request_id"],
    } == span.attributes
    assert {
        "skerry.model.name": "iris",
        "skerry.model.version": "v1",
        "skerry.track": "stable",
        "skerry.rows": 1,
        "skerry.batch.rows": 1,
        "skerry.executor": "numpy",
        "skerry.queue.duration": 0.0,
    } == inference.attributes
    assert {"UNSET"} == {span.status, inference.status}
    assert {"skerry"} == {span.scope, inference.scope}
    assert ("skerry", __version__) == (
        span.resource["service.name"],
        span.resource["service.version"],
    )
    assert span.resource["service.instance.id"]


@pytest.mark.parametrize(
    ("protocol", "receiver"), [("http/protobuf", http_receiver), ("grpc", grpc_receiver)]
)
def test_empty_variables_are_none(
    tmp_path: Path, protocol: str, receiver: Callable[[], AbstractContextManager[Receiver]]
) -> None:
    blank = ("OTEL_SEMCONV_STABILITY_OPT_IN", "OTEL_PROPAGATORS", "OTEL_BSP_MAX_QUEUE_SIZE")
    own = ("TIMEOUT", "HEADERS", "ENDPOINT", "PROTOCOL", "CERTIFICATE")
    env = {
        **dict.fromkeys([*blank, *(f"OTEL_EXPORTER_OTLP_TRACES_{name}" for name in own)], ""),
        "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": "none",
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
    }
    with (
        receiver() as received,
        traced(iris_repository(tmp_path, "v1"), received, env) as server,
    ):
        span, _, _ = Traced(server, received).ask("/api/v1/models/iris", method="GET")

    assert ("GET", 200) == (
        span.attributes["http.request.method"],
        span.attributes["http.response.status_code"],
    )
    assert "http.method" not in span.attributes


LEAN, FRAMEWORK = "/api/v1/models/iris/predict", "/api/v1/models/iris"
DIFFERS = {"client.port", "http.request.method", "http.route", "skerry.request.id", "url.path"}


def same(span: Received) -> dict[str, Any]:
    return {key: value for key, value in span.attributes.items() if key not in DIFFERS}


@pytest.mark.parametrize(
    ("case", "headers"),
    [
        ("plain", {}),
        ("host", {"host": "models.example:8443"}),
        ("agent", {"user-agent": "curl/8.14.1"}),
    ],
)
def test_spans_of_predictions_are_those_of_the_instrumentation(
    iris: Traced, case: str, headers: dict[str, str]
) -> None:
    at_once, _, _ = iris.ask(LEAN, IRIS, **headers)
    gzipped = {"content-encoding": "gzip", **headers}
    lean, _, _ = iris.ask(LEAN, gzip.compress(json.dumps(IRIS).encode()), **gzipped)
    other, _, line = iris.ask(FRAMEWORK, method="GET", **headers)

    assert other.scope.startswith("opentelemetry.instrumentation"), case
    assert same(other) == same(at_once) == same(lean)
    assert {*at_once.attributes} == {*lean.attributes} == {*other.attributes}
    assert ("SERVER", "UNSET", "", ()) == (
        other.kind,
        other.status,
        other.status_text,
        other.events,
    )
    assert ("SERVER", "UNSET", "", ()) == (lean.kind, lean.status, lean.status_text, lean.events)
    template = "/api/v1/models/{model}"
    assert [f"POST {template}/predict"] * 2 + [f"GET {template}"] == [
        each.name for each in (at_once, lean, other)
    ]
    assert (f"{template}/predict", LEAN) == (
        lean.attributes["http.route"],
        lean.attributes["url.path"],
    )
    assert (template, FRAMEWORK) == (other.attributes["http.route"], other.attributes["url.path"])
    assert line["span_id"] == other.span_id


def test_infer_is_traced_as_predict_is(iris: Traced) -> None:
    tensor = {"name": "input-0", "shape": [1, 4], "datatype": "FP64", "data": IRIS_ROW}
    span, [inference], line = iris.ask("/v2/models/iris/infer", {"inputs": [tensor]})
    other, _, _ = iris.ask("/v2/models/iris", method="GET")

    assert ("POST /v2/models/{model}/infer", 200) == (span.name, line["status"])
    assert same(other) == same(span)
    assert (span.span_id, 1) == (inference.parent_id, inference.attributes["skerry.rows"])


@pytest.mark.parametrize(
    ("lean", "framework", "status"),
    [
        ("/api/v1/models/nobody/predict?a=b", "/api/v1/models/nobody?a=b", 404),
        ("/api/v1/models/iris/versions/v9/predict", "/api/v1/models/iris/versions/v9", 404),
    ],
)
def test_a_callers_fault_is_no_error(iris: Traced, lean: str, framework: str, status: int) -> None:
    ours, none, line = iris.ask(lean, IRIS)
    theirs, _, _ = iris.ask(framework, method="GET")

    assert same(theirs) == same(ours)
    assert [] == none
    assert (status, status) == (ours.attributes["http.response.status_code"], line["status"])
    assert ("UNSET", "UNSET") == (ours.status, theirs.status)
    assert "error.type" not in ours.attributes
    for span in (ours, theirs):
        assert "url.query" not in span.attributes
        assert "a=b" not in str(span)


def test_a_fault_of_ours_is_an_error(tmp_path: Path) -> None:
    repository = tmp_path / "models"
    repository.mkdir()
    with (
        http_receiver() as receiver,
        serve(
            repository, wait_ready=False, env={"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, **QUICK}
        ) as server,
    ):
        setup = Traced(server, receiver)
        ours, none, _ = setup.ask("/api/v1/predict", IRIS)
        theirs, _, _ = setup.ask("/health", method="GET")

    assert [] == none
    assert same(theirs) == same(ours)
    assert (503, "503") == (
        ours.attributes["http.response.status_code"],
        ours.attributes["error.type"],
    )
    assert ("ERROR", "ERROR") == (ours.status, theirs.status)
    assert (theirs.status_text, theirs.events) == (ours.status_text, ours.events)


def test_requests_that_nothing_routes_have_spans_without_a_route(iris: Traced) -> None:
    unknown, _, _ = iris.ask("/api/v9/nothing", method="GET")
    too_large, _, line = iris.ask("/api/v1/predict", IRIS, **{"x-filler": "x" * 33_000})

    assert ("GET", "POST") == (unknown.name, too_large.name)
    assert "http.route" not in {**unknown.attributes, **too_large.attributes}
    assert (404, 431) == (
        unknown.attributes["http.response.status_code"],
        too_large.attributes["http.response.status_code"],
    )
    assert "headers-too-large" == line["error"]


@pytest.mark.parametrize(
    "path",
    [
        "/livez",
        "/readyz",
        "/startupz",
        "/metrics",
        "/v2/health/live",
        "/v2/health/ready",
        "/v2/models/iris/ready",
        "/v2/models/iris/versions/v1/ready",
    ],
)
def test_probes_are_not_traced(iris: Traced, path: str) -> None:
    trace_id = secrets.token_hex(16)
    headers = {"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01"}
    assert 200 == iris.server.client.get(path, headers=headers).status_code

    # Spans go out in the order in which they end.
    iris.ask("/api/v1/predict", IRIS)
    assert [] == [span for span in iris.receiver.spans if span.trace_id == trace_id]


def test_names_that_look_like_probes_are_traced(iris: Traced) -> None:
    for path in ("/api/v1/health-models", "/api/v1/models/livez", "/api/v1/models/readyz/metrics"):
        span, _, _ = iris.ask(path, method="GET", host="metrics")
        assert path == span.attributes["url.path"]


def test_a_trace_begins_where_the_caller_has_none(iris: Traced) -> None:
    answer = iris.server.client.post("/api/v1/predict", json=IRIS)
    [line] = iris.lines(answer.headers["x-request-id"])

    [span, inference] = iris.receiver.trace(line["trace_id"], 2)

    assert ("", span.span_id) == (span.parent_id, inference.parent_id)
    assert line["span_id"] == span.span_id


def test_what_the_caller_does_not_record_is_in_the_log_alone(iris: Traced) -> None:
    for path, method in ((LEAN, "POST"), (FRAMEWORK, "GET")):
        trace_id = secrets.token_hex(16)
        iris.server.client.request(
            method,
            path,
            json=IRIS,
            headers={
                "traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-00",
                "x-request-id": trace_id,
            },
        )
        [line] = iris.lines(trace_id)
        assert trace_id == line["trace_id"]
        assert 16 == len(line["span_id"])

        iris.ask("/api/v1/predict", IRIS)
        assert [] == [span for span in iris.receiver.spans if span.trace_id == trace_id]


@pytest.mark.parametrize(("path", "method"), [(LEAN, "POST"), (FRAMEWORK, "GET")])
def test_state_of_the_callers_trace_goes_on(iris: Traced, path: str, method: str) -> None:
    state = {"tracestate": "vendor=1", "baggage": "who=me"}
    span, others, _ = iris.ask(path, IRIS, method=method, **state)

    assert (["inference"] if method == "POST" else []) == [other.name for other in others]
    assert {"vendor=1"} == {each.trace_state for each in (span, *others)}


def test_a_prediction_in_a_thread_has_its_queue_and_its_batch(tmp_path: Path) -> None:
    repository = outgoing_repository(tmp_path)
    env = {**plugin_env(tmp_path), "SKERRY_EXECUTOR_THREADS": "1"}
    with http_receiver() as receiver, traced(repository, receiver, env) as server:
        setup = Traced(server, receiver)
        with ThreadPoolExecutor(8) as pool:
            # The first keeps the one thread, so that the others wait for it together.
            asked = [pool.submit(setup.ask, "/api/v1/predict", {"features": SLOW_ROW})]
            time.sleep(0.2)
            quick = {"features": [1.0]}
            asked += [pool.submit(setup.ask, "/api/v1/predict", quick) for _ in range(7)]
            inferences = {each.span_id: each for _, [each], _ in (a.result() for a in asked)}
        batches = receiver.wait_for(lambda span: span.name == "batch")

    assert 8 == len(inferences)
    for batch in batches:
        linked = [inferences[span_id] for _, span_id in batch.links]
        assert [each.trace_id for each in linked] == [trace_id for trace_id, _ in batch.links]
        assert batch.trace_id not in {each.trace_id for each in linked}
        assert ("", "INTERNAL", "skerry") == (batch.parent_id, batch.kind, batch.scope)
        assert {
            "skerry.model.name": "outgoing",
            "skerry.model.version": "v1",
            "skerry.batch.rows": len(linked),
        } == batch.attributes
        assert {len(linked)} == {each.attributes["skerry.batch.rows"] for each in linked}
        assert len(linked) > 1
        assert all(each.start_ns <= batch.start_ns for each in linked)
    assert max(each.attributes["skerry.queue.duration"] for each in inferences.values()) > 0.01
    assert {"sklearn"} == {each.attributes["skerry.executor"] for each in inferences.values()}


def test_what_a_model_calls_is_part_of_its_callers_trace(tmp_path: Path) -> None:
    repository = outgoing_repository(tmp_path)
    with http_receiver() as receiver, traced(repository, receiver, plugin_env(tmp_path)) as server:
        setup = Traced(server, receiver)
        body = {"features": [1]}
        span, [inference], _ = setup.ask("/api/v1/predict", body, baggage="customer=42")
        unrecorded = secrets.token_hex(16)
        headers = {"traceparent": f"00-{unrecorded}-{secrets.token_hex(8)}-00"}
        server.client.post("/api/v1/predict", json=body, headers=headers)
        said = [line for line in server.output().splitlines() if line.startswith("called in ")]

    assert f"called in {span.trace_id} {inference.span_id} 01 with {{'customer': '42'}}" in said
    [other] = [line for line in said if unrecorded in line]
    assert " 00 with {}" in other


def test_a_prediction_whose_time_is_up_ends_with_its_request(tmp_path: Path) -> None:
    repository = slow_repository(tmp_path, seconds=1.5)
    with http_receiver() as receiver, traced(repository, receiver, plugin_env(tmp_path)) as server:
        setup = Traced(server, receiver)
        late = {"x-request-timeout-seconds": "0.2"}
        span, [inference], _ = setup.ask("/api/v1/predict", {"features": SLOW_ROW}, **late)
        assert 0 == server.stop()

    assert ("ERROR", "504") == (span.status, span.attributes["error.type"])
    assert ("ERROR", "deadline-exceeded") == (inference.status, inference.attributes["error.type"])
    assert "skerry.executor" not in inference.attributes
    assert inference.end_ns <= span.end_ns


def test_a_load_is_a_trace_of_its_own_with_its_phases(tmp_path: Path) -> None:
    repository = tmp_path / "models"
    file = tmp_path / "model.joblib"
    joblib.dump(iris_model(), file)
    for version in ("v1", "v2"):
        write_version(file, repository, "iris", version)
    (repository / "iris/v2/model.joblib").write_bytes(file.read_bytes() + b" ")
    with http_receiver() as receiver, traced(repository, receiver, {}) as server:
        server.wait_for_state("iris", "v2", "FAILED")
        loads = receiver.wait_for(lambda span: span.name == "version.load", 2)

    [good] = [span for span in loads if span.attributes["skerry.model.version"] == "v1"]
    bad = next(span for span in loads if span.attributes["skerry.model.version"] == "v2")
    assert ("", "INTERNAL", "UNSET", "skerry") == (
        good.parent_id,
        good.kind,
        good.status,
        good.scope,
    )
    phases = receiver.trace(good.trace_id)[1:]
    assert ["version.verify", "version.read", "version.warm", "version.plan", "version.check"] == [
        phase.name for phase in phases
    ]
    about = {"skerry.model.name": "iris", "skerry.model.version": "v1"}
    assert [about] * 6 == [span.attributes for span in (good, *phases)]
    assert {good.span_id} == {phase.parent_id for phase in phases}
    for before, after in pairwise(phases):
        assert abs(before.end_ns - after.start_ns) < 1000  # A float of seconds has about that.
    assert good.start_ns <= phases[0].start_ns <= phases[-1].end_ns <= good.end_ns

    [verify] = receiver.trace(bad.trace_id)[1:]
    assert ("ERROR", "ERROR", "version.verify") == (bad.status, verify.status, verify.name)
    assert {"digest_mismatch"} == {span.attributes["error.type"] for span in (bad, verify)}
    assert bad.status_text.startswith("model.joblib: the manifest says sha256:")


def test_recorded_requests_are_examples_in_openmetrics_alone(iris: Traced) -> None:
    span, _, _ = iris.ask("/api/v1/predict", IRIS)
    unrecorded = {"traceparent": f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"}
    iris.server.client.post("/api/v1/predict", json=IRIS, headers=unrecorded)

    wanted = {"accept": "application/openmetrics-text"}
    openmetrics = iris.server.client.get("/metrics", headers=wanted).text
    plain = iris.server.client.get("/metrics").text

    families = parse_openmetrics(openmetrics)  # type: ignore[no-untyped-call]  # it has no types
    examples = [
        (family.name, sample.exemplar.labels)
        for family in families
        for sample in family.samples
        if sample.exemplar
    ]
    assert {"skerry_http_request_duration_seconds"} == {name for name, _ in examples}
    ids = {"trace_id": span.trace_id, "span_id": span.span_id}
    assert ids in [labels for _, labels in examples]
    assert unrecorded["traceparent"].split("-")[1] not in openmetrics
    assert "trace_id" not in plain


def test_spans_on_the_console_are_a_line_each(tmp_path: Path) -> None:
    env = {"OTEL_TRACES_EXPORTER": "console", "OTEL_BSP_SCHEDULE_DELAY": "50"}
    with serve(iris_repository(tmp_path, "v1"), env=env) as server:
        server.client.post("/api/v1/predict", json=IRIS)
        assert 0 == server.stop()
        spans = [line for line in server.log() if "context" in line]

    assert {"inference", "POST /api/v1/predict", "version.load"} <= {span["name"] for span in spans}


def test_a_row_that_the_model_refuses_is_no_error_of_ours(tmp_path: Path) -> None:
    repository = companions_repository(tmp_path)
    with http_receiver() as receiver, traced(repository, receiver, plugin_env(tmp_path)) as server:
        path = "/api/v1/models/picky/predict"
        span, [inference], line = Traced(server, receiver).ask(path, {"features": [13.0]})

    assert ("value-out-of-range", "UNSET", "UNSET") == (
        line["error"],
        span.status,
        inference.status,
    )
    assert "error.type" not in {**span.attributes, **inference.attributes}


def test_without_a_receiver_the_log_has_no_trace(tmp_path: Path) -> None:
    with serve(iris_repository(tmp_path, "v1")) as server:
        server.client.post("/api/v1/predict", json=IRIS)
        server.wait_for(lambda: any(r.get("event") == "request" for r in server.log()))
        [line] = [r for r in server.log() if r["event"] == "request"]

    assert (None, None) == (line["trace_id"], line["span_id"])
