"""What scikit-learn answers in process, in the shape of the answer to a batch, and a comparison."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from skerry.core.rows import Predictions
from tests.zoo import Specimen

TOLERANCE = 1e-12


def scikit_learn_answers(specimen: Specimen) -> dict[str, Any]:
    """Return predictions, confidences and probabilities of one call on all rows."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        labels = np.asarray(specimen.model.predict(specimen.x))
        probabilities = (
            specimen.model.predict_proba(specimen.x)
            if hasattr(specimen.model, "predict_proba")
            else None
        )
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    answer = {"predictions": labels.tolist()}
    if probabilities is None:
        none = [None] * len(labels) if labels.ndim == 1 else [[None] * len(labels[0])] * len(labels)
        return {**answer, "confidences": none, "probabilities": None}
    if isinstance(probabilities, list):
        each = probabilities
    elif labels.ndim == 2:
        each = [np.column_stack([1.0 - p, p]) for p in probabilities.T]
    else:
        return {
            **answer,
            "confidences": probabilities.max(axis=1).tolist(),
            "probabilities": probabilities.tolist(),
        }
    return {
        **answer,
        "confidences": np.column_stack([p.max(axis=1) for p in each]).tolist(),
        "probabilities": [list(row) for row in zip(*(p.tolist() for p in each), strict=True)],
    }


def differences(
    got: dict[str, Any], expected: dict[str, Any], task: str, tolerance: float = TOLERANCE
) -> list[str]:
    """Return where two answers differ: labels must be equal, numbers within the tolerance."""
    found = []
    for key in ("predictions", "confidences", "probabilities"):
        exact = key == "predictions" and task != "regression"
        if not _agree(got.get(key), expected[key], exact=exact, tolerance=tolerance):
            found.append(f"{key}: expected {expected[key]!r:.300}, got {got.get(key)!r:.300}")
    return found


def as_json(predictions: Predictions) -> dict[str, Any]:
    """Return predictions in the shape of the answer to a batch."""
    confidences, each = predictions.confidences, predictions.probabilities
    labels = predictions.labels
    probabilities: Any = None
    if each is not None:
        outputs = [output.tolist() for output in each]
        several = labels.ndim == 2
        probabilities = [list(row) for row in zip(*outputs, strict=True)] if several else outputs[0]
    none = [None] * len(labels) if labels.ndim == 1 else [[None] * len(labels[0])] * len(labels)
    return {
        "predictions": labels.tolist(),
        "confidences": none if confidences is None else confidences.tolist(),
        "probabilities": probabilities,
    }


def _agree(got: Any, expected: Any, *, exact: bool, tolerance: float) -> bool:
    if isinstance(expected, list):
        return (
            isinstance(got, list)
            and len(got) == len(expected)
            and all(
                _agree(g, e, exact=exact, tolerance=tolerance)
                for g, e in zip(got, expected, strict=True)
            )
        )
    if isinstance(expected, float) and not math.isfinite(expected):
        return got is None or not math.isfinite(got)
    if exact or not isinstance(expected, float):
        return bool(got == expected)
    return got is not None and abs(got - expected) <= tolerance * max(1.0, abs(expected))
