"""The model repository extension: what there is, and loading and unloading it.

Source: Triton's model repository extension.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from skerry.core.errors import DeadlineExceeded, InvalidBody
from skerry.core.row_values import describe
from skerry.http.auth import require_admin, require_reader
from skerry.http.body import read_body
from skerry.http.context import ServerContext, context_of, record_of
from skerry.http.header_fields import header_fields
from skerry.http.json_values import parse_finite_json
from skerry.http.openapi import request_body, v2_errors
from skerry.http.predict import TIMEOUT_HEADER
from skerry.http.question import timeout_of
from skerry.http.schemas_v2 import Done, IndexEntry, IndexRequest, RepositoryRequest

router = APIRouter(prefix="/v2/repository", tags=["Open Inference Protocol"])
Context = Annotated[ServerContext, Depends(context_of)]
_CHANGE: dict[str, Any] = {
    "response_model": Done,
    "dependencies": [Depends(require_admin)],
    "responses": v2_errors(400, 401, 403, 404, 408, 413, 503, 504),
    "openapi_extra": {
        "requestBody": request_body(RepositoryRequest, required=False),
        "parameters": [TIMEOUT_HEADER],
    },
}


@router.post(
    "/index",
    response_model=list[IndexEntry],
    dependencies=[Depends(require_reader)],
    responses=v2_errors(400, 401, 408, 413),
    openapi_extra={"requestBody": request_body(IndexRequest, required=False)},
)
async def index(context: Context, request: Request) -> list[dict[str, Any]]:
    """Return every version of every model, with its state."""
    content = await _content(context, request, context.limits.request_timeout_s)
    ready = content.get("ready")
    if ready is not None and not isinstance(ready, bool):
        raise InvalidBody.at(("ready",), "true or false", describe(ready))
    return context.model_control.index(ready=bool(ready))


@router.post("/models/{model}/load", **_CHANGE)
async def load(context: Context, request: Request, model: str) -> dict[str, Any]:
    """Load a model as its version policy says, in this process."""
    limit_s = _limit_s(context, request)
    content = await _content(context, request, limit_s)
    _check_parameters(content.get("parameters"))
    await _in_time(request, context.model_control.load(model), "load", limit_s)
    return {}


@router.post("/models/{model}/unload", **_CHANGE)
async def unload(context: Context, request: Request, model: str) -> dict[str, Any]:
    """Unload a model in this process, until it is loaded again or the process restarts."""
    limit_s = _limit_s(context, request)
    await _content(context, request, limit_s)
    await _in_time(request, context.model_control.unload(model), "unload", limit_s)
    return {}


def _limit_s(context: ServerContext, request: Request) -> float:
    return timeout_of(header_fields(request.headers.raw), context.limits.request_timeout_s)


async def _content(context: ServerContext, request: Request, limit_s: float) -> dict[str, Any]:
    body = await read_body(
        header_fields(request.headers.raw),
        request.receive,
        max_bytes=context.limits.max_body_bytes,
        timeout_s=limit_s,
        any_media_type=True,
    )
    content = parse_finite_json(body) if body.strip() else {}
    if not isinstance(content, dict):
        raise InvalidBody.at((), "an object, or nothing", describe(content))
    return content


def _check_parameters(parameters: Any) -> None:
    if parameters is None:
        return
    if not isinstance(parameters, dict):
        raise InvalidBody.at(("parameters",), "an object", describe(parameters))
    for name in parameters:
        if name == "config" or name.startswith("file:"):
            raise InvalidBody(
                f"parameters.{name[:60]}: a model is loaded as it lies in the repository;"
                " no request brings another configuration or other files"
            )


async def _in_time(
    request: Request, change: Coroutine[Any, Any, None], what: str, limit_s: float
) -> None:
    """Wait for a change until the request's time, which began with the request, is over."""
    passed_s = time.perf_counter() - record_of(request.scope).started_s
    try:
        async with asyncio.timeout(max(0.0, limit_s - passed_s)):
            await change
    except TimeoutError:
        raise DeadlineExceeded(
            f"the {what} has not ended within {limit_s:g} s, and goes on;"
            " POST /v2/repository/index shows how far it is"
        ) from None
