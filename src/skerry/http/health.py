"""Liveness, readiness, startup, and a summary for people."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response

from skerry import __version__
from skerry.controlplane.views import model_statuses, what_is_missing
from skerry.http.context import ServerContext, context_of
from skerry.http.schemas import HealthView, ReadyView, StatusView

router = APIRouter(tags=["health"])
Context = Annotated[ServerContext, Depends(context_of)]


def what_is_unsound(context: ServerContext) -> str | None:
    """Return what a restart of the process can mend, None where nothing is wrong."""
    if context.life.control_plane_error is not None:
        return context.life.control_plane_error
    return "the first load is stuck" if context.catalog.stuck_at_first_load else None


def _unavailable(model: type[Any]) -> dict[int | str, dict[str, Any]]:
    return {503: {"model": model, "description": "Not now"}}


@router.get(
    "/livez",
    response_model=ReadyView,
    response_model_exclude_defaults=True,
    responses=_unavailable(ReadyView),
)
async def livez(context: Context, response: Response) -> dict[str, Any]:
    """Tell whether the process is sound; 503 is what a restart can mend."""
    reason = what_is_unsound(context)
    if reason is None:
        return {"status": "alive"}
    response.status_code = 503
    return {"status": "stuck", "reasons": [{"reason": reason}]}


@router.get(
    "/readyz",
    response_model=ReadyView,
    response_model_exclude_defaults=True,
    responses=_unavailable(ReadyView),
)
async def readyz(context: Context, response: Response) -> dict[str, Any]:
    """Tell whether every required model can answer."""
    reasons = what_is_missing(context.catalog, draining=context.life.draining)
    if not reasons:
        return {"status": "ready"}
    response.status_code = 503
    return {"status": "not_ready", "reasons": [reason.to_dict() for reason in reasons]}


@router.get("/startupz", response_model=StatusView, responses=_unavailable(StatusView))
async def startupz(context: Context, response: Response) -> dict[str, Any]:
    """Tell whether the first look at the repository, with its loads, has finished."""
    if context.catalog.started:
        return {"status": "started"}
    response.status_code = 503
    return {"status": "starting"}


@router.get("/health", response_model=HealthView, responses=_unavailable(HealthView))
async def health(context: Context, response: Response) -> dict[str, Any]:
    """Return a summary for people; its status code is that of /readyz."""
    catalog = context.catalog
    reasons = what_is_missing(catalog, draining=context.life.draining)
    statuses = model_statuses(catalog)
    troubles = [t for t in (catalog.source_error, catalog.content.error) if t is not None]
    degraded = bool(troubles) or any(h.failed for h in catalog.harnesses())
    if reasons:
        response.status_code = 503
    return {
        "status": "unavailable" if reasons else "degraded" if degraded else "ok",
        "version": __version__,
        "uptime_s": round(time.monotonic() - context.life.started_s, 1),
        "models": {
            name: {"ready": status.stable is not None, "stable": status.stable}
            for name, status in statuses.items()
        },
        "reasons": [r.to_dict() for r in reasons] + [{"reason": trouble} for trouble in troubles],
    }
