"""Finished spans on their way out: bounded, in a thread of the SDK's, and quiet when it fails.

A receiver that is down, slow or full costs spans and a warning a minute, and no request anything.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    ConsoleSpanExporter,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.trace import SpanKind

from skerry.core.tracing_options import (
    OtlpCompression,
    OtlpProtocol,
    SpanExporterKind,
    TracingOptions,
)
from skerry.telemetry.logs import EventLog

_PAUSE_S = 60.0
_SHOWN_CHARACTERS = 300
_QUERY_HOLDERS = frozenset({"url.query", "http.url", "http.target"})
_FULL = "the queue of finished spans is full"


class Trouble:
    """Says in the log what goes wrong with traces, at most once a minute. For several threads."""

    def __init__(self, log: EventLog, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        self._lock = threading.Lock()
        self._lost = 0
        self._told_s: float | None = None
        self._held_back = ""

    def lose(self, n_spans: int) -> None:
        """Count spans that reach nobody."""
        with self._lock:
            self._lost += n_spans

    def drop(self, n_spans: int) -> None:
        """Count spans for which the queue has no room, and tell that."""
        with self._lock:
            self._lost += n_spans
            # Requests come more often than failures: the queue must not always speak first.
            cause = f"; {self._held_back}" if self._held_back else ""
            if self._is_due():
                self._say(_FULL + cause)

    def tell(self, message: str) -> None:
        """Log the message, unless another was logged within the minute."""
        with self._lock:
            if self._is_due():
                self._say(message)
            else:
                self._held_back = message

    def end(self) -> None:
        """Say how many spans were lost since the last warning."""
        if self._lost:
            self._log.info("spans_lost", spans_lost=self._lost)

    def _is_due(self) -> bool:
        now_s = self._clock()
        if self._told_s is not None and now_s - self._told_s < _PAUSE_S:
            return False
        self._told_s = now_s
        return True

    def _say(self, message: str) -> None:
        lost, self._lost, self._held_back = self._lost, 0, ""
        shown = " ".join(message.split())[:_SHOWN_CHARACTERS]
        self._log.warning("tracing_trouble", message=shown, spans_lost=lost)


class SdkLog(logging.Handler):
    """Takes what OpenTelemetry's packages log, which is a line for every failure and more."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(logging.WARNING)
        self._trouble = trouble

    def emit(self, record: logging.LogRecord) -> None:
        """Tell the message; the traceback, if there is one, is left out."""
        self._trouble.tell(record.getMessage())

    def install(self) -> None:
        """Take the place of every other handler."""
        logger = logging.getLogger("opentelemetry")
        logger.handlers, logger.propagate = [self], False


class BoundedExport(SpanProcessor):
    """Hands spans to an exporter by the SDK's batch processor, and drops what its queue can't hold.

    The SDK would log a line for each span that it drops, on the thread that ended it.
    """

    def __init__(self, exporter: SpanExporter, max_queue_spans: int, trouble: Trouble) -> None:
        self._exporter = _Watched(exporter, trouble)
        self._batches = BatchSpanProcessor(self._exporter)
        self._max_queue_spans = max_queue_spans
        self._trouble = trouble
        self._lock = threading.Lock()
        self._queued = 0

    def has_room(self, n_spans: int) -> bool:
        """Tell whether so many spans would be queued now."""
        return self._queued - self._exporter.taken + n_spans <= self._max_queue_spans

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Do nothing."""

    def on_end(self, span: ReadableSpan) -> None:
        """Queue a span if there is room."""
        context = span.get_span_context()
        if context is None or not context.trace_flags.sampled:
            return
        with self._lock:
            has_room = self.has_room(1)
            self._queued += has_room
        if has_room:
            self._batches.on_end(without_query(span))
        else:
            self._trouble.drop(1)

    def shutdown(self) -> None:
        """Export what waits; blocks for as long as that takes, up to 30 s."""
        self._batches.shutdown()  # type: ignore[no-untyped-call]  # it has no types

    def abort(self) -> None:
        """Give up what ``shutdown`` in another thread still waits for."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Export what waits."""
        return self._batches.force_flush(timeout_millis)


def without_query(span: ReadableSpan) -> ReadableSpan:
    """Return a request's span without the query of its URL, which may hold a caller's token.

    The instrumentation sets it when the span has begun, and nothing but the SDK could take it back.
    """
    given = span.attributes or {}
    if span.kind is not SpanKind.SERVER or not _QUERY_HOLDERS & given.keys():
        return span
    kept = {name: value for name, value in given.items() if name != "url.query"}
    # The names from before the conventions were stable, which "http/dup" adds.
    for name in ("http.url", "http.target"):
        if name in kept:
            kept[name] = str(kept[name]).partition("?")[0]
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=kept,
        events=span.events,
        links=span.links,
        kind=span.kind,
        status=span.status,
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


class _Watched(SpanExporter):
    """Counts what the exporter was given, and what it lost."""

    def __init__(self, exporter: SpanExporter, trouble: Trouble) -> None:
        self._exporter = exporter
        self._trouble = trouble
        self._ended = False
        self.taken = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.taken += len(spans)
        result = SpanExportResult.FAILURE
        try:
            result = self._exporter.export(spans)
        finally:
            if result is not SpanExportResult.SUCCESS:
                self._trouble.lose(len(spans))
        return result

    def shutdown(self) -> None:
        if not self._ended:
            self._ended = True
            self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def exporter_of(kind: SpanExporterKind, options: TracingOptions) -> SpanExporter:
    """Return an exporter; endpoint, headers and the like it reads from its own variables.

    Raises:
        ValueError, ImportError: a variable does not hold what the SDK expects, or a file that it
            names can't be read.
    """
    if kind is SpanExporterKind.CONSOLE:
        return ConsoleSpanExporter(formatter=lambda span: f"{span.to_json(indent=None)}\n")
    is_gzipped = options.compression is OtlpCompression.GZIP
    # What is not asked for need not be imported: each takes a tenth of a second.
    if options.protocol is OtlpProtocol.GRPC:
        from grpc import Compression as GrpcCompression
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (
            OTLPSpanExporter as GrpcExporter,
        )

        # Its own reading of the variable refuses "none".
        return GrpcExporter(
            timeout=options.timeout_s,
            compression=GrpcCompression.Gzip if is_gzipped else GrpcCompression.NoCompression,
        )
    from opentelemetry.exporter.otlp.proto.http import Compression as HttpCompression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (
        OTLPSpanExporter as HttpExporter,
    )

    return HttpExporter(
        timeout=options.timeout_s,
        compression=HttpCompression.Gzip if is_gzipped else HttpCompression.NoCompression,
    )
