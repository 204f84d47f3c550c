"""What a compiled estimator is: scikit-learn's methods as plain functions of arrays.

A compiler reads the fitted attributes of one kind of estimator, once, and returns functions that
hold the arrays they need. Nothing here decides whether they are right: the proof does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skerry.core.plan import Executor

Array = NDArray[Any]
Matrix = NDArray[np.float64]
Table = tuple[Array, ...]
"""One array [n_rows] a column: object (strings), float64, int64 or bool."""
Block = Matrix | Table
"""float64 [n_rows, n_features], or a table where a column is no number."""


class NotCompiled(Exception):
    """An estimator, or one of its options, has no compiled form; the text names it."""


class Undecided(Exception):
    """scikit-learn has to answer all these rows: it may refuse some, or take them otherwise."""


class Decision(NamedTuple):
    """What ``predict`` answers.

    labels: [n_rows] or [n_rows, n_outputs], as scikit-learn types them.
    uncertain: bool [n_rows], the rows that rounding may have decided, so that scikit-learn has to
        answer them; None where there is no such row.
    """

    labels: Array
    uncertain: NDArray[np.bool_] | None = None


Predict = Callable[[Block], Decision]
Scores = Callable[[Block], Array]
Probabilities = Callable[[Block], Matrix | Sequence[Matrix]]
Both = Callable[[Block], tuple[Decision, Matrix | Sequence[Matrix]]]
Transform = Callable[[Block], Block]
TransformOne = Callable[[list[Any]], list[Any]]
"""From one row's Python values, one a column, to those after the transformer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """The methods of a fitted estimator; None for those it has not, or that are not compiled.

    All of them take any number of rows, at least one, and may be called by several threads.

    predict: labels of a classifier, clusterer or outlier detector, numbers of a regressor.
    predict_proba: float64 [n_rows, n_classes], or one of them an output.
    both: ``predict`` and ``predict_proba`` of the same rows in one call, where that is cheaper and
        ``classes`` does not say it.
    decision_function: float64 [n_rows] or [n_rows, n_classes].
    transform: of a transformer; raises ``Undecided`` for rows that scikit-learn may refuse.
    transform_one: the same for one row, where that takes less than array arithmetic would.
    classes: what ``predict`` chooses from, in the order of ``predict_proba``. Where it is set,
        ``predict`` is the argmax of ``predict_proba``, and one call answers both. ``predict`` may
        then be None.
    ties_are_exact: probabilities of ``classes`` that are equal are so in scikit-learn too, being
        counts, and the first class wins.
    is_exact: ``transform`` gives scikit-learn's bits, however many rows are asked at once.
    has_jumps: a last bit more or less in the input can change the answer by much, as at the split
        of a tree or the border of a bin; such an estimator may follow exact transformers only.
    executor: NUMPY, or TREELITE where that computes any part of it.
    """

    predict: Predict | None = None
    predict_proba: Probabilities | None = None
    both: Both | None = None
    decision_function: Scores | None = None
    transform: Transform | None = None
    transform_one: TransformOne | None = None
    classes: Array | None = None
    ties_are_exact: bool = False
    is_exact: bool = False
    has_jumps: bool = False
    executor: Executor = Executor.NUMPY


Compile = Callable[[Any], Compiled]
"""Compiles a nested estimator; raises ``NotCompiled``."""
Compiler = Callable[[Any, Compile], Compiled]
"""Compiles one kind of estimator, given how its parts are compiled; raises ``NotCompiled``."""


def as_matrix(block: Block) -> Matrix:
    """Return the block as float64 [n_rows, n_features]; its columns must be numbers."""
    if isinstance(block, tuple):
        return np.column_stack(block).astype(np.float64, copy=False)
    return block


def columns_of(block: Block, indices: Sequence[int]) -> Block:
    """Return some columns of the block, in the order of ``indices``."""
    if isinstance(block, tuple):
        chosen = tuple(block[i] for i in indices)
        return chosen if any(c.dtype == object for c in chosen) else as_matrix(chosen)
    return block[:, indices]


def count_rows(block: Block) -> int:
    """Return the number of rows."""
    return len(block[0]) if isinstance(block, tuple) else len(block)


def values_of(block: Block) -> list[Any]:
    """Return the only row of the block as Python values."""
    if isinstance(block, tuple):
        return [column.item() for column in block]
    row: list[Any] = block.tolist()[0]
    return row


def block_of(values: list[Any]) -> Block:
    """Return one row's Python values as a block: a table if any is text, or missing text."""
    # numpy would take "7E3" for 7000.0, and None for NaN.
    if not any(value is None or isinstance(value, str) for value in values):
        try:
            return np.array([values], dtype=np.float64)
        except (TypeError, ValueError):
            pass
    return tuple(np.array([value, None], dtype=object)[:1] for value in values)


def finite(block: Block) -> Matrix:
    """Return the block as a matrix.

    Raises:
        Undecided: it holds NaN or infinity.
    """
    matrix = as_matrix(block)
    flat = matrix.ravel()
    squares = flat.dot(flat)
    if squares - squares != 0 and not np.isfinite(flat).all():
        raise Undecided
    return matrix


def made_of(parts: Sequence[Compiled], **methods: Any) -> Compiled:
    """Return a compiled estimator of these methods, which ask the parts.

    methods: fields of ``Compiled``; what the parts decide, jumps and the executor, is filled in.
    """
    has_jumps = any(part.has_jumps for part in parts)
    return Compiled(**methods, has_jumps=has_jumps, executor=executor_of(*parts))


def executor_of(*parts: Compiled) -> Executor:
    """Return the executor of something that is made of these."""
    trees = any(part.executor is Executor.TREELITE for part in parts)
    return Executor.TREELITE if trees else Executor.NUMPY
