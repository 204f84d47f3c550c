"""Validated input on its way from a route to a servable, and the answer on its way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows that passed validation against one signature; exactly one of the two forms is set.

    matrix: float64 [n_rows, n_features], where every feature is a number; a missing value is NaN.
    columns: one array [n_rows] a feature, where one is a string: object (str, or None where
        missing), float64 (NaN where missing), int64 or bool.
    """

    n_rows: int
    matrix: NDArray[np.float64] | None = None
    columns: tuple[NDArray[Any], ...] | None = None

    @classmethod
    def joined(cls, parts: Sequence[Rows]) -> Rows:
        """Return a copy of several rows' values, one after the other; all are of the same form."""
        n_rows = sum(part.n_rows for part in parts)
        matrices = [part.matrix for part in parts if part.matrix is not None]
        if matrices:
            return cls(n_rows, matrix=np.concatenate(matrices))
        columns = zip(*(part.columns or () for part in parts), strict=True)
        return cls(n_rows, columns=tuple(np.concatenate(each) for each in columns))

    def joins(self, other: Rows) -> bool:
        """Tell whether both are of the same form, so that ``joined`` takes them."""
        a, b = self.columns, other.columns
        if a is None or b is None:
            return a is b
        return all(x.dtype == y.dtype for x, y in zip(a, b, strict=True))

    def take(self, indices: Sequence[int] | NDArray[np.intp]) -> Rows:
        """Return copies of some rows, in the order of their indices."""
        if self.matrix is not None:
            return Rows(len(indices), matrix=self.matrix[indices])
        columns = tuple(column[indices] for column in self.columns or ())
        return Rows(len(indices), columns=columns)

    def mixed(self, n_rows: int, random: np.random.Generator) -> Rows:
        """Return ``n_rows`` rows of which each value is one of its column, drawn by itself."""
        if self.matrix is not None:
            drawn = random.integers(self.n_rows, size=(n_rows, self.matrix.shape[1]))
            return Rows(n_rows, matrix=np.take_along_axis(self.matrix, drawn, axis=0))
        columns = self.columns or ()
        return Rows(n_rows, columns=tuple(random.choice(column, n_rows) for column in columns))


class Predictions(NamedTuple):
    """What a servable answers for ``n_rows`` rows.

    A tuple, because one is made for every request and a frozen dataclass costs twice as much.

    labels: [n_rows], or [n_rows, n_outputs] for several outputs; what ``predict`` says.
    confidences: float64 of the shape of labels, the highest class probability; None where the
        model has no probabilities.
    probabilities: one float64 [n_rows, n_classes] an output, in the order of the output's
        classes; None where the model has none.
    """

    labels: NDArray[Any]
    confidences: NDArray[np.float64] | None = None
    probabilities: tuple[NDArray[np.float64], ...] | None = None

    def between(self, begin: int, end: int) -> Predictions:
        """Return the predictions of the rows from ``begin`` to before ``end``, as views."""
        labels, confidences, probabilities = self
        return Predictions(
            labels[begin:end],
            None if confidences is None else confidences[begin:end],
            None if probabilities is None else tuple(p[begin:end] for p in probabilities),
        )

    def take(self, indices: Sequence[int] | NDArray[np.intp]) -> Predictions:
        """Return copies of some rows' predictions, in the order of their indices."""
        confidences, probabilities = self.confidences, self.probabilities
        return Predictions(
            self.labels[indices],
            None if confidences is None else confidences[indices],
            None if probabilities is None else tuple(p[indices] for p in probabilities),
        )
