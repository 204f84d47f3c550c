"""How routes are described beyond what FastAPI sees of them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from skerry.http.errors import MEDIA_TYPE
from skerry.http.schemas import BatchRequest, PolicyRequest, PredictRequest, Problem
from skerry.http.schemas_v2 import IndexRequest, InferRequest, RepositoryRequest, V2Error

_REF = "#/components/schemas/{model}"
_EXTRA_SCHEMAS: tuple[type[BaseModel], ...] = (
    Problem,
    PredictRequest,
    BatchRequest,
    PolicyRequest,
    InferRequest,
    IndexRequest,
    RepositoryRequest,
)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the ``responses`` of a route that may answer with problems of these statuses."""
    content = {MEDIA_TYPE: {"schema": {"$ref": _REF.format(model=Problem.__name__)}}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": content}
        for status in statuses
    }


def v2_errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the ``responses`` of a route below ``/v2`` that may fail with these statuses."""
    return {
        status: {"description": HTTPStatus(status).phrase, "model": V2Error} for status in statuses
    }


def request_body(model: type[BaseModel], *, required: bool = True) -> dict[str, Any]:
    """Return the ``requestBody`` of a route that reads its body itself."""
    schema = {"$ref": _REF.format(model=model.__name__)}
    return {"required": required, "content": {"application/json": {"schema": schema}}}


def install_openapi(app: FastAPI) -> None:
    """Make ``app.openapi`` add what lean routes refer to, and drop what no route answers."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
                servers=app.servers or None,
            )
            _complete(schema)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way


def _complete(schema: dict[str, Any]) -> None:
    schemas = schema.setdefault("components", {}).setdefault("schemas", {})
    for model in _EXTRA_SCHEMAS:
        own = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(own.pop("$defs", {}))
        schemas[model.__name__] = own
    schema["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for path, item in schema["paths"].items():
        for operation in item.values():
            # FastAPI adds its own 422, whose shape no route of ours has.
            declared = operation["responses"].get("422", {})
            if "application/json" in declared.get("content", {}):
                del operation["responses"]["422"]
            if path.startswith(("/api/", "/v2/models", "/v2/repository")):
                operation["security"] = [{}, {"token": []}]
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
