"""The model converted to ONNX, as one more executor to try; opt-in, for it computes in float32."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from skerry.core.errors import LoadError
from skerry.core.rows import Predictions
from skerry.core.signature import DType, Signature
from skerry.runtimes.answers import Shape
from skerry.runtimes.compiled.answering import Answer, Answered
from skerry.runtimes.compiled.base import Block, NotCompiled, as_matrix
from skerry.runtimes.model_input import Form
from skerry.runtimes.native import Native
from skerry.runtimes.onnx import session_of

# Of these, every ONNX Runtime since 1.15 has all operators.
_OPSETS = {"": 18, "ai.onnx.ml": 3}
_TIE = 1e-4
"""float32 may order two probabilities differently that are closer than this."""


def onnx_answer(native: Native, signature: Signature) -> Answer:
    """Return how ONNX Runtime answers, after a conversion of the model by skl2onnx.

    Raises:
        NotCompiled: the converter is not installed, does not take the model, or its input is not
            a matrix of numbers.
    """
    shape = native.answers.shape
    if native.model_input.form is not Form.MATRIX or shape not in (Shape.NONE, Shape.SINGLE):
        raise NotCompiled("ONNX is tried for matrices of numbers and one output only")
    if any(feature.dtype is DType.STRING for feature in signature.features):
        raise NotCompiled("ONNX is tried for matrices of numbers and one output only")
    session = _converted(native.answers.model, len(signature.features), shape)
    name = session.get_inputs()[0].name
    single = shape is Shape.SINGLE

    def answer(block: Block) -> Answered:
        found = session.run(None, {name: as_matrix(block).astype(np.float32)})
        labels = np.asarray(found[0])
        if labels.ndim == 2 and labels.shape[1] == 1:
            labels = labels[:, 0]
        if not single:
            return Answered(Predictions(_widened(labels)), None)
        probabilities = np.asarray(found[1], dtype=np.float64)
        ordered = np.sort(probabilities, axis=1)
        uncertain = ordered[:, -1] - ordered[:, -2] <= _TIE
        predictions = Predictions(labels, ordered[:, -1].copy(), (probabilities,))
        return Answered(predictions, uncertain if uncertain.any() else None)

    return answer


def _converted(model: Any, n_features: int, shape: Shape) -> Any:
    try:
        skl2onnx = importlib.import_module("skl2onnx")
    except ImportError as error:
        raise NotCompiled("the package skl2onnx, which converts, is not installed") from error
    options = {"zipmap": False} if shape is Shape.SINGLE else None
    given = np.zeros((1, n_features), dtype=np.float32)
    try:
        converted = skl2onnx.to_onnx(model, given, target_opset=_OPSETS, options=options)
        return session_of(converted.SerializeToString())
    except LoadError as error:
        raise NotCompiled(error.detail) from error
    except Exception as error:
        raise NotCompiled(f"skl2onnx: {type(error).__name__}: {error}"[:200]) from error


def _widened(labels: Any) -> Any:
    return labels.astype(np.float64) if labels.dtype == np.float32 else labels
