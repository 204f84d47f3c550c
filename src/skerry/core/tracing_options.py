"""How traces are sampled and sent: plain values, made of ``OTEL_…`` variables by the settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

_LOW_BITS = (1 << 64) - 1


class SpanExporterKind(StrEnum):
    """Where finished spans go. OTLP: to a receiver. CONSOLE: to standard output, one JSON each."""

    OTLP = "otlp"
    CONSOLE = "console"


class OtlpProtocol(StrEnum):
    """How spans travel to a receiver."""

    HTTP = "http/protobuf"
    GRPC = "grpc"


class OtlpCompression(StrEnum):
    """What is done to an export before it is sent."""

    NONE = "none"
    GZIP = "gzip"


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which traces are recorded.

    ratio: part of the traces that begin here, 0 to 1.
    parent_based: a trace that began elsewhere is recorded where its caller records it.
    """

    ratio: float = 1.0
    parent_based: bool = True
    _bound: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Derive what every request asks for."""
        object.__setattr__(self, "_bound", round(self.ratio * (_LOW_BITS + 1)))

    def takes(self, trace_id: int, parent_sampled: bool | None) -> bool:
        """Tell whether a trace is recorded; parent_sampled: None where it begins here.

        Source: OpenTelemetry's TraceIdRatioBased in Python, which looks at the low 64 bits.
        """
        if parent_sampled is not None and self.parent_based:
            return parent_sampled
        return trace_id & _LOW_BITS < self._bound


@dataclass(frozen=True, slots=True)
class TracingOptions:
    """What the process does with traces.

    timeout_s: of one export; the end of the process waits that long for the last ones, once.
    max_queue_spans: finished spans that wait for their export; more are dropped.
    w3c_only: callers' contexts come as ``traceparent`` (and baggage), and in no other header.
    """

    exporters: tuple[SpanExporterKind, ...] = (SpanExporterKind.OTLP,)
    protocol: OtlpProtocol = OtlpProtocol.HTTP
    compression: OtlpCompression = OtlpCompression.NONE
    timeout_s: float = 10.0
    sampling: Sampling = Sampling()
    max_queue_spans: int = 2048
    w3c_only: bool = True
