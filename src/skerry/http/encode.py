"""Predictions to body bytes, serialised once."""

from __future__ import annotations

from typing import Any

import orjson

from skerry.core.rows import Predictions
from skerry.core.signature import Signature


def encode_row(predictions: Predictions, version: str, signature: Signature | None) -> bytes:
    """Return the body that answers one row.

    signature: gives the classes where probabilities are wanted; None where they are not.
    """
    return _dumps(_single(_content(predictions, version, signature)))


def encode_batch(predictions: Predictions, version: str, signature: Signature | None) -> bytes:
    """Return the body that answers several rows; otherwise as ``encode_row``."""
    return _dumps(_content(predictions, version, signature))


def _dumps(content: dict[str, Any]) -> bytes:
    # orjson writes a float that is not finite as null, which is what SCHEMAS asks for.
    return orjson.dumps(content, default=_plain, option=orjson.OPT_SERIALIZE_NUMPY)


def _content(predictions: Predictions, version: str, signature: Signature | None) -> dict[str, Any]:
    labels = predictions.labels
    n_rows = len(labels)
    confidences = predictions.confidences
    content: dict[str, Any] = {
        "predictions": labels.tolist(),
        "confidences": _empty(labels.shape) if confidences is None else confidences.tolist(),
        "model_version": version,
        "batch_size": n_rows,
    }
    if signature is None:
        return content
    content["classes"] = content["probabilities"] = None
    if predictions.probabilities is not None:
        classes = [list(output.classes or ()) for output in signature.outputs]
        each = [p.tolist() for p in predictions.probabilities]
        several = labels.ndim > 1
        content["classes"] = classes if several else classes[0]
        content["probabilities"] = (
            [list(row) for row in zip(*each, strict=True)] if several else each[0]
        )
    return content


def _single(content: dict[str, Any]) -> dict[str, Any]:
    single = {
        "prediction": content["predictions"][0],
        "confidence": content["confidences"][0],
        "model_version": content["model_version"],
    }
    if "classes" in content:
        single["classes"] = content["classes"]
        probabilities = content["probabilities"]
        single["probabilities"] = None if probabilities is None else probabilities[0]
    return single


def _empty(shape: tuple[int, ...]) -> list[Any]:
    return [None if len(shape) == 1 else [None] * shape[1] for _ in range(shape[0])]


def _plain(value: Any) -> Any:
    """Return what JSON has for a label that is neither text, number nor bool."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
