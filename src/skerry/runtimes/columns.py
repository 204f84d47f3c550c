"""What a fitted object's encoders and selectors tell about each of its input columns.

Reads fitted attributes only; ``probing`` asks the model itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from skerry.core.signature import DType, Scalar

_MAX_CATEGORIES = 10_000
_META_ATTRIBUTES = (
    "best_estimator_",
    "estimator_",
    "regressor_",
    "classifier_",
    "estimators_",
    "calibrated_classifiers_",
    "estimator",
)


@dataclass(slots=True)
class Column:
    """One input column, as far as it is known; ``group`` is shared by columns treated alike.

    missing: what stands for a missing string in training; empty where nothing tells.
    """

    dtype: DType | None = None
    categories: tuple[Scalar, ...] | None = None
    accepts_unseen: bool = True
    missing: tuple[object, ...] = ()
    used: bool = True
    group: int = 0


def describe_columns(model: object, n_columns: int) -> list[Column]:
    """Return what the model's first steps tell about each column, in order."""
    columns = [Column() for _ in range(n_columns)]
    _Walk().visit(model, columns)
    return columns


def takes_texts(model: object) -> bool:
    """Tell whether the input is one list of texts rather than a table."""
    from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer

    first = first_steps(model)
    return bool(first) and all(isinstance(s, CountVectorizer | HashingVectorizer) for s in first)


def first_steps(model: object) -> list[object]:
    """Return the innermost objects that see the input as it comes."""
    from sklearn.pipeline import FeatureUnion, Pipeline

    if isinstance(model, Pipeline):
        steps = [step for _, step in model.steps if not _passes_through(step)]
        return first_steps(steps[0]) if steps else []
    if isinstance(model, FeatureUnion):
        parts = [part for _, part in model.transformer_list if part not in ("drop", "passthrough")]
        return [step for part in parts for step in first_steps(part)]
    inner = list(_inner_estimators(model))
    return [step for part in inner for step in first_steps(part)] if inner else [model]


class _Walk:
    def __init__(self) -> None:
        self._groups = 0

    def visit(self, estimator: object, columns: Sequence[Column]) -> None:
        """Note what ``estimator`` tells about the columns that it is given."""
        from sklearn.compose import ColumnTransformer
        from sklearn.naive_bayes import CategoricalNB
        from sklearn.pipeline import FeatureUnion, Pipeline

        if isinstance(estimator, Pipeline):
            self._visit_steps([step for _, step in estimator.steps], columns)
        elif isinstance(estimator, FeatureUnion):
            for _, part in estimator.transformer_list:
                self.visit(part, columns)
        elif isinstance(estimator, ColumnTransformer):
            self._visit_parts(estimator, columns)
        elif isinstance(estimator, CategoricalNB):
            _note_counts(estimator.n_categories_, columns)
        elif _is_vectorizer(estimator):
            for column in columns:
                column.dtype = DType.STRING
        elif hasattr(estimator, "categories_"):
            unseen = getattr(estimator, "handle_unknown", "ignore") != "error"
            _note_categories(estimator.categories_, unseen, columns)
        elif hasattr(estimator, "statistics_"):
            _note_imputer(estimator, columns)
        else:
            self._visit_inner(estimator, columns)

    def _visit_steps(self, steps: Sequence[object], columns: Sequence[Column]) -> None:
        for step in steps:
            if _passes_through(step):
                continue
            self.visit(step, columns)
            if not _keeps_columns(step, len(columns)):
                return

    def _visit_parts(self, transformer: Any, columns: Sequence[Column]) -> None:
        used: set[int] = set()
        for name, part, _ in transformer.transformers_:
            if isinstance(part, str) and part == "drop":
                continue
            indices = list(transformer._transformer_to_input_indices.get(name, ()))  # noqa: SLF001 - it is nowhere else
            used.update(indices)
            self._groups += 1
            for i in indices:
                columns[i].group = self._groups
            if not isinstance(part, str):
                self.visit(part, [columns[i] for i in indices])
        for i, column in enumerate(columns):
            column.used = i in used

    def _visit_inner(self, estimator: object, columns: Sequence[Column]) -> None:
        preprocessor = getattr(estimator, "_preprocessor", None)  # of histogram boosting
        inner = [preprocessor] if preprocessor is not None else list(_inner_estimators(estimator))
        for part in inner:
            if getattr(part, "n_features_in_", len(columns)) == len(columns):
                self.visit(part, columns)


def _inner_estimators(estimator: object) -> Iterable[object]:
    """Yield the estimators to which a meta-estimator hands its input as it is."""
    if type(estimator).__name__ in ("RFE", "RFECV", "BaggingClassifier", "BaggingRegressor"):
        return  # they hand on a selection
    for name in _META_ATTRIBUTES:
        value = vars(estimator).get(name) if hasattr(estimator, "__dict__") else None
        values = value if isinstance(value, list) else [value]
        found = [v for v in values if hasattr(v, "get_params") or hasattr(v, "calibrators")]
        if found:
            yield from found
            return


def _passes_through(step: object) -> bool:
    return step is None or (isinstance(step, str) and step == "passthrough")


def _is_vectorizer(estimator: object) -> bool:
    from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer

    return isinstance(estimator, CountVectorizer | HashingVectorizer)


def _keeps_columns(step: object, n_columns: int) -> bool:
    """Tell whether the next step sees the same columns: only an imputer that adds none does."""
    statistics = getattr(step, "statistics_", None)
    if statistics is None or getattr(step, "indicator_", None) is not None:
        return False
    return len(statistics) == n_columns and not any(_is_missing(s) for s in statistics)


def _note_counts(counts: Iterable[int], columns: Sequence[Column]) -> None:
    for column, count in zip(columns, counts, strict=True):
        column.dtype = DType.INT64
        column.categories = tuple(range(int(count)))
        column.accepts_unseen = False


def _note_categories(
    categories: Sequence[Any], accepts_unseen: bool, columns: Sequence[Column]
) -> None:
    if len(categories) != len(columns):
        return
    for column, values in zip(columns, categories, strict=True):
        listed = np.asarray(values).tolist()
        known = tuple(value for value in listed if not _is_missing(value))
        missing = tuple(value for value in listed if _is_missing(value))
        found = _dtype_of(known)
        # An imputer that fills in a word does so for every column, whatever it holds.
        if column.dtype is None or (column.dtype is DType.STRING and found is not None):
            column.dtype = found
        column.missing = column.missing or missing
        column.accepts_unseen = column.accepts_unseen and accepts_unseen
        if column.categories is None and (len(known) <= _MAX_CATEGORIES or not accepts_unseen):
            column.categories = known


def _note_imputer(imputer: Any, columns: Sequence[Column]) -> None:
    statistics = list(imputer.statistics_)
    if len(statistics) != len(columns):
        return
    for column, statistic in zip(columns, statistics, strict=True):
        if isinstance(statistic, str):
            column.dtype = column.dtype or DType.STRING
            if _is_missing(imputer.missing_values):
                column.missing = column.missing or (imputer.missing_values,)


def _dtype_of(values: Sequence[object]) -> DType | None:
    for dtype, python_type in (
        (DType.STRING, str),
        (DType.BOOL, bool),
        (DType.INT64, int),
        (DType.FLOAT64, float),
    ):
        if values and all(type(value) is python_type for value in values):
            return dtype
    return None


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
