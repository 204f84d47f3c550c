"""Spans with planned ids: what was decided before is what the SDK makes, others are its own."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import baggage, trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanKind, StatusCode

from skerry.core.tracing_options import Sampling, TracingOptions
from skerry.telemetry.logs import EventLog, LogWriter
from skerry.telemetry.request_trace import RequestTrace
from skerry.telemetry.span_export import BoundedExport, Trouble
from skerry.telemetry.tracing import Tracing, opted_in, wall_ns

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CALLER = {
    b"traceparent": f"00-{TRACE}-{SPAN}-01".encode(),
    b"tracestate": b"vendor=1",
    b"baggage": b"customer=42",
}


class Setup:
    """Tracing whose spans stay in memory."""

    def __init__(self, sampling: Sampling, **options: Any) -> None:
        self._memory = InMemorySpanExporter()
        self._writer = LogWriter(io.BytesIO())
        trouble = Trouble(EventLog(self._writer))
        self._export = BoundedExport(self._memory, 100, trouble)
        found = TracingOptions(sampling=sampling, timeout_s=5, **options)
        self.tracing = Tracing(found, [self._export], trouble, "1.2.3")

    def spans(self) -> tuple[ReadableSpan, ...]:
        assert self._export.force_flush()
        return self._memory.get_finished_spans()

    def close(self) -> None:
        self.tracing.close()
        self._writer.close()


@pytest.fixture
def never() -> Iterator[Setup]:
    """Return tracing whose sampler refuses whatever was not decided by a caller."""
    setup = Setup(Sampling(0))
    yield setup
    setup.close()


def add(setup: Setup, ids: RequestTrace, context: Context, **more: Any) -> None:
    setup.tracing.add_span(
        "a span", ids, context, start_ns=10, end_ns=20, attributes={"a": 1}, **more
    )


def test_a_span_has_the_ids_that_were_given_out(never: Setup) -> None:
    ids = never.tracing.begin(CALLER)
    add(never, ids, never.tracing.outer_context(CALLER), is_server=True)

    (span,) = never.spans()

    context, parent = span.get_span_context(), span.parent
    assert parent is not None
    assert context is not None
    assert (ids.trace_id, ids.span_id, True) == (
        context.trace_id,
        context.span_id,
        context.trace_flags.sampled,
    )
    assert (TRACE, int(SPAN, 16), "vendor=1") == (
        ids.trace_hex,
        parent.span_id,
        context.trace_state.to_header(),
    )
    assert ("a span", SpanKind.SERVER, 10, 20, {"a": 1}, StatusCode.UNSET) == (
        span.name,
        span.kind,
        span.start_time,
        span.end_time,
        dict(span.attributes or {}),
        span.status.status_code,
    )


def test_a_trace_that_others_decided_about_is_recorded_whatever_the_sampler_says(
    never: Setup,
) -> None:
    ids = never.tracing.new_trace(is_sampled=True)
    link = Link(trace.SpanContext(1, 2, is_remote=False))
    add(never, ids, Context(), links=[link], error="it broke")

    (span,) = never.spans()

    assert span.parent is None
    assert [(1, 2)] == [(each.context.trace_id, each.context.span_id) for each in span.links]
    assert (StatusCode.ERROR, "it broke") == (span.status.status_code, span.status.description)


def test_other_spans_are_the_samplers_and_the_sdks_own(never: Setup) -> None:
    ids = never.tracing.new_trace(is_sampled=True)
    add(never, ids, Context())
    other = never.tracing.provider.get_tracer("other").start_span("other", Context())

    assert not other.is_recording()
    assert ids.trace_id != other.get_span_context().trace_id


def test_the_context_of_a_span_to_come_has_the_callers_state_and_baggage(never: Setup) -> None:
    outer = never.tracing.outer_context(CALLER)

    inner = never.tracing.inner_context(outer, int(TRACE, 16), 7, sampled=True)

    found = trace.get_current_span(inner).get_span_context()
    assert (TRACE, 7, True, "vendor=1", False) == (
        f"{found.trace_id:032x}",
        found.span_id,
        found.trace_flags.sampled,
        found.trace_state.to_header(),
        found.is_remote,
    )
    assert {"customer": "42"} == dict(baggage.get_all(inner))


def test_a_caller_is_found_by_other_propagators_too() -> None:
    setup = Setup(Sampling(0), w3c_only=False)

    assert (TRACE, True) == (
        setup.tracing.begin(CALLER).trace_hex,
        setup.tracing.begin(CALLER).is_sampled,
    )
    assert not setup.tracing.begin({b"host": b"x"}).is_sampled
    setup.close()


def test_scope_and_resource(never: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    add(never, never.tracing.new_trace(is_sampled=True), Context())
    (span,) = never.spans()
    monkeypatch.setenv("OTEL_SERVICE_NAME", "mine")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.version=9,team=ml")
    other = Setup(Sampling(1))
    add(other, other.tracing.new_trace(is_sampled=True), Context())
    (changed,) = other.spans()
    other.close()

    assert InstrumentationScope("skerry", "1.2.3") == span.instrumentation_scope
    resource = span.resource.attributes
    assert ("skerry", "1.2.3") == (resource["service.name"], resource["service.version"])
    assert 36 == len(str(resource["service.instance.id"]))
    resource = changed.resource.attributes
    assert ("mine", "9", "ml") == (
        resource["service.name"],
        resource["service.version"],
        resource["team"],
    )


def test_moments_of_the_monotonic_clock_become_wall_time() -> None:
    assert 1_000_000_000 - 250_000_000 == wall_ns(99.75, 100.0, 1_000_000_000)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", "http"),
        ("database", "database,http"),
        ("http", "http"),
        (" database , http/dup", "database,http/dup"),
    ],
)
def test_the_stable_names_of_http_are_always_opted_into(given: str, expected: str) -> None:
    assert expected == opted_in(given)
