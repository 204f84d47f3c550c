"""The native prediction routes: body → rows → version → executor → answer."""

from __future__ import annotations

import asyncio
import math
import time
from functools import partial
from typing import Any

import orjson
from fastapi import APIRouter
from starlette.requests import ClientDisconnect, Request

from skerry.core.errors import (
    BadHeader,
    ConflictingVersion,
    DeadlineExceeded,
    ModelError,
    SkerryError,
    ValueOutOfRange,
)
from skerry.core.names import is_name
from skerry.core.rows import Predictions, Rows
from skerry.core.signature import Signature
from skerry.dataplane.router import Target, route
from skerry.http.auth import check_reader
from skerry.http.body import read_json_body
from skerry.http.context import (
    RequestRecord,
    ServerContext,
    context_of,
    header_value,
    record_of,
)
from skerry.http.decode import decode_batch, decode_row
from skerry.http.lean_route import LeanAnswer, LeanRoute
from skerry.http.openapi import problems, request_body
from skerry.http.schemas import BatchRequest, BatchResponse, PredictRequest, PredictResponse
from skerry.serving.handle import Handle, Slot

router = APIRouter(route_class=LeanRoute, tags=["predict"])
_SHOWN_CHARACTERS = 500
_DEADLINE_HEADER = "x-request-timeout-seconds"
_VERSION_HEADER = "x-model-version"
_STATUSES = (400, 401, 404, 408, 413, 415, 422, 429, 431, 500, 503, 504)
_HEADERS: list[dict[str, Any]] = [
    {
        "name": "X-Model-Version",
        "in": "header",
        "description": "pins a version",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$"},
    },
    {
        "name": "X-Request-Timeout-Seconds",
        "in": "header",
        "description": "seconds for the whole request; the server's limit where it is lower",
        "schema": {"type": "number", "exclusiveMinimum": 0},
    },
]


async def _predict(
    request: Request, *, batch: bool, model: str | None = None, version: str | None = None
) -> LeanAnswer:
    context, record = context_of(request), record_of(request.scope)
    headers = request.headers
    check_reader(context.tokens, headers.get("authorization"))
    pinned = _pinned_version(version, header_value(headers, _VERSION_HEADER))
    limits = context.limits
    timeout_s = _timeout_s(header_value(headers, _DEADLINE_HEADER), limits.request_timeout_s)
    deadline_s = time.monotonic() + timeout_s
    body = await read_json_body(
        headers, request.receive, max_bytes=limits.max_body_bytes, timeout_s=timeout_s
    )
    # From here to the handle nothing is awaited: the snapshot can't change in between.
    target = route(context.serving_map.current, model, pinned, context.default_model)
    slot = target.slot
    record.model, record.version, record.track = slot.model, slot.version, target.track
    signature = slot.servable.info.signature
    if batch:
        rows, wants_probabilities = decode_batch(body, signature, limits.max_batch_rows)
    else:
        rows, wants_probabilities = decode_row(body, signature)
    record.rows = rows.n_rows
    predictions = _run_now(context, record, slot, rows)
    if predictions is None:
        predictions = await _run(context, request, slot.acquire(), rows, deadline_s)
    content = _content(predictions, slot.version, signature if wants_probabilities else None)
    return _respond(content if batch else _single(content), target)


def _run_now(
    context: ServerContext, record: RequestRecord, slot: Slot, rows: Rows
) -> Predictions | None:
    """Predict here and now where that is quick. Nothing is awaited, so nothing can be unloaded."""
    try:
        return slot.servable.predict_now(rows)
    except SkerryError:
        raise
    except Exception as error:
        raise _as_answer(context, record, slot, error) from error


async def _run(
    context: ServerContext, request: Request, handle: Handle, rows: Rows, deadline_s: float
) -> Predictions:
    """Predict in the executor, but no longer than the deadline and the caller are there."""
    try:
        work = context.executor.submit(
            partial(handle.servable.predict, rows), rows=rows.n_rows, on_end=handle.release
        )
    except BaseException:
        handle.release()
        raise
    hangup = asyncio.ensure_future(_hangup(request))
    first: set[asyncio.Future[Any]] = {work, hangup}
    try:
        await asyncio.wait(
            first,
            timeout=max(0.0, deadline_s - time.monotonic()),
            return_when=asyncio.FIRST_COMPLETED,
        )
        if work.done():
            return _result(context, handle, record_of(request.scope), work)
        if hangup.done():
            raise ClientDisconnect
        raise DeadlineExceeded("the prediction did not end before the request's time was up")
    finally:
        work.cancel()
        hangup.cancel()


def _result(
    context: ServerContext,
    handle: Handle,
    record: RequestRecord,
    work: asyncio.Future[Predictions],
) -> Predictions:
    error = work.exception()
    if error is None:
        return work.result()
    raise _as_answer(context, record, handle, error) from error


