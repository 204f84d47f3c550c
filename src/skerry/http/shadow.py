"""What has come of a model's shadow."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from skerry.core.errors import ModelNotFound
from skerry.http.auth import require_reader
from skerry.http.context import ServerContext, context_of
from skerry.http.openapi import problems
from skerry.http.schemas import ShadowView

router = APIRouter(prefix="/api/v1/models/{model}", tags=["traffic"], responses=problems(401, 404))
Context = Annotated[ServerContext, Depends(context_of)]


@router.get(
    "/shadow",
    response_model=ShadowView,
    response_model_exclude_unset=True,
    dependencies=[Depends(require_reader)],
)
async def get_shadow(context: Context, model: str) -> dict[str, Any]:
    """Return how the shadow's answers compare with those that were served, in this process.

    Without a shadow, of the last one since the process started; ``sample`` is 0 then.
    """
    if model not in context.catalog.models():
        raise ModelNotFound(f"model {model!r} does not exist")
    return context.shadows.report(model)
