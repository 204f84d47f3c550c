"""A signature from a fitted object alone: names, dtypes, nulls and categories of its features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skerry.core.errors import Unsupported
from skerry.core.rows import Rows
from skerry.core.signature import DType, Feature, Signature
from skerry.runtimes.columns import Column, describe_columns, first_steps, takes_texts
from skerry.runtimes.model_input import Form, ModelInput
from skerry.runtimes.nested import class_path, nested_estimators
from skerry.runtimes.probing import Prober, fitted_rows, rows_of

TEXT = "text"
_UNKNOWN_INPUT = (
    "the model does not tell what features it takes;"
    " package it with a table of its input: skerry package --data"
)


@dataclass(frozen=True, slots=True)
class InferredInput:
    """The features, how the model wants them, and a row that it answered, if there is one.

    is_slow: it took so long to answer that it is better not asked again.
    """

    features: tuple[Feature, ...]
    model_input: ModelInput
    accepted: Rows | None
    is_slow: bool


def infer_input(
    model: Any, predict: Callable[[Any], object], signature: Signature | None
) -> InferredInput:
    """Return what ``model`` takes.

    predict: ``model.predict`` with the model's own validation on.
    signature: the manifest's, whose features are taken as they are.

    Raises:
        Unsupported: rows of JSON values can't be its input, or do not fit the signature.
    """
    _refuse_dictionaries(model)
    if takes_texts(model):
        columns = [Column(dtype=DType.STRING)]
        names: tuple[str, ...] = (TEXT,)
        form = Form.TEXTS
    else:
        columns = describe_columns(model, _count(model, signature))
        names, form = _names_and_form(model, columns, signature)
    features = tuple(map(_feature, names, columns))
    if signature is not None:
        if len(signature.features) != len(features):
            raise Unsupported(
                f"the manifest's signature has {len(signature.features)} features,"
                f" the model takes {len(features)}"
            )
        features = signature.features
    examples = fitted_rows(nested_estimators(model), len(features))
    prober = Prober(predict, form, names, features, columns, examples)
    if signature is None:
        if prober.base is None and not hasattr(model, "n_features_in_"):
            raise Unsupported(_UNKNOWN_INPUT)
        prober.refine()
        prober.features = _with_ranges(prober.features, first_steps(model))
    accepted = None if prober.base is None else rows_of(prober.features, [prober.base])
    return InferredInput(prober.features, prober.model_input, accepted, prober.is_slow)


def _refuse_dictionaries(model: object) -> None:
    from sklearn.feature_extraction import DictVectorizer, FeatureHasher

    for step in first_steps(model):
        if isinstance(step, DictVectorizer | FeatureHasher):
            raise Unsupported(
                f"{class_path(step)} takes rows of any keys; only rows of named features are"
                " served: fit on a table with a ColumnTransformer instead"
            )
        if getattr(step, "input", "content") != "content" and hasattr(step, "analyzer"):
            raise Unsupported(f"{class_path(step)} reads files; only texts are served")


def _count(model: Any, signature: Signature | None) -> int:
    if signature is not None and not hasattr(model, "n_features_in_"):
        return len(signature.features)
    for candidate in (model, *first_steps(model), *_later_steps(model)):
        count = getattr(candidate, "n_features_in_", None)
        if isinstance(count, int | np.integer):
            return int(count)
    if hasattr(model, "X_thresholds_"):  # isotonic regression has one by definition
        return 1
    raise Unsupported(_UNKNOWN_INPUT)


def _later_steps(model: Any) -> list[object]:
    """Return a pipeline's steps: a first one of the user's own often counts no columns."""
    return [step for _, step in getattr(model, "steps", ())]


def _names_and_form(
    model: Any, columns: list[Column], signature: Signature | None
) -> tuple[tuple[str, ...], Form]:
    fitted = getattr(model, "feature_names_in_", None)
    if fitted is not None and len(fitted) == len(columns):
        return tuple(str(name) for name in fitted), Form.FRAME
    strings = any(column.dtype is DType.STRING for column in columns)
    if signature is not None:
        strings = strings or not signature.is_numeric
    names = tuple(f"x{i}" for i in range(len(columns)))
    return names, Form.OBJECTS if strings else Form.MATRIX


def _feature(name: str, column: Column) -> Feature:
    return Feature(
        name=name,
        dtype=column.dtype or DType.FLOAT64,
        nullable=not column.used,
        categories=column.categories,
        accepts_unseen=column.accepts_unseen,
        used=column.used,
    )


def _with_ranges(features: tuple[Feature, ...], steps: list[object]) -> tuple[Feature, ...]:
    """Fill in the ranges where a first step keeps its training rows, or their bounds."""
    for step in steps:
        bounds = _bounds(vars(step), len(features))
        if bounds is not None:
            low, high = bounds
            return tuple(
                replace(f, range=(float(low[i]), float(high[i])))
                if f.dtype in (DType.FLOAT64, DType.FLOAT32)
                else f
                for i, f in enumerate(features)
            )
    return features


def _bounds(attributes: dict[str, Any], n_features: int) -> tuple[Any, Any] | None:
    for low_name, high_name in (
        ("data_min_", "data_max_"),
        ("_fit_X", "_fit_X"),
        ("X_train_",) * 2,
    ):
        low, high = attributes.get(low_name), attributes.get(high_name)
        if not isinstance(low, np.ndarray) or not isinstance(high, np.ndarray):
            continue
        if low.dtype.kind != "f" or low.shape[-1:] != (n_features,) or not len(low):
            continue
        if low.ndim == 2:
            low, high = low.min(axis=0), high.max(axis=0)
        if np.isfinite(low).all() and np.isfinite(high).all():
            return low, high
    return None