def _as_answer(
    context: ServerContext, record: RequestRecord, asked: Slot | Handle, error: BaseException
) -> SkerryError:
    """Return what the caller is told of an error; what a model raised goes to the log."""
    if isinstance(error, SkerryError):
        return error
    context.log.warning(
        "model_raised",
        request_id=record.request_id,
        model=asked.model,
        version=asked.version,
        exception=f"{type(error).__name__}: {error}"[:_SHOWN_CHARACTERS],
    )
    if isinstance(error, ValueError):
        return ValueOutOfRange(
            "the model can't compute with these values, though each is of the right type"
        )
    return ModelError(f"{asked.model}/{asked.version} raised on this request")


async def _hangup(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _content(predictions: Predictions, version: str, signature: Signature | None) -> dict[str, Any]:
    labels = predictions.labels
    n_rows = len(labels)
    confidences = predictions.confidences
    content: dict[str, Any] = {
        "predictions": labels.tolist(),
        "confidences": _empty(labels.shape) if confidences is None else confidences.tolist(),
        "model_version": version,
        "batch_size": n_rows,
    }
    if signature is None:
        return content
    content["classes"] = content["probabilities"] = None
    if predictions.probabilities is not None:
        classes = [list(output.classes or ()) for output in signature.outputs]
        each = [p.tolist() for p in predictions.probabilities]
        several = labels.ndim > 1
        content["classes"] = classes if several else classes[0]
        content["probabilities"] = (
            [list(row) for row in zip(*each, strict=True)] if several else each[0]
        )
    return content


def _single(content: dict[str, Any]) -> dict[str, Any]:
    single = {
        "prediction": content["predictions"][0],
        "confidence": content["confidences"][0],
        "model_version": content["model_version"],
    }
    if "classes" in content:
        single["classes"] = content["classes"]
        probabilities = content["probabilities"]
        single["probabilities"] = None if probabilities is None else probabilities[0]
    return single


def _empty(shape: tuple[int, ...]) -> list[Any]:
    return [None if len(shape) == 1 else [None] * shape[1] for _ in range(shape[0])]


def _respond(content: dict[str, Any], target: Target) -> LeanAnswer:
    # orjson writes a float that is not finite as null, which is what SCHEMAS asks for.
    body = orjson.dumps(content, default=_plain, option=orjson.OPT_SERIALIZE_NUMPY)
    headers = (
        (b"x-model-version", target.slot.version.encode()),
        (b"x-model-track", target.track.encode()),
        (b"x-traffic-generation", target.generation.encode()),
    )
    return LeanAnswer(body, headers)


def _plain(value: Any) -> Any:
    """Return what JSON has for a label that is neither text, number nor bool."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _pinned_version(in_path: str | None, in_header: str | None) -> str | None:
    if in_header is not None and not is_name(in_header):
        raise BadHeader(f"X-Model-Version: expected a version, got {in_header[:100]!r}")
    if in_path is not None and in_header is not None and in_path != in_header:
        raise ConflictingVersion(
            f"the path pins {in_path[:100]}, the header X-Model-Version {in_header}:"
            " send one of them"
        )
    return in_path or in_header


def _timeout_s(header: str | None, limit_s: float) -> float:
    if header is None:
        return limit_s
    try:
        wanted_s = math.nan if "_" in header else float(header)
    except ValueError:
        wanted_s = math.nan
    if not (wanted_s > 0 and math.isfinite(wanted_s)):
        raise BadHeader(
            f"X-Request-Timeout-Seconds: expected a number above 0, got {header[:100]!r}"
        )
    return min(wanted_s, limit_s)


_ROW: dict[str, Any] = {
    "response_model": PredictResponse,
    "responses": problems(*_STATUSES),
    "openapi_extra": {"requestBody": request_body(PredictRequest), "parameters": _HEADERS},
}
_BATCH: dict[str, Any] = {
    "response_model": BatchResponse,
    "responses": problems(*_STATUSES),
    "openapi_extra": {"requestBody": request_body(BatchRequest), "parameters": _HEADERS},
}


@router.post("/api/v1/predict", **_ROW)
async def predict(request: Request) -> LeanAnswer:
    """Predict one row with the default model."""
    return await _predict(request, batch=False)


@router.post("/api/v1/predict/batch", **_BATCH)
async def predict_batch(request: Request) -> LeanAnswer:
    """Predict several rows with the default model."""
    return await _predict(request, batch=True)


@router.post("/api/v1/models/{model}/predict", **_ROW)
async def predict_model(request: Request, model: str) -> LeanAnswer:
    """Predict one row with a named model."""
    return await _predict(request, batch=False, model=model)


@router.post("/api/v1/models/{model}/predict/batch", **_BATCH)
async def predict_model_batch(request: Request, model: str) -> LeanAnswer:
    """Predict several rows with a named model."""
    return await _predict(request, batch=True, model=model)


@router.post("/api/v1/models/{model}/versions/{version}/predict", **_ROW)
async def predict_version(request: Request, model: str, version: str) -> LeanAnswer:
    """Predict one row with a pinned version."""
    return await _predict(request, batch=False, model=model, version=version)


@router.post("/api/v1/models/{model}/versions/{version}/predict/batch", **_BATCH)
async def predict_version_batch(request: Request, model: str, version: str) -> LeanAnswer:
    """Predict several rows with a pinned version."""
    return await _predict(request, batch=True, model=model, version=version)
