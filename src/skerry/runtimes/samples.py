"""Rows to try a model with, and golden samples: rows with the answers that were right once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from skerry.core.errors import SamplesDiffer, SkerryError
from skerry.core.manifest import Sample
from skerry.core.row_values import to_rows
from skerry.core.rows import Predictions, Rows
from skerry.core.servable import Servable
from skerry.core.signature import DType, Feature, Signature

_TOLERANCE = 1e-9
_NULL_SHARE = 0.1
_WORDS = (
    "one",
    "small",
    "rocky",
    "island",
    "in",
    "the",
    "open",
    "sea",
    "good",
    "bad",
    "not",
    "very",
)


def draw_rows(signature: Signature, n: int, seed: int) -> Rows:
    """Return ``n`` synthetic rows that the signature allows; the same for the same seed.

    Numbers lie in the feature's range, else in [0, 1); some are missing where that is allowed,
    never in the first row. A model may still refuse one (``ValueError``): the signature can't say
    everything.
    """
    random = np.random.default_rng(seed)
    values = [
        [_draw(feature, random, first=i == 0) for feature in signature.features] for i in range(n)
    ]
    return to_rows(signature, values)


def golden_samples(servable: Servable, rows: Rows) -> tuple[Sample, ...]:
    """Return the rows with the servable's answers; none for a model that draws at random.

    Rows that the model refuses are left out.
    """
    if servable.info.draws_at_random:
        return ()
    values = row_values(servable.info.signature, rows)
    try:
        return _samples(values, servable.predict(rows))
    except ValueError:
        pass
    samples: list[Sample] = []
    for value in values:
        try:
            one = servable.predict(to_rows(servable.info.signature, [value]))
        except ValueError:
            continue
        samples.extend(_samples([value], one))
    return tuple(samples)


def check_samples(servable: Servable, samples: Sequence[Sample]) -> None:
    """Let samples pass that the servable still answers as they say.

    Labels must be equal, numbers within 1e-9·max(1, |b|). Nothing is held against a model that
    draws at random.

    Raises:
        SamplesDiffer: naming the first sample that does not reproduce.
    """
    if servable.info.draws_at_random or not samples:
        return
    try:
        rows = to_rows(servable.info.signature, [s.features for s in samples], loc=("samples",))
        found = _samples([s.features for s in samples], servable.predict(rows))
    except SkerryError as error:
        raise SamplesDiffer(f"golden samples are refused: {error.detail}") from error
    except Exception as error:
        # Whatever the model raises for a row that it once answered.
        raise SamplesDiffer(f"golden samples make it raise {type(error).__name__}") from error
    for i, (expected, got) in enumerate(zip(samples, found, strict=True)):
        for what in ("prediction", "confidence", "probabilities"):
            before, now = getattr(expected, what), getattr(got, what)
            if not _agree(before, now):
                raise SamplesDiffer(
                    f"golden sample {i}: {what} was {_short(before)} and is now {_short(now)}"
                )


def row_values(signature: Signature, rows: Rows) -> list[list[Any]]:
    """Return rows as JSON values in signature order, so that ``to_rows`` reads them back."""
    columns = rows.columns
    if columns is None:
        assert rows.matrix is not None  # noqa: S101 - one of the two forms is set
        columns = tuple(rows.matrix.T)
    lists = [
        [_json_value(feature, value) for value in column.tolist()]
        for feature, column in zip(signature.features, columns, strict=True)
    ]
    return [list(row) for row in zip(*lists, strict=True)]


def _draw(feature: Feature, random: np.random.Generator, *, first: bool) -> Any:
    if not feature.used:
        return None
    if feature.nullable and not first and random.random() < _NULL_SHARE:
        return None
    if feature.categories:
        return feature.categories[int(random.integers(len(feature.categories)))]
    if feature.dtype is DType.STRING:
        return " ".join(str(word) for word in random.choice(_WORDS, size=5))
    if feature.dtype is DType.BOOL:
        return bool(random.integers(2))
    low, high = feature.range or (0.0, 1.0)
    if feature.dtype is DType.INT64:
        return int(random.integers(math.ceil(low), math.floor(high) + 1))
    return float(random.uniform(low, high))


def _samples(values: Sequence[Sequence[Any]], predictions: Predictions) -> tuple[Sample, ...]:
    labels = predictions.labels.tolist()
    n_rows, several = len(labels), predictions.labels.ndim == 2
    confidences: list[Any] = [None] * n_rows
    if predictions.confidences is not None:
        confidences = predictions.confidences.tolist()
    probabilities: list[Any] = [None] * n_rows
    if predictions.probabilities is not None:
        each = [output.tolist() for output in predictions.probabilities]
        probabilities = [list(row) for row in zip(*each, strict=True)] if several else each[0]
    return tuple(
        Sample(tuple(value), _finite(label), _finite(confidence), _finite(probability))
        for value, label, confidence, probability in zip(
            values, labels, confidences, probabilities, strict=True
        )
    )


def _finite(value: Any) -> Any:
    """Return the value as JSON has it: None for NaN and infinity."""
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _json_value(feature: Feature, value: Any) -> Any:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if not feature.used or feature.dtype is DType.STRING:
        return value
    if feature.dtype is DType.BOOL:
        return bool(value)
    if feature.dtype is DType.INT64 and value == int(value):
        return int(value)
    return value


def _agree(before: Any, now: Any) -> bool:
    if isinstance(before, list | tuple) and isinstance(now, list | tuple):
        return len(before) == len(now) and all(map(_agree, before, now))
    if isinstance(before, float) or isinstance(now, float):
        if not isinstance(before, int | float) or not isinstance(now, int | float):
            return False
        return abs(now - before) <= _TOLERANCE * max(1.0, abs(before))
    return bool(before == now)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:60] + "…"
