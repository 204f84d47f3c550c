"""The Open Inference Protocol's inference routes: the steps of ``predict.py``, in its dialect."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request

from skerry.http.dialect_v2 import OPEN_INFERENCE
from skerry.http.lean_route import LeanAnswer, LeanRoute
from skerry.http.openapi import request_body, v2_errors
from skerry.http.predict import HEADERS, answer_prediction
from skerry.http.schemas_v2 import InferRequest, InferResponse

router = APIRouter(route_class=LeanRoute, tags=["Open Inference Protocol"])
_STATUSES = (400, 401, 404, 408, 413, 429, 431, 500, 503, 504)
_BYTES: dict[str, Any] = {"application/octet-stream": {"schema": {"format": "binary"}}}
_LENGTH: dict[str, Any] = {
    "name": "Inference-Header-Content-Length",
    "in": "header",
    "description": "bytes of JSON in the body, where the data of tensors follow it; 0: no JSON",
    "schema": {"type": "integer", "minimum": 0},
}
_BODY = request_body(InferRequest)
_INFER: dict[str, Any] = {
    "response_model": InferResponse,
    "responses": {200: {"content": _BYTES}, **v2_errors(*_STATUSES)},
    "openapi_extra": {
        "requestBody": {**_BODY, "content": {**_BODY["content"], **_BYTES}},
        "parameters": [*HEADERS, _LENGTH],
    },
}


@router.post("/v2/models/{model}/infer", **_INFER)
async def infer(request: Request, model: str) -> LeanAnswer:
    """Predict for the rows of the input tensors."""
    return await answer_prediction(request, OPEN_INFERENCE, model=model)


@router.post("/v2/models/{model}/versions/{version}/infer", **_INFER)
async def infer_version(request: Request, model: str, version: str) -> LeanAnswer:
    """Predict with a pinned version."""
    return await answer_prediction(request, OPEN_INFERENCE, model=model, version=version)
