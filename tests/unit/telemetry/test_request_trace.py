"""Whose trace a request belongs to: read as the SDK reads it, decided as the SDK decides."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    DEFAULT_OFF,
    DEFAULT_ON,
    Decision,
    ParentBasedTraceIdRatio,
    Sampler,
    TraceIdRatioBased,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from skerry.core.tracing_options import Sampling
from skerry.telemetry.request_trace import Caller, caller_of, trace_of

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
KNOWN = Caller(int(TRACE, 16), int(SPAN, 16), is_sampled=True)
SAMPLERS: list[tuple[Sampling, Sampler]] = [
    (Sampling(1, parent_based=False), ALWAYS_ON),
    (Sampling(0, parent_based=False), ALWAYS_OFF),
    (Sampling(1), DEFAULT_ON),
    (Sampling(0), DEFAULT_OFF),
    (Sampling(0.3), ParentBasedTraceIdRatio(0.3)),
    (Sampling(0.3, parent_based=False), TraceIdRatioBased(0.3)),
]


def sdk_caller(header: str) -> Caller | None:
    context = TraceContextTextMapPropagator().extract({"traceparent": header}, Context())
    found = trace.get_current_span(context).get_span_context()
    if not found.is_valid:
        return None
    return Caller(found.trace_id, found.span_id, found.trace_flags.sampled)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (f"00-{TRACE}-{SPAN}-01", KNOWN),
        (f"00-{TRACE}-{SPAN}-00", KNOWN._replace(is_sampled=False)),
        (f"00-{TRACE}-{SPAN}-03", KNOWN),
        (f"cc-{TRACE}-{SPAN}-01", KNOWN),
        (f"cc-{TRACE}-{SPAN}-01-what-comes-later", KNOWN),
        (f" 00-{TRACE}-{SPAN}-01\t", KNOWN),
        (f"00-{TRACE}-{SPAN}-01-more", None),
        (f"ff-{TRACE}-{SPAN}-01", None),
        (f"00-{'0' * 32}-{SPAN}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE.upper()}-{SPAN}-01", None),
        (f"00-{TRACE}-{SPAN}", None),
        (f"00-{TRACE}-{SPAN}-0g", None),
        (f"00-{TRACE}-{SPAN}-01, 00-{TRACE}-{SPAN}-01", None),
        (f"cc-{TRACE}-{SPAN}-01-{'x' * 500}", None),
        ("", None),
    ],
)
def test_reads_a_traceparent_as_the_sdk_does(header: str, expected: Caller | None) -> None:
    assert expected == caller_of({b"traceparent": header.encode()})
    assert expected == sdk_caller(header)


@given(st.text(alphabet="0af-g, \t", max_size=60) | st.from_regex(r"[0-9a-f-]{55}"))
def test_reads_anything_as_the_sdk_does(header: str) -> None:
    assert sdk_caller(header) == caller_of({b"traceparent": header.encode("latin-1", "replace")})


def test_a_request_without_a_caller_begins_a_trace() -> None:
    assert caller_of({b"host": b"skerry"}) is None

    first, second = trace_of(Sampling(), None), trace_of(Sampling(), None)

    assert first.is_sampled
    assert len({first.trace_id, second.trace_id, first.span_id, second.span_id}) == 4
    assert (32, 16) == (len(first.trace_hex), len(first.span_hex))


def test_a_request_with_a_caller_is_part_of_its_trace() -> None:
    found = trace_of(Sampling(0), KNOWN)

    assert (TRACE, True) == (found.trace_hex, found.is_sampled)
    assert found.span_hex != SPAN


@pytest.mark.parametrize(("ours", "theirs"), SAMPLERS, ids=lambda value: str(value)[:40])
@given(trace_id=st.integers(1, 2**128 - 1), parent=st.sampled_from([None, True, False]))
def test_decides_as_the_sdks_sampler(
    ours: Sampling, theirs: Sampler, trace_id: int, parent: bool | None
) -> None:
    context = Context()
    if parent is not None:
        flags = trace.TraceFlags(int(parent))
        span_context = trace.SpanContext(trace_id, 1, is_remote=True, trace_flags=flags)
        context = trace.set_span_in_context(trace.NonRecordingSpan(span_context), context)

    found = theirs.should_sample(context, trace_id, "a span").decision

    assert (found is Decision.RECORD_AND_SAMPLE) is ours.takes(trace_id, parent)
