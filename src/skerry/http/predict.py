"""The native prediction routes: body → rows → version → executor → answer."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from starlette.requests import ClientDisconnect, Request

from skerry.core.errors import DeadlineExceeded
from skerry.core.rows import Predictions, Rows
from skerry.http.body import read_body
from skerry.http.context import RequestRecord, ServerContext, context_of, record_of
from skerry.http.dialect import NATIVE_BATCH, NATIVE_ROW, Dialect
from skerry.http.header_fields import header_fields
from skerry.http.lean_route import LeanAnswer, LeanRoute
from skerry.http.openapi import problems, request_body
from skerry.http.prediction import answer, choose, decode, mirror, predict_now, told
from skerry.http.question import question
from skerry.http.schemas import BatchRequest, BatchResponse, PredictRequest, PredictResponse
from skerry.serving.handle import Handle

if TYPE_CHECKING:
    from skerry.telemetry.call_trace import CallTrace

router = APIRouter(route_class=LeanRoute, tags=["predict"])
_STATUSES = (400, 401, 404, 408, 413, 415, 422, 429, 431, 500, 503, 504)
TIMEOUT_HEADER: dict[str, Any] = {
    "name": "X-Request-Timeout-Seconds",
    "in": "header",
    "description": "seconds for the whole request; the server's limit where it is lower",
    "schema": {"type": "number", "exclusiveMinimum": 0},
}
HEADERS: list[dict[str, Any]] = [
    {
        "name": "X-Model-Version",
        "in": "header",
        "description": "pins a version",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$"},
    },
    TIMEOUT_HEADER,
]


async def answer_prediction(
    request: Request, dialect: Dialect, *, model: str | None = None, version: str | None = None
) -> LeanAnswer:
    """Answer a prediction; model and version are the path's.

    Raises:
        SkerryError: the subclass that says what is wrong.
        ClientDisconnect: the caller hung up.
    """
    context, record = context_of(request), record_of(request.scope)
    fields = header_fields(request.scope["headers"])
    asked = question(context, fields, dialect, model=model, version=version)
    deadline_s = record.started_s + asked.timeout_s
    body = await read_body(
        fields,
        request.receive,
        max_bytes=context.limits.max_body_bytes,
        timeout_s=asked.timeout_s,
        any_media_type=dialect.any_media_type,
        lead=asked.lead,
    )
    resolved = decode(context, record, asked, choose(context, record, asked, body), body)
    predictions = predict_now(context, record, resolved)
    if predictions is None:
        handle = resolved.target.slot.acquire()
        # The model may write into its rows, and the same ones are looked at again: by the shadow,
        # and for drift.
        rows = Rows.joined([resolved.rows])
        predictions = await _run(context, request, handle, rows, deadline_s)
    record.predictions = predictions
    record.mirror = mirror(record, resolved, predictions)
    return answer(resolved, predictions)


async def _run(
    context: ServerContext, request: Request, handle: Handle, rows: Rows, deadline_s: float
) -> Predictions:
    """Predict in the executor, but no longer than the deadline and the caller are there."""
    record = record_of(request.scope)
    try:
        call = _call_trace(context, record, request)
        work = context.executor.submit(handle, rows, call)
        record.call = call
    except BaseException:
        handle.release()
        raise
    # It ends with this request, cancelled below, so that no group has to hold it.
    hangup = asyncio.ensure_future(_hangup(request))
    first: set[asyncio.Future[Any]] = {work, hangup}
    try:
        await asyncio.wait(
            first,
            timeout=max(0.0, deadline_s - time.perf_counter()),
            return_when=asyncio.FIRST_COMPLETED,
        )
        if work.done():
            error = work.exception()
            if error is not None:
                raise told(context, record, handle, error) from error
            return work.result()
        if hangup.done():
            raise ClientDisconnect
        raise DeadlineExceeded("the prediction did not end before the request's time was up")
    finally:
        work.cancel()
        hangup.cancel()


def _call_trace(
    context: ServerContext, record: RequestRecord, request: Request
) -> CallTrace | None:
    if context.tracing is None or record.trace is None:
        return None
    from skerry.telemetry.call_trace import CallTrace  # It takes the SDK, which is loaded by now.

    fields = header_fields(request.scope["headers"])
    return CallTrace(context.tracing, record.trace, fields, time.perf_counter())


async def _hangup(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


_ROW: dict[str, Any] = {
    "response_model": PredictResponse,
    "responses": problems(*_STATUSES),
    "openapi_extra": {"requestBody": request_body(PredictRequest), "parameters": HEADERS},
}
_BATCH: dict[str, Any] = {
    "response_model": BatchResponse,
    "responses": problems(*_STATUSES),
    "openapi_extra": {"requestBody": request_body(BatchRequest), "parameters": HEADERS},
}


@router.post("/api/v1/predict", **_ROW)
async def predict(request: Request) -> LeanAnswer:
    """Predict one row with the default model."""
    return await answer_prediction(request, NATIVE_ROW)


@router.post("/api/v1/predict/batch", **_BATCH)
async def predict_batch(request: Request) -> LeanAnswer:
    """Predict several rows with the default model."""
    return await answer_prediction(request, NATIVE_BATCH)


@router.post("/api/v1/models/{model}/predict", **_ROW)
async def predict_model(request: Request, model: str) -> LeanAnswer:
    """Predict one row with a named model."""
    return await answer_prediction(request, NATIVE_ROW, model=model)


@router.post("/api/v1/models/{model}/predict/batch", **_BATCH)
async def predict_model_batch(request: Request, model: str) -> LeanAnswer:
    """Predict several rows with a named model."""
    return await answer_prediction(request, NATIVE_BATCH, model=model)


@router.post("/api/v1/models/{model}/versions/{version}/predict", **_ROW)
async def predict_version(request: Request, model: str, version: str) -> LeanAnswer:
    """Predict one row with a pinned version."""
    return await answer_prediction(request, NATIVE_ROW, model=model, version=version)


@router.post("/api/v1/models/{model}/versions/{version}/predict/batch", **_BATCH)
async def predict_version_batch(request: Request, model: str, version: str) -> LeanAnswer:
    """Predict several rows with a pinned version."""
    return await answer_prediction(request, NATIVE_BATCH, model=model, version=version)
