"""What a route knows of its server and of its request."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from starlette.requests import HTTPConnection
from starlette.types import Scope

from skerry.controlplane.catalog import Catalog
from skerry.controlplane.traffic_control import TrafficControl
from skerry.dataplane.executor import Executor
from skerry.serving.serving_map import ServingMap
from skerry.telemetry.logs import EventLog

SCOPE_KEY = "skerry.request"
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
    """Everything that routes need, put together once by the composition root."""

    catalog: Catalog
    traffic: TrafficControl
    serving_map: ServingMap
    executor: Executor
    limits: Limits
    tokens: Tokens
    life: LifeCycle
    log: EventLog
    default_model: str | None
    log_sample: float


@dataclass(slots=True)
class RequestRecord:
    """Facts about one request, gathered on its way and logged at its end.

    started_s: by ``time.perf_counter``, when the request came.
    error: slug of the problem it was answered with.
    """

    request_id: str
    started_s: float
    method: str
    route: str | None = None
    status: int = 0
    model: str | None = None
    version: str | None = None
    track: str | None = None
    rows: int | None = None
    error: str | None = None


def record_of(scope: Scope) -> RequestRecord:
    """Return the record that the edge put into the request's scope."""
    record: RequestRecord = scope[SCOPE_KEY]
    return record


def context_of(connection: HTTPConnection) -> ServerContext:
    """Return the server's context, for FastAPI's ``Depends`` and for lean routes."""
    context: ServerContext = connection.app.state.context
    return context
