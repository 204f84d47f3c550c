"""Holds a compiled estimator against the estimator itself, for many rows and for one."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skerry.runtimes.answers import Shape, as_labels, shape_of, split_probabilities
from skerry.runtimes.compiled.answering import Answer, answer_of
from skerry.runtimes.compiled.registry import compile_estimator

TOLERANCE = 1e-9
ROWS_ALONE = 10


def disagreements(
    model: Any, rows: NDArray[np.float64], *, most_uncertain: float = 0.2
) -> list[str]:
    """Return what the compiled form of a fitted model answers otherwise than the model.

    most_uncertain: the part of the rows that it may leave to scikit-learn.
    """
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        labels = as_labels(model.predict(rows))
        shape, each = Shape.NONE, None
        if hasattr(model, "predict_proba"):
            probabilities = model.predict_proba(rows)
            shape = shape_of(labels, probabilities)
            each = split_probabilities(shape, probabilities)
        answer = answer_of(compile_estimator(model), shape)
        found = _differences(answer, rows, labels, each, most_uncertain)
        for i in range(min(ROWS_ALONE, len(rows))):
            one = slice(i, i + 1)
            alone = None if each is None else tuple(p[one] for p in each)
            found += [
                f"row {i}: {text}"
                for text in _differences(answer, rows[one], labels[one], alone, 1.0)
            ]
    return found


def _differences(
    answer: Answer,
    rows: NDArray[np.float64],
    labels: NDArray[Any],
    probabilities: tuple[NDArray[np.float64], ...] | None,
    most_uncertain: float,
) -> list[str]:
    predictions, uncertain = answer(rows)
    if predictions.labels.shape != labels.shape:
        return [f"labels of shape {predictions.labels.shape} for {labels.shape}"]
    if predictions.labels.dtype.kind != labels.dtype.kind:
        return [f"labels of {predictions.labels.dtype} for {labels.dtype}"]
    ours = np.ones(len(rows), dtype=bool) if uncertain is None else ~uncertain
    found = []
    if (~ours).mean() > most_uncertain:
        found.append(f"{(~ours).sum()} of {len(rows)} rows are uncertain")
    if labels.dtype.kind == "f" and probabilities is None:
        found += _numbers("predictions", predictions.labels[ours], labels[ours])
    elif (predictions.labels[ours] != labels[ours]).any():
        found.append(f"other labels: {predictions.labels[ours]} for {labels[ours]}")
    for a, b in zip(predictions.probabilities or (), probabilities or (), strict=True):
        found += _numbers("probabilities", a[ours], b[ours])
    return found


def _numbers(what: str, a: NDArray[np.float64], b: NDArray[np.float64]) -> list[str]:
    if a.shape != b.shape:
        return [f"{what} of shape {a.shape} for {b.shape}"]
    off = np.abs(a - b) / np.maximum(1.0, np.abs(b))
    worst = float(off.max(initial=0.0)) if not np.isnan(off).any() else np.inf
    return [f"{what} differ by {worst}"] if worst > TOLERANCE else []
