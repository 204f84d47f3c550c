"""FastAPI's instrumentation, for what goes through the framework: SERVER spans, and nothing else.

Imported only where tracing is on. What goes past the framework is ``request_spans.py``'s.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.trace import Span

from skerry.http.context import record_of
from skerry.http.header_fields import header_fields
from skerry.http.probes import probe_urls
from skerry.http.request_spans import REQUEST_ID, origin_of_scope, server_of
from skerry.telemetry.request_trace import RequestTrace
from skerry.telemetry.tracing import Tracing


def instrument(app: FastAPI, tracing: Tracing, root_path: str) -> None:
    """Trace every route of the framework but probes."""
    FastAPIInstrumentor.instrument_app(
        app,
        server_request_hook=_on_request,
        tracer_provider=tracing.provider,
        meter_provider=NoOpMeterProvider(),
        # It looks for the expression anywhere in the URL, so that ours is anchored.
        excluded_urls=probe_urls(root_path),
        exclude_spans=["receive", "send"],
    )


def _on_request(span: Span, scope: dict[str, Any]) -> None:
    """Note the ids for the log line; add what the instrumentation does not know or gets wrong."""
    record, ids = record_of(scope), span.get_span_context()
    record.trace = RequestTrace(ids.trace_id, ids.span_id, is_sampled=ids.trace_flags.sampled)
    if not span.is_recording():
        return
    span.set_attribute(REQUEST_ID, record.request_id)
    # It takes the address that was listened on, with the port behind it.
    address, port = server_of(origin_of_scope(scope, header_fields(scope["headers"])))
    if address is not None:
        span.set_attribute("server.address", address)
    if port is not None:
        span.set_attribute("server.port", port)
