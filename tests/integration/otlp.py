"""Receivers of traces, as a Collector is one: OpenTelemetry's protobufs over HTTP and over gRPC."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status

SPANS_TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Received:
    """A span. Ids in hex, parent_id empty for none; links: trace id and span id of each.

    status: ``UNSET``, ``OK`` or ``ERROR``; status_text: its description.
    """

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    start_ns: int
    end_ns: int
    attributes: dict[str, Any]
    links: tuple[tuple[str, str], ...]
    events: tuple[str, ...]
    status: str
    status_text: str
    scope: str
    resource: dict[str, Any]
    trace_state: str


@dataclass
class Receiver:
    """What came in so far. headers: of each export, names in lower case."""

    url: str
    spans: list[Received] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def add(self, request: ExportTraceServiceRequest, headers: dict[str, str]) -> None:
        """Take one export."""
        self.headers.append(headers)
        for resource in request.resource_spans:
            about = attributes_of(resource.resource.attributes)
            for scoped in resource.scope_spans:
                self.spans += [received(span, scoped.scope.name, about) for span in scoped.spans]

    def wait_for(self, wanted: Callable[[Received], bool], n_spans: int = 1) -> list[Received]:
        """Return the spans that are wanted, as soon as there are so many."""
        deadline_s = time.monotonic() + SPANS_TIMEOUT_S
        while len(found := [span for span in list(self.spans) if wanted(span)]) < n_spans:
            if time.monotonic() > deadline_s:
                names = [f"{span.name} {span.trace_id}" for span in self.spans]
                raise AssertionError(f"expected {n_spans} spans, got {len(found)} of {names}")
            time.sleep(0.02)
        return found

    def trace(self, trace_id: str, n_spans: int = 1) -> list[Received]:
        """Return the spans of a trace in the order of their beginnings."""
        found = self.wait_for(lambda span: span.trace_id == trace_id, n_spans)
        return sorted(found, key=lambda span: (span.start_ns, -span.end_ns))


def attributes_of(pairs: Sequence[KeyValue]) -> dict[str, Any]:
    """Return attributes as Python values."""
    return {
        pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "string_value")
        for pair in pairs
    }


def received(span: ProtoSpan, scope: str, resource: dict[str, Any]) -> Received:
    """Return a span as tests read it."""
    return Received(
        span.name,
        ProtoSpan.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        attributes_of(span.attributes),
        tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
        tuple(event.name for event in span.events),
        Status.StatusCode.Name(span.status.code).removeprefix("STATUS_CODE_"),
        span.status.message,
        scope,
        resource,
        span.trace_state,
    )


@contextmanager
def http_receiver() -> Iterator[Receiver]:
    """Receive on ``/v1/traces`` of a free port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.path == "/v1/traces":
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.add(ExportTraceServiceRequest.FromString(body), headers)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200 if self.path == "/v1/traces" else 404)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}")
    with _served(server):
        yield receiver


@dataclass
class Refuser:
    """A receiver that refuses. n_exports: how many it has refused."""

    url: str
    n_exports: int = 0


@contextmanager
def refusing_receiver(status: int) -> Iterator[Refuser]:
    """Answer every export with that status."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            refuser.n_exports += 1
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    refuser = Refuser(f"http://127.0.0.1:{server.server_port}")
    with _served(server):
        yield refuser


@contextmanager
def _served(server: ThreadingHTTPServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class _Service(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    def Export(self, request: Any, context: Any) -> ExportTraceServiceResponse:  # noqa: N802 - gRPC's
        self._receiver.add(request, dict(context.invocation_metadata()))
        return ExportTraceServiceResponse()


@contextmanager
def grpc_receiver() -> Iterator[Receiver]:
    """Receive by gRPC on a free port."""
    server = grpc.server(futures.ThreadPoolExecutor(2))
    receiver = Receiver(f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}")
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(  # type: ignore[no-untyped-call]  # generated
        _Service(receiver), server
    )
    server.start()
    try:
        yield receiver
    finally:
        server.stop(0).wait(5)


@contextmanager
def hanging_receiver() -> Iterator[str]:
    """Accept connections and never answer; give the URL."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
