"""The Open Inference Protocol's routes that ask about the server and its models.

Source: the Open Inference Protocol, "Server Live" to "Model Metadata".
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response

from skerry import __version__
from skerry.controlplane.views import what_is_missing
from skerry.core.errors import ModelNotReady
from skerry.core.names import natural_key
from skerry.core.signature import Signature
from skerry.core.tensors import input_specs, output_specs
from skerry.dataplane.router import resolve_model, slot_of
from skerry.http.auth import require_reader
from skerry.http.context import ServerContext, context_of
from skerry.http.health import what_is_unsound
from skerry.http.openapi import v2_errors
from skerry.http.schemas_v2 import ModelMetadata, ModelReady, ServerHealth, ServerMetadata
from skerry.serving.handle import Slot

router = APIRouter(tags=["Open Inference Protocol"])
Context = Annotated[ServerContext, Depends(context_of)]
EXTENSIONS = ("binary_tensor_data", "model_repository")
_READER = [Depends(require_reader)]
_HIDDEN: dict[str, Any] = {"include_in_schema": False}
_HEALTH: dict[str, Any] = {
    "response_model": ServerHealth,
    "responses": {503: {"model": ServerHealth, "description": "Not now"}},
}
_READY: dict[str, Any] = {
    "response_model": ModelReady,
    "response_model_exclude_none": True,
    "dependencies": _READER,
    "responses": {
        503: {"model": ModelReady, "description": "It can't answer now"},
        **v2_errors(401, 404),
    },
}
_METADATA: dict[str, Any] = {
    "response_model": ModelMetadata,
    "dependencies": _READER,
    "responses": v2_errors(401, 404, 503),
}


@router.head("/v2", **_HIDDEN)
@router.head("/v2/", **_HIDDEN)
@router.get("/v2/", **_HIDDEN)
@router.get("/v2", response_model=ServerMetadata)
async def server_metadata() -> dict[str, Any]:
    """Return the server's name, version and extensions."""
    return {"name": "skerry", "version": __version__, "extensions": EXTENSIONS}


@router.head("/v2/health/live", **_HIDDEN)
@router.get("/v2/health/live", **_HEALTH)
async def server_live(context: Context, response: Response) -> dict[str, Any]:
    """Tell whether the process is sound, as /livez does."""
    health = _health(context)
    response.status_code = 200 if health["live"] else 503
    return health


@router.head("/v2/health/ready", **_HIDDEN)
@router.get("/v2/health/ready", **_HEALTH)
async def server_ready(context: Context, response: Response) -> dict[str, Any]:
    """Tell whether every required model can answer, as /readyz does."""
    health = _health(context)
    response.status_code = 200 if health["ready"] else 503
    return health


@router.head("/v2/models/{model}/ready", dependencies=_READER, **_HIDDEN)
@router.get("/v2/models/{model}/ready", **_READY)
async def model_ready(context: Context, response: Response, model: str) -> dict[str, Any]:
    """Tell whether a model can answer."""
    return _ready(context, response, model, None)


@router.head("/v2/models/{model}/versions/{version}/ready", dependencies=_READER, **_HIDDEN)
@router.get("/v2/models/{model}/versions/{version}/ready", **_READY)
async def version_ready(
    context: Context, response: Response, model: str, version: str
) -> dict[str, Any]:
    """Tell whether one version of a model can answer."""
    return _ready(context, response, model, version)


@router.head("/v2/models/{model}", dependencies=_READER, **_HIDDEN)
@router.get("/v2/models/{model}", **_METADATA)
async def model_metadata(context: Context, model: str) -> dict[str, Any]:
    """Return a model's tensors, as its stable version has them."""
    return _metadata(context, model, None)


@router.head("/v2/models/{model}/versions/{version}", dependencies=_READER, **_HIDDEN)
@router.get("/v2/models/{model}/versions/{version}", **_METADATA)
async def version_metadata(context: Context, model: str, version: str) -> dict[str, Any]:
    """Return the tensors of one version of a model."""
    return _metadata(context, model, version)


def _health(context: ServerContext) -> dict[str, Any]:
    missing = what_is_missing(context.catalog, draining=context.life.draining)
    return {"live": what_is_unsound(context) is None, "ready": not missing}


def _ready(
    context: ServerContext, response: Response, model: str, version: str | None
) -> dict[str, Any]:
    try:
        slot_of(context.serving_map.current, model, version)
    except ModelNotReady as error:
        response.status_code = 503
        return {"name": model, "ready": False, "error": error.detail}
    return {"name": model, "ready": True}


def _metadata(context: ServerContext, model: str, version: str | None) -> dict[str, Any]:
    snapshot = context.serving_map.current
    slot = slot_of(snapshot, model, version)
    info = slot.servable.info
    return {
        "name": model,
        "versions": sorted(resolve_model(snapshot, model, None).slots, key=natural_key),
        "platform": _platform(context, slot),
        "inputs": [spec.to_dict() for spec in input_specs(info.signature)],
        "outputs": [spec.to_dict() for spec in output_specs(info)],
        "properties": _properties(info.signature),
    }


def _platform(context: ServerContext, slot: Slot) -> str:
    harness = context.catalog.find((slot.model, slot.version))
    artifact = None if harness is None or harness.loaded is None else harness.loaded.artifact
    if artifact is None:
        return "sklearn"
    return "onnx_onnxv1" if artifact.format == "onnx" else f"sklearn_{artifact.format}"


def _properties(signature: Signature) -> dict[str, str]:
    """Return the classes, which ``predict_proba`` has its columns by; the protocol has no place."""
    classes = [output.classes for output in signature.outputs]
    if any(each is None for each in classes):
        return {}
    return {"classes": json.dumps(classes[0] if len(classes) == 1 else classes)}
