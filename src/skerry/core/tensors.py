"""Tensors of the Open Inference Protocol: datatypes, and what a model's inputs and outputs are.

Source: the Open Inference Protocol, "Tensor Data Types" and "Model Metadata".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from skerry.core.servable import ServableInfo
from skerry.core.signature import DType, Output, Signature

ONE_INPUT = "input-0"
"""Name of the one input tensor of a model whose features are all numbers."""
PREDICT = "predict"
PREDICT_PROBA = "predict_proba"


class Datatype(StrEnum):
    """Type of a tensor's elements. BYTES: strings; here they are text in UTF-8."""

    BOOL = "BOOL"
    UINT8 = "UINT8"
    UINT16 = "UINT16"
    UINT32 = "UINT32"
    UINT64 = "UINT64"
    INT8 = "INT8"
    INT16 = "INT16"
    INT32 = "INT32"
    INT64 = "INT64"
    FP16 = "FP16"
    FP32 = "FP32"
    FP64 = "FP64"
    BYTES = "BYTES"


NUMPY_DTYPES: Mapping[Datatype, np.dtype[Any]] = {
    Datatype.BOOL: np.dtype("?"),
    Datatype.UINT8: np.dtype("u1"),
    Datatype.UINT16: np.dtype("<u2"),
    Datatype.UINT32: np.dtype("<u4"),
    Datatype.UINT64: np.dtype("<u8"),
    Datatype.INT8: np.dtype("i1"),
    Datatype.INT16: np.dtype("<i2"),
    Datatype.INT32: np.dtype("<i4"),
    Datatype.INT64: np.dtype("<i8"),
    Datatype.FP16: np.dtype("<f2"),
    Datatype.FP32: np.dtype("<f4"),
    Datatype.FP64: np.dtype("<f8"),
    Datatype.BYTES: np.dtype("O"),
}
"""What the elements are in an array, and on the wire; those of BYTES are ``str`` in an array."""

_DATATYPES: Mapping[DType, Datatype] = {
    DType.FLOAT64: Datatype.FP64,
    DType.FLOAT32: Datatype.FP32,
    DType.INT64: Datatype.INT64,
    DType.BOOL: Datatype.BOOL,
    DType.STRING: Datatype.BYTES,
}
_NUMBERS = {Datatype.INT64, Datatype.FP64}


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """What a tensor of a model is like. shape: -1 stands for the number of rows."""

    name: str
    datatype: Datatype
    shape: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the tensor as a model's metadata shows it."""
        return {"name": self.name, "datatype": self.datatype.value, "shape": list(self.shape)}


def input_specs(signature: Signature) -> tuple[TensorSpec, ...]:
    """Return a model's inputs: one tensor for all features if they are numbers, else one each."""
    features = signature.features
    if signature.takes_numbers:
        return (TensorSpec(ONE_INPUT, Datatype.FP64, (-1, len(features))),)
    return tuple(TensorSpec(f.name, _DATATYPES[f.dtype], (-1, 1)) for f in features)


def output_specs(info: ServableInfo) -> tuple[TensorSpec, ...]:
    """Return a model's outputs: what ``predict`` says, and probabilities where it has some."""
    outputs = info.signature.outputs
    shape = (-1,) if len(outputs) == 1 else (-1, len(outputs))
    specs = [TensorSpec(PREDICT, _labels_datatype(outputs), shape)]
    if info.has_probabilities:
        specs += [
            TensorSpec(
                PREDICT_PROBA if len(outputs) == 1 else f"{PREDICT_PROBA}_{k}",
                Datatype.FP64,
                (-1, len(output.classes or ())),
            )
            for k, output in enumerate(outputs)
        ]
    return tuple(specs)


def _labels_datatype(outputs: Sequence[Output]) -> Datatype:
    """Return the type that takes the labels of every output."""
    each = {_DATATYPES[output.dtype] for output in outputs}
    if len(each) == 1:
        return each.pop()
    return Datatype.FP64 if each <= _NUMBERS else Datatype.BYTES
