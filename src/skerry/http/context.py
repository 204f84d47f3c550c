"""What a route knows of its server and of its request."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from starlette.requests import HTTPConnection
from starlette.types import Scope

from skerry.controlplane.catalog import Catalog
from skerry.controlplane.model_control import ModelControl
from skerry.controlplane.traffic_control import TrafficControl
from skerry.core.plan import Executor as PlanExecutor
from skerry.core.rows import Predictions, Rows
from skerry.core.signature import Task
from skerry.dataplane.drift import Drift
from skerry.dataplane.evidence import Evidence
from skerry.dataplane.executor import Executor
from skerry.dataplane.shadow import Shadows
from skerry.dataplane.shadow_calls import Mirror
from skerry.serving.serving_map import ServingMap
from skerry.telemetry.exposition import Exposition
from skerry.telemetry.logs import EventLog
from skerry.telemetry.serving_metrics import ServingMetrics

if TYPE_CHECKING:
    from skerry.http.request_spans import Origin
    from skerry.telemetry.call_trace import CallTrace
    from skerry.telemetry.request_trace import RequestTrace
    from skerry.telemetry.tracing import Tracing

SCOPE_KEY = "skerry.request"
UNIFORM_KEY = "skerry.uniform"
"""Where a request's scope keeps the number that was drawn for it, if one was."""
ARRIVED_KEY = "skerry.arrived_s"
"""Where the scope of a request that was held has the time when it came."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one request. request_timeout_s: seconds from its first byte to its answer."""

    max_batch_rows: int
    max_body_bytes: int
    request_timeout_s: float


@dataclass(frozen=True, slots=True)
class Tokens:
    """Secrets of the server; None where that kind of access has none."""

    api: str | None = field(repr=False)
    admin: str | None = field(repr=False)


@dataclass(slots=True)
class LifeCycle:
    """Where the process is in its life. draining: SIGTERM came, requests are still served."""

    started_s: float = field(default_factory=time.monotonic)
    draining: bool = False
    control_plane_error: str | None = None


@dataclass(frozen=True, slots=True)
class ServerContext:
    """Everything that routes need, put together once by the composition root.

    tracing: None where it is off.
    draw: returns a number from [0, 1), which decides between versions.
    """

    catalog: Catalog
    traffic: TrafficControl
    model_control: ModelControl
    serving_map: ServingMap
    executor: Executor
    evidence: Evidence
    shadows: Shadows
    limits: Limits
    tokens: Tokens
    life: LifeCycle
    log: EventLog
    metrics: ServingMetrics
    tracing: Tracing | None
    drift: Drift
    exposition: Exposition
    default_model: str | None
    log_sample: float
    draw: Callable[[], float]


@dataclass(slots=True)
class RequestRecord:
    """Facts about one request, gathered on its way, counted and logged at its end.

    generation: of the traffic policy that chose the version.
    uniform: drawn from [0, 1) once for the request, so that it is not dealt out twice.
    task, input, predictions: of the version that answers, what it was asked, and has answered.
    asked_s, executor, inference_s: of the call of the model, where it was made on the event loop:
        when it began, who answered, and how long that took.
    started_s: by ``time.perf_counter``, when the request came.
    error: slug of the problem it was answered with.
    trace: its place in a trace, None where tracing is off or its route is not traced.
    call: what came of its call in a thread, None where none was made or tracing is off.
    origin: what its spans tell of where it came from, None where nobody makes any here.
    is_v2: it came below ``/v2``, where errors look otherwise.
    mirror: what its model's shadow is to be asked once the answer is sent, None for nothing.
    """

    request_id: str
    started_s: float
    method: str
    uniform: float
    route: str | None = None
    status: int = 0
    model: str | None = None
    version: str | None = None
    track: str | None = None
    generation: str = ""
    task: Task | None = None
    rows: int | None = None
    input: Rows | None = None
    predictions: Predictions | None = None
    executor: PlanExecutor | None = None
    asked_s: float | None = None
    inference_s: float = 0.0
    error: str | None = None
    trace: RequestTrace | None = None
    call: CallTrace | None = None
    origin: Origin | None = None
    is_v2: bool = False
    mirror: Mirror | None = None


def record_of(scope: Scope) -> RequestRecord:
    """Return the record that the edge put into the request's scope."""
    record: RequestRecord = scope[SCOPE_KEY]
    return record


def context_of(connection: HTTPConnection) -> ServerContext:
    """Return the server's context, for FastAPI's ``Depends`` and for lean routes."""
    context: ServerContext = connection.app.state.context
    return context
