"""Traces: the SDK's provider, and finished spans with ids that were given out before.

Imported only where tracing is on. Neighbours: ``request_trace.py`` decides who is recorded,
``span_export.py`` sends, ``call_trace.py`` follows a prediction through its thread.
"""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import Getter
from opentelemetry.sdk.resources import (
    SERVICE_INSTANCE_ID,
    SERVICE_NAME,
    SERVICE_VERSION,
    OTELResourceDetector,
    Resource,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import (
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.util.types import Attributes

from skerry.core.tracing_options import Sampling, TracingOptions
from skerry.telemetry.logs import EventLog
from skerry.telemetry.request_trace import (
    Caller,
    Fields,
    RequestTrace,
    caller_of,
    new_span_id,
    trace_of,
)
from skerry.telemetry.span_export import BoundedExport, SdkLog, Trouble, exporter_of

SCOPE = "skerry"
_OPT_IN = "OTEL_SEMCONV_STABILITY_OPT_IN"


class Tracing:
    """Gives traces to requests, and takes their spans. Safe to use from several threads."""

    def __init__(
        self,
        options: TracingOptions,
        exports: Sequence[BoundedExport],
        trouble: Trouble,
        version: str,
    ) -> None:
        self._sampling = options.sampling
        self._timeout_s = options.timeout_s
        self._w3c_only = options.w3c_only
        self._exports = exports
        self._trouble = trouble
        self._planned = _Planned()
        self.provider = TracerProvider(
            sampler=_PlannedSampler(sampler_of(options.sampling), self._planned),
            resource=_resource(version),
            shutdown_on_exit=False,
            id_generator=_PlannedIds(self._planned),
        )
        for export in exports:
            self.provider.add_span_processor(export)
        self._tracer = self.provider.get_tracer(SCOPE, version)

    def begin(self, fields: Fields) -> RequestTrace:
        """Return the trace of a request with these headers; without any: a new one."""
        caller = caller_of(fields) if self._w3c_only else self._foreign_caller(fields)
        return trace_of(self._sampling, caller)

    def has_room(self, n_spans: int) -> bool:
        """Tell whether so many spans would be exported; if not, count them as lost.

        To make spans costs a hundred times as much as to ask.
        """
        if any(export.has_room(n_spans) for export in self._exports):
            return True
        self._trouble.drop(n_spans)
        return False

    def new_trace(self, *, is_sampled: bool) -> RequestTrace:
        """Return a trace whose sampling others have decided."""
        fresh = trace_of(self._sampling, None)
        return RequestTrace(fresh.trace_id, fresh.span_id, is_sampled=is_sampled)

    def child_of(self, parent: RequestTrace) -> RequestTrace:
        """Return ids for a span in the same trace."""
        return RequestTrace(parent.trace_id, new_span_id(), is_sampled=parent.is_sampled)

    def outer_context(self, fields: Fields) -> Context:
        """Return what a request's headers say by all propagators in use, baggage too."""
        try:
            return propagate.extract(fields, Context(), _FIELDS)
        except Exception as error:  # noqa: BLE001 - of a propagator of somebody's own
            self._trouble.tell(f"a propagator raised {type(error).__name__}")
            return Context()

    def inner_context(
        self, outer: Context, trace_id: int, span_id: int, *, sampled: bool
    ) -> Context:
        """Return the context of a span whose spans are yet to come, or never come."""
        state = trace.get_current_span(outer).get_span_context().trace_state
        flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
        own = SpanContext(trace_id, span_id, is_remote=False, trace_flags=flags, trace_state=state)
        return trace.set_span_in_context(trace.NonRecordingSpan(own), outer)

    def add_span(
        self,
        name: str,
        ids: RequestTrace,
        context: Context,
        *,
        start_ns: int,
        end_ns: int,
        attributes: Attributes,
        is_server: bool = False,
        links: Sequence[Link] = (),
        error: str | None = None,
    ) -> None:
        """Add a span that has ended; its ids and that it is recorded were decided before.

        context: of its parent. is_server: it answers somebody else's request.
        error: sets status Error, with this description, which may be empty.
        """
        kind = SpanKind.SERVER if is_server else SpanKind.INTERNAL
        self._planned.ids = ids
        try:
            span = self._tracer.start_span(name, context, kind, attributes, links, start_ns)
        finally:
            self._planned.ids = None
        if error is not None:
            span.set_status(Status(StatusCode.ERROR, error or None))
        span.end(end_ns)

    def close(self) -> None:
        """Export what waits, for at most the timeout of an export."""
        ending = threading.Thread(target=self.provider.shutdown, name="skerry-traces", daemon=True)
        ending.start()
        try:
            ending.join(self._timeout_s)
        finally:
            for export in self._exports:
                with suppress(Exception):  # Whatever it is, the process is on its way out.
                    export.abort()
            self._trouble.end()

    def _foreign_caller(self, fields: Fields) -> Caller | None:
        found = trace.get_current_span(self.outer_context(fields)).get_span_context()
        if not found.is_valid:
            return None
        return Caller(found.trace_id, found.span_id, found.trace_flags.sampled)


def start_tracing(options: TracingOptions, version: str, log: EventLog) -> Tracing:
    """Return the process's tracing; its threads run.

    Raises:
        ValueError, ImportError: a variable does not hold what the SDK expects.
    """
    os.environ[_OPT_IN] = opted_in(os.environ.get(_OPT_IN, ""))
    trouble = Trouble(log)
    SdkLog(trouble).install()
    exports = [
        BoundedExport(exporter_of(kind, options), options.max_queue_spans, trouble)
        for kind in options.exporters
    ]
    tracing = Tracing(options, exports, trouble, version)
    # For what a model's own code calls by libraries that are instrumented.
    trace.set_tracer_provider(tracing.provider)
    return tracing


def opted_in(conventions: str) -> str:
    """Return the list of stable conventions with that of HTTP in it.

    Without it, the instrumentation has the names from before the conventions were stable.
    """
    names = [name.strip() for name in conventions.split(",") if name.strip()]
    return ",".join(names if {"http", "http/dup"} & {*names} else [*names, "http"])


def sampler_of(sampling: Sampling) -> Sampler:
    """Return the SDK's sampler that decides as ``Sampling.takes`` does."""
    root = TraceIdRatioBased(sampling.ratio)
    return ParentBased(root) if sampling.parent_based else root


def wall_ns(moment_s: float, now_s: float, now_ns: int) -> int:
    """Return a moment of a monotonic clock as nanoseconds since 1970, by the same two now."""
    return now_ns - round((now_s - moment_s) * 1e9)


def now() -> tuple[float, int]:
    """Return this moment by ``time.perf_counter``, and in nanoseconds since 1970."""
    return time.perf_counter(), time.time_ns()


def _resource(version: str) -> Resource:
    """Return the SDK's resource with our defaults, over which the environment wins."""
    own = {
        SERVICE_NAME: "skerry",
        SERVICE_VERSION: version,
        SERVICE_INSTANCE_ID: str(uuid.uuid4()),
    }
    return Resource.create({**own, **OTELResourceDetector().detect().attributes})


class _Planned(threading.local):
    """The ids of the span that this thread is about to make, None to have them drawn."""

    ids: RequestTrace | None = None


class _PlannedIds(RandomIdGenerator):
    def __init__(self, planned: _Planned) -> None:
        self._planned = planned

    def generate_trace_id(self) -> int:
        ids = self._planned.ids
        return super().generate_trace_id() if ids is None else ids.trace_id

    def generate_span_id(self) -> int:
        ids = self._planned.ids
        return super().generate_span_id() if ids is None else ids.span_id


class _PlannedSampler(Sampler):
    """Agrees to what was planned; asks another sampler about the rest."""

    def __init__(self, sampler: Sampler, planned: _Planned) -> None:
        self._sampler = sampler
        self._planned = planned

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: trace.TraceState | None = None,
    ) -> SamplingResult:
        if self._planned.ids is None:
            return self._sampler.should_sample(
                parent_context, trace_id, name, kind, attributes, links, trace_state
            )
        state = trace.get_current_span(parent_context).get_span_context().trace_state
        return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes, state)

    def get_description(self) -> str:
        return self._sampler.get_description()


class _FieldsGetter(Getter[Mapping[bytes, bytes]]):
    def get(self, carrier: Mapping[bytes, bytes], key: str) -> list[str] | None:
        value = carrier.get(key.encode())
        return None if value is None else [value.decode("latin-1")]

    def keys(self, carrier: Mapping[bytes, bytes]) -> list[str]:
        return [name.decode("latin-1") for name in carrier]


_FIELDS = _FieldsGetter()
