"""Wire schemas of the Open Inference Protocol: what goes over HTTP, for OpenAPI.

Source: the Open Inference Protocol, and Triton's extensions for binary tensors and repositories.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

Parameters = dict[str, str | float | bool]


class V2Error(BaseModel):
    """Why a request was not answered."""

    error: str


class ServerHealth(BaseModel):
    """Liveness and readiness, both."""

    live: bool
    ready: bool


class ServerMetadata(BaseModel):
    """The server."""

    name: str
    version: str
    extensions: list[str]


class ModelReady(BaseModel):
    """Whether a model, or one version of it, can answer; ``error`` says why not."""

    name: str
    ready: bool
    error: str | None = None


class TensorMetadata(BaseModel):
    """A tensor of a model; -1 stands for the number of rows."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(BaseModel):
    """A model: versions that can be asked, and its tensors."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]
    properties: dict[str, str] = Field(description="classes: JSON, in the order of probabilities")


class _Open(BaseModel):
    """Keys that nobody knows are passed over, as the protocol has it."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())


class RequestInput(_Open):
    """An input tensor; its data follow the JSON where ``binary_data_size`` says so."""

    name: str
    shape: list[int] = Field(min_length=1)
    datatype: str
    parameters: dict[str, Any] | None = None
    data: list[Any] | None = Field(None, description="nested or flat, in row-major order")


class RequestOutput(_Open):
    """An output tensor that is wanted."""

    name: str
    parameters: dict[str, Any] | None = None


_INPUTS = [{"name": "input-0", "shape": [1, 4], "datatype": "FP64", "data": [5.1, 3.5, 1.4, 0.2]}]


class InferRequest(_Open):
    """Tensors to predict for."""

    id: str | None = None
    parameters: dict[str, Any] | None = None
    inputs: list[RequestInput] = Field(min_length=1, examples=[_INPUTS])
    outputs: list[RequestOutput] | None = None


class ResponseOutput(BaseModel):
    """An output tensor; its data follow the JSON where ``binary_data_size`` says so."""

    name: str
    shape: list[int]
    datatype: str
    parameters: Parameters | None = None
    data: list[Any] | None = None


class InferResponse(BaseModel):
    """What a model answers."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[ResponseOutput]


class IndexRequest(_Open):
    """Which models to list."""

    ready: bool = False


class IndexEntry(BaseModel):
    """One version of a model in the repository."""

    name: str
    version: str
    state: str
    reason: str


class Done(BaseModel):
    """It is done; there is nothing to tell."""


class RepositoryRequest(_Open):
    """Parameters of a load or an unload."""

    parameters: dict[str, Any] | None = None
