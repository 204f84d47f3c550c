"""The metrics, for Prometheus. Open to everybody: they tell of names and numbers, never of rows."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Response

from skerry.http.context import ServerContext, context_of
from skerry.telemetry.exposition import OPENMETRICS, TEXT

router = APIRouter(tags=["metrics"])
Context = Annotated[ServerContext, Depends(context_of)]
_CONTENT: dict[str, Any] = {
    content_type.partition(";")[0]: {"schema": {"type": "string"}}
    for content_type in (TEXT, OPENMETRICS)
}


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"description": "The metrics", "content": _CONTENT}},
)
async def metrics(
    context: Context, accept: Annotated[str, Header(include_in_schema=False)] = ""
) -> Response:
    """Return all metrics, as Prometheus text or, where Accept asks for it, as OpenMetrics."""
    text, content_type = await context.exposition.render(accept)
    return Response(text, headers={"content-type": content_type})
