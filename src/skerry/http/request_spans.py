"""The spans of a request, made when it has ended: its own, and that of its prediction.

For what is answered past FastAPI's stack; ``instrumentation.py`` covers the rest. Both say the
same of a request. Attributes are those of the HTTP conventions, version 1.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from starlette.types import Scope

from skerry.http.errors import CLIENT_GONE
from skerry.http.header_fields import Fields
from skerry.telemetry.request_trace import RequestTrace, new_span_id
from skerry.telemetry.serving_metrics import METHODS

if TYPE_CHECKING:
    from skerry.core.plan import Executor
    from skerry.http.context import RequestRecord
    from skerry.telemetry.tracing import Tracing

REQUEST_ID = "skerry.request.id"
_DEFAULT_PORTS = {"http": 80, "https": 443}
Attributes = dict[str, str | int | float]


class Connection(Protocol):
    """What uvicorn knows of a connection. client, server: host and port of either end."""

    client: Any
    server: Any
    scheme: Any


class Origin(NamedTuple):
    """Where a request that is recorded came from, and what for. fields: its headers."""

    fields: Fields
    path: str
    scheme: str
    http_version: str
    client: tuple[str, int] | None
    server: tuple[str, int | None] | None


def origin_of_scope(scope: Scope, fields: Fields) -> Origin:
    """Return what an ASGI scope says."""
    return Origin(
        fields,
        scope["path"],
        scope["scheme"],
        scope["http_version"],
        scope["client"],
        scope["server"],
    )


def origin_of_connection(connection: Connection, fields: Fields, target: bytes) -> Origin:
    """Return the same of a request to a plain path, by HTTP/1.1."""
    scheme = connection.scheme or "http"
    client, server = connection.client, connection.server
    return Origin(fields, target.decode(), scheme, "1.1", client, server)


def server_of(origin: Origin) -> tuple[str | None, int | None]:
    """Return the name and port that the caller had for this server."""
    host = origin.fields.get(b"host")
    if host:
        try:
            parts = urlsplit(f"//{host.decode('latin-1')}")
            name, port = parts.hostname, parts.port
        except ValueError:
            name = port = None
        if name is not None:
            return name, port or _DEFAULT_PORTS.get(origin.scheme)
    return origin.server or (None, None)


def add_request_spans(tracing: Tracing, record: RequestRecord, origin: Origin) -> None:
    """Add the spans of a request that has just ended."""
    trace = record.trace
    if trace is None:
        return
    now_s, now_ns = time.perf_counter(), time.time_ns()
    inference = _inference(record, trace, now_s)
    # All or none: one without the other would have a parent that nobody knows.
    if not tracing.has_room(1 if inference is None else 2):
        return

    def at(moment_s: float) -> int:
        return now_ns - round((now_s - moment_s) * 1e9)

    outer = tracing.outer_context(origin.fields)
    error = "" if record.status >= 500 else None
    if inference is not None:
        tracing.add_span(
            "inference",
            inference.ids,
            tracing.inner_context(outer, trace.trace_id, trace.span_id, sampled=True),
            start_ns=at(inference.start_s),
            end_ns=at(inference.end_s),
            attributes=_inference_attributes(record, inference),
            error=error,
        )
    tracing.add_span(
        _name(record),
        trace,
        outer,
        start_ns=at(record.started_s),
        end_ns=now_ns,
        attributes=_server_attributes(origin, record),
        is_server=True,
        error=error,
    )


class _Inference(NamedTuple):
    """A prediction: on the event loop, or in a thread and maybe still there.

    executor: None where it did not come to an end.
    """

    ids: RequestTrace
    start_s: float
    end_s: float
    queue_s: float
    batch_rows: int | None
    executor: Executor | None


def _inference(record: RequestRecord, trace: RequestTrace, now_s: float) -> _Inference | None:
    call = record.call
    if call is not None:
        end_s = call.ended_s or now_s
        queue_s = call.queue_s if call.queue_s is not None else end_s - call.made_s
        rows, executor = call.batch_rows, call.executor
        return _Inference(call.ids, call.made_s, end_s, queue_s, rows, executor)
    start_s = record.asked_s
    if start_s is None:
        return None
    ids = RequestTrace(trace.trace_id, new_span_id(), is_sampled=True)
    end_s = now_s if record.executor is None else start_s + record.inference_s
    return _Inference(ids, start_s, end_s, 0.0, record.rows, record.executor)


def _inference_attributes(
    record: RequestRecord, inference: _Inference
) -> Mapping[str, str | int | float]:
    found: Attributes = {
        "skerry.model.name": record.model or "",
        "skerry.model.version": record.version or "",
        "skerry.track": record.track or "",
        "skerry.rows": record.rows or 0,
        "skerry.queue.duration": inference.queue_s,
    }
    if inference.batch_rows is not None:
        found["skerry.batch.rows"] = inference.batch_rows
    if inference.executor is not None:
        found["skerry.executor"] = inference.executor.value
    if record.status >= 500 and record.error is not None:
        found["error.type"] = record.error
    return found


def _server_attributes(origin: Origin, record: RequestRecord) -> Mapping[str, str | int | float]:
    method, original = _method(record.method)
    address, port = server_of(origin)
    client = origin.client or (None, None)
    agent = origin.fields.get(b"user-agent")
    # No answer was sent to a caller that left: that status is the log's alone.
    status = None if record.status in (0, CLIENT_GONE) else record.status
    found: dict[str, str | int | float | None] = {
        "http.request.method": method,
        "http.request.method_original": original,
        "http.route": record.route,
        "http.response.status_code": status,
        "url.path": origin.path,
        "url.scheme": origin.scheme,
        "server.address": address,
        "server.port": port,
        "client.address": client[0],
        "client.port": client[1],
        "network.protocol.version": origin.http_version,
        "user_agent.original": None if agent is None else agent.decode("utf-8", "replace"),
        "error.type": str(record.status) if record.status >= 500 else None,
        REQUEST_ID: record.request_id,
    }
    return {name: value for name, value in found.items() if value is not None}


def _method(method: str) -> tuple[str, str | None]:
    """Return a method as the conventions have it, and what came where that differs."""
    return (method, None) if method in METHODS else ("_OTHER", method)


def _name(record: RequestRecord) -> str:
    method = record.method if record.method in METHODS else "HTTP"
    return f"{method} {record.route}" if record.route else method
