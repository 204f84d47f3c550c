"""Asks a fitted model, with its own validation on, what it takes: nulls, and how large a number.

The number of questions is bounded; columns that the model treats alike are asked about together.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from skerry.core.rows import Rows
from skerry.core.signature import DType, Feature
from skerry.runtimes.columns import Column
from skerry.runtimes.model_input import Form, ModelInput

_MAX_QUESTIONS = 160
_BUDGET_S = 2.0
_BEYOND_FLOAT32, _WITHIN_FLOAT32 = 1e39, 1e37
_FILLERS = (0.0, 1.0, 0.5)
_FITTED_ROWS = (
    "_fit_X",
    "X_train_",
    "support_vectors_",
    "cluster_centers_",
    "means_",
    "theta_",
    "centroids_",
    "mean_",
    "center_",
    "data_min_",
    "statistics_",
)

Predict = Callable[[Any], object]
Value = float | str | None


class Prober:
    """Tries rows on one model; ``base`` is one that it takes, None where none was found."""

    def __init__(
        self,
        predict: Predict,
        form: Form,
        names: tuple[str, ...],
        features: tuple[Feature, ...],
        columns: Sequence[Column],
        examples: Iterable[Sequence[float]],
    ) -> None:
        self._predict = predict
        self._form = form
        self._names = names
        self._columns = columns
        self._questions = 0
        self._spent_s = 0.0
        self.features = features
        self.missing: list[object] = [_missing(column) for column in columns]
        self.base = self._find_base(examples)

    @property
    def model_input(self) -> ModelInput:
        """How the model wants its rows, as far as it is known by now."""
        return ModelInput(self._form, self.features, self._names, tuple(self.missing))

    @property
    def is_slow(self) -> bool:
        """The model has taken so long already that it is asked nothing that can be guessed."""
        return self._spent_s > _BUDGET_S

    def refine(self) -> None:
        """Set ``nullable`` and the dtype float32 of every feature, and what missing strings are."""
        if self.base is None or self.is_slow:
            return
        unused = [i for i, feature in enumerate(self.features) if not feature.used]
        nullable = {*unused, *self._accepted_by_group(None)}
        floats = [i for i, f in enumerate(self.features) if f.used and f.dtype is DType.FLOAT64]
        beyond = self._accepted_by_group(_BEYOND_FLOAT32, floats)
        within = self._accepted_by_group(_WITHIN_FLOAT32, floats)
        self.features = tuple(
            replace(
                feature,
                nullable=i in nullable,
                dtype=DType.FLOAT32 if i in within - beyond else feature.dtype,
            )
            for i, feature in enumerate(self.features)
        )

    def takes(self, row: Sequence[Value]) -> bool:
        """Tell whether the model answers this row."""
        self._questions += 1
        started_s = time.monotonic()
        try:
            self._predict(self.model_input.of(rows_of(self.features, [row])))
        except Exception:  # noqa: BLE001 - whatever it raises, it does not take the row
            return False
        finally:
            self._spent_s += time.monotonic() - started_s
        return True

    def _find_base(self, examples: Iterable[Sequence[float]]) -> list[Value] | None:
        for numbers in [*([filler] * len(self.features) for filler in _FILLERS), *examples]:
            row = [_value(f, number) for f, number in zip(self.features, numbers, strict=True)]
            if self.takes(row):
                return row
        return None

    def _accepted_by_group(self, value: Value, only: Sequence[int] | None = None) -> set[int]:
        members: dict[tuple[int, bool], list[int]] = {}
        for i, feature in enumerate(self.features):
            if feature.used and (only is None or i in only):
                key = (self._columns[i].group, feature.dtype is DType.STRING)
                members.setdefault(key, []).append(i)
        accepted: set[int] = set()
        for (_, strings), group in members.items():
            found = self._accepted(group, value)
            if strings and value is None and not found:
                found = self._accepted_as_none(group)
            accepted |= found
        return accepted

    def _accepted(self, group: list[int], value: Value) -> set[int]:
        """Return those of the group that take the value; together they take what each does."""
        if self._with(group, value):
            return set(group)
        if len(group) == 1 or self._questions > _MAX_QUESTIONS or self.is_slow:
            return set()
        if not self._with(group[:1], value) and not self._with(group[-1:], value):
            return set()  # a scaler or an imputer treats its columns alike
        half = len(group) // 2
        return self._accepted(group[:half], value) | self._accepted(group[half:], value)

    def _accepted_as_none(self, group: list[int]) -> set[int]:
        """Try None for a missing string where NaN was refused and training tells nothing."""
        open_question = [i for i in group if not self._columns[i].missing]
        for i in open_question:
            self.missing[i] = None
        found = self._accepted(open_question, None) if open_question else set()
        for i in set(open_question) - found:
            self.missing[i] = math.nan
        return found

    def _with(self, indices: Sequence[int], value: Value) -> bool:
        assert self.base is not None  # noqa: S101 - refine() has returned already
        row = list(self.base)
        for i in indices:
            row[i] = value
        return self.takes(row)


def fitted_rows(estimators: Iterable[object], n_features: int) -> list[list[float]]:
    """Return rows that the model was fitted on, or centres of such rows, for a first question."""
    found: list[list[float]] = []
    for estimator in estimators:
        attributes = vars(estimator)
        for name in _FITTED_ROWS:
            value = attributes.get(name)
            if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
                continue
            row = value[0] if value.ndim == 2 and len(value) else value
            if row.shape == (n_features,) and np.isfinite(row).all():
                found.append(row.astype(np.float64).tolist())
    return found[:8]


def rows_of(features: Sequence[Feature], values: Sequence[Sequence[Value]]) -> Rows:
    """Return rows without any check, so that a model can be asked what validation refuses."""
    columns = []
    for j, feature in enumerate(features):
        column = [row[j] for row in values]
        if feature.dtype is DType.STRING or not feature.used:
            columns.append(np.array([*column, None], dtype=object)[:-1])
        else:
            numbers = [math.nan if value is None else value for value in column]
            columns.append(np.array(numbers, dtype=np.float64))
    return Rows(len(values), columns=tuple(columns))


def _value(feature: Feature, number: float) -> Value:
    if not feature.used:
        return None
    if feature.categories:
        category = feature.categories[0]
        return category if isinstance(category, str) else float(category)
    return "a" if feature.dtype is DType.STRING else number


def _missing(column: Column) -> object:
    """Return what stands for a missing string; NaN unless training had None and no NaN."""
    if any(isinstance(value, float) for value in column.missing) or not column.missing:
        return math.nan
    return column.missing[0]
