"""The end of a request: everybody who counts or writes down requests is told, once."""

from __future__ import annotations

import time

from skerry.http.context import RequestRecord, ServerContext
from skerry.http.errors import CLIENT_GONE
from skerry.http.request_log import log_request


def end_request(context: ServerContext, record: RequestRecord) -> None:
    """Count and log a request that has been answered, or whose caller has left."""
    _count(context, record)
    log_request(context, record)


def _count(context: ServerContext, record: RequestRecord) -> None:
    metrics, model, version = context.metrics, record.model, record.version
    metrics.count_request(
        record.route,
        record.method,
        record.status or CLIENT_GONE,
        model,
        version,
        record.track,
        record.error,
        time.perf_counter() - record.started_s,
    )
    predictions = record.predictions
    if predictions is None or model is None or version is None:
        return
    metrics.count_predictions(model, version, record.task, predictions)
    if record.input is not None:
        context.drift.add(model, version, record.input)
    if record.executor is not None:
        n_rows = len(predictions.labels)
        metrics.count_call(model, version, record.executor, n_rows, record.inference_s)
