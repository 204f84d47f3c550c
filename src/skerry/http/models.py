"""What is served: models, versions, and their states."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from skerry.controlplane.views import describe_model, describe_version
from skerry.core.errors import SkerryError
from skerry.dataplane.router import resolve_model
from skerry.http.auth import require_reader
from skerry.http.context import ServerContext, context_of
from skerry.http.openapi import problems
from skerry.http.schemas import ModelsView, ModelView, WholeVersionView

router = APIRouter(
    prefix="/api/v1/models",
    tags=["models"],
    dependencies=[Depends(require_reader)],
    responses=problems(401),
)
Context = Annotated[ServerContext, Depends(context_of)]


@router.get("", response_model=ModelsView)
async def list_models(context: Context) -> dict[str, Any]:
    """Return all models."""
    return {"models": [_model(context, name) for name in context.catalog.models()]}


@router.get("/{model}", response_model=ModelView, responses=problems(404))
async def get_model(context: Context, model: str) -> dict[str, Any]:
    """Return a model: its versions with their states, and its traffic."""
    return _model(context, model)


@router.get("/{model}/versions/{version}", response_model=WholeVersionView, responses=problems(404))
async def get_version(context: Context, model: str, version: str) -> dict[str, Any]:
    """Return a version with its signature and execution plan."""
    return describe_version(context.catalog, model, version, whole=True)


def _model(context: ServerContext, name: str) -> dict[str, Any]:
    traffic = context.traffic.describe(name)
    view = describe_model(context.catalog, name, traffic)
    return {**view, "default": name == default_model_of(context)}


def default_model_of(context: ServerContext) -> str | None:
    """Return the model that is served where none is named, None where that is not clear."""
    try:
        return resolve_model(context.serving_map.current, None, context.default_model).name
    except SkerryError:
        return None
