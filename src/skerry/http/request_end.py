"""The end of a request: everybody who counts or writes down requests is told, once."""

from __future__ import annotations

import time

from skerry.http.context import RequestRecord, ServerContext
from skerry.http.errors import CLIENT_GONE
from skerry.http.request_log import log_request


def end_request(context: ServerContext, record: RequestRecord) -> None:
    """Count and log a request that has been answered, or whose caller has left."""
    if record.track is not None and record.model is not None and record.version is not None:
        context.evidence.record(
            record.model,
            record.version,
            record.track,
            task=record.task,
            rows=record.rows,
            status=record.status or CLIENT_GONE,
            duration_s=time.perf_counter() - record.started_s,
            predictions=record.predictions,
        )
    log_request(context, record)
