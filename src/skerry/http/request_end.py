"""The end of a request: everybody who counts, writes down or mirrors requests is told, once."""

from __future__ import annotations

import time

from skerry.http.context import RequestRecord, ServerContext
from skerry.http.errors import CLIENT_GONE
from skerry.http.request_log import log_request
from skerry.http.request_spans import add_request_spans


def end_request(context: ServerContext, record: RequestRecord) -> None:
    """Log, count and trace a request that has been answered, or whose caller has left."""
    log_request(context, record)
    try:
        _count(context, record, time.perf_counter() - record.started_s)
        if record.mirror is not None and record.status == 200:
            # Its work starts in a later turn of the loop, when the answer has long been written.
            context.shadows.offer(record.mirror)
        if record.origin is not None and context.tracing is not None:
            add_request_spans(context.tracing, record, record.origin)
    except Exception as error:  # noqa: BLE001 - labels are a model's own objects: the caller is not to pay
        context.log.emit(
            "error",
            "request_not_counted",
            {"request_id": record.request_id, "exception": type(error).__name__},
        )


def _count(context: ServerContext, record: RequestRecord, duration_s: float) -> None:
    metrics, model, version = context.metrics, record.model, record.version
    trace = record.trace
    metrics.count_request(
        record.route,
        record.method,
        record.status or CLIENT_GONE,
        model,
        version,
        record.track,
        record.error,
        duration_s,
        trace if trace is not None and trace.is_sampled else None,
    )
    if model is None or version is None:
        return
    if record.track is not None:
        context.evidence.record(
            model,
            version,
            record.track,
            task=record.task,
            rows=record.rows,
            status=record.status or CLIENT_GONE,
            duration_s=duration_s,
            predictions=record.predictions,
        )
    predictions = record.predictions
    if predictions is None or record.status != 200:
        return
    metrics.count_predictions(model, version, record.task, predictions)
    if record.input is not None:
        context.drift.add(model, version, record.input)
    if record.executor is not None:
        n_rows = len(predictions.labels)
        metrics.count_call(model, version, record.executor, n_rows, record.inference_s)
