"""The one log line of a request."""

from __future__ import annotations

import random
import time

from skerry.http.context import RequestRecord, ServerContext
from skerry.http.errors import CLIENT_GONE
from skerry.http.probes import PROBES

_WARNED = frozenset({429, 503, 504})


def log_request(context: ServerContext, record: RequestRecord) -> None:
    """Write the line of a request that has been answered, or whose caller has left."""
    status = record.status or CLIENT_GONE
    sample = context.log_sample
    if status < 400 and sample < 1 and random.random() >= sample:  # noqa: S311 - no secret
        return
    trace = record.trace
    fields = {
        "request_id": record.request_id,
        "trace_id": None if trace is None else trace.trace_hex,
        "span_id": None if trace is None else trace.span_hex,
        "method": record.method,
        "route": record.route,
        "status": status,
        "duration_ms": round((time.perf_counter() - record.started_s) * 1000, 3),
        "model": record.model,
        "version": record.version,
        "track": record.track,
        "rows": record.rows,
        "error": record.error,
    }
    context.log.emit(_level(status, record.route), "request", fields)


def _level(status: int, route: str | None) -> str:
    if route in PROBES:
        return "debug"
    if status in _WARNED:
        return "warning"
    return "error" if status >= 500 else "info"
