"""Reading and changing a model's traffic policy."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response

from skerry.controlplane.traffic_control import generations_of
from skerry.controlplane.views import find_version
from skerry.core.errors import BodyTooLarge, ModelNotFound
from skerry.http.auth import require_admin, require_reader
from skerry.http.body import read_body
from skerry.http.context import ServerContext, context_of
from skerry.http.header_fields import header_fields
from skerry.http.json_values import parse_finite_json
from skerry.http.openapi import problems, request_body
from skerry.http.schemas import PolicyRequest, TrafficView

router = APIRouter(prefix="/api/v1/models/{model}", tags=["traffic"], responses=problems(401, 404))
Context = Annotated[ServerContext, Depends(context_of)]
IfMatch = Annotated[str | None, Header(description="generation that the change is based on")]
_ADMIN = [Depends(require_admin)]
_MAX_POLICY_BYTES = 64 * 1024  # Digests of some 700 versions; the store holds all of 1 MiB.


@router.get("/traffic", response_model=TrafficView, dependencies=[Depends(require_reader)])
async def get_traffic(context: Context, response: Response, model: str) -> dict[str, Any]:
    """Return the policy as declared and as in force, with its generation as ETag."""
    return _answer(context, response, model)


@router.put(
    "/traffic",
    response_model=TrafficView,
    dependencies=_ADMIN,
    responses=problems(400, 403, 408, 409, 412, 413, 415, 422),
    openapi_extra={"requestBody": request_body(PolicyRequest)},
)
async def put_traffic(
    context: Context,
    request: Request,
    response: Response,
    model: str,
    if_match: IfMatch = None,
) -> dict[str, Any]:
    """Replace the policy, whole."""
    limits = context.limits
    body = await read_body(
        header_fields(request.headers.raw),
        request.receive,
        max_bytes=limits.max_body_bytes,
        timeout_s=limits.request_timeout_s,
    )
    if len(body) > _MAX_POLICY_BYTES:
        raise BodyTooLarge(f"a policy: expected at most {_MAX_POLICY_BYTES} bytes, got {len(body)}")
    value = parse_finite_json(body)
    _check_known(context, model)
    await context.traffic.put(model, value, _generations(if_match))
    return _answer(context, response, model)


@router.post(
    "/versions/{version}/activate",
    response_model=TrafficView,
    dependencies=_ADMIN,
    responses=problems(403, 409, 412, 422),
)
async def activate(
    context: Context, response: Response, model: str, version: str, if_match: IfMatch = None
) -> dict[str, Any]:
    """Make a READY version the stable one."""
    find_version(context.catalog, model, version)
    await context.traffic.activate(model, version, _generations(if_match))
    return _answer(context, response, model)


@router.post(
    "/rollback",
    response_model=TrafficView,
    dependencies=_ADMIN,
    responses=problems(403, 409, 412, 422),
)
async def rollback(
    context: Context, response: Response, model: str, if_match: IfMatch = None
) -> dict[str, Any]:
    """Return to the policy before the last change."""
    _check_known(context, model)
    await context.traffic.rollback(model, _generations(if_match))
    return _answer(context, response, model)


def _answer(context: ServerContext, response: Response, model: str) -> dict[str, Any]:
    view = context.traffic.describe(model)
    response.headers["ETag"] = f'"{view["generation"]}"'
    return view


def _check_known(context: ServerContext, model: str) -> None:
    if model not in context.catalog.models():
        raise ModelNotFound(f"model {model!r} does not exist")


def _generations(if_match: str | None) -> frozenset[str] | None:
    if if_match is None or if_match.strip() == "*":
        return None
    return generations_of(if_match)
