"""Encoders of categories: a dictionary a column, filled with what scikit-learn itself answers.

Each fitted category is encoded once at load, so that every option is obeyed by construction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context

from skerry.runtimes.compiled.base import (
    Block,
    Compile,
    Compiled,
    Compiler,
    NotCompiled,
    Undecided,
    values_of,
)
from skerry.runtimes.compiled.chains import has_one_row
from skerry.runtimes.warning_capture import captured_warnings

_REFUSED, _ABSENT = -2, -3
_MAX_CATEGORIES = 20_000
_FEW_OUTPUTS = 256
"""A list of more zeros takes longer than an array of them."""


class Codes(NamedTuple):
    """What one column's values become: a number ≥ -1, or ``_REFUSED``.

    missing, unknown: of NaN and of what training did not have, where ``known`` has neither.
    """

    known: dict[Any, int]
    missing: int
    unknown: int

    def of(self, value: Any) -> int:
        """Return the code of one value; raises ``Undecided`` where scikit-learn refuses it."""
        code = self.known.get(value, _ABSENT)
        if code == _ABSENT:
            code = self.missing if value != value else self.unknown
        if code == _REFUSED:
            raise Undecided
        return code

    def of_all(self, values: list[Any]) -> NDArray[np.intp]:
        """Return the codes of a column."""
        found = map(self.known.get, values, repeat(_ABSENT))
        codes = np.fromiter(found, dtype=np.intp, count=len(values))
        if codes.min(initial=0) <= _REFUSED:
            for i in np.flatnonzero(codes <= _REFUSED).tolist():
                codes[i] = self.of(values[i])
        return codes


def _one_hot(estimator: Any, _: Compile) -> Compiled:
    """Codes are output columns, -1 for none of them."""
    if np.dtype(estimator.dtype) == np.float32:
        raise NotCompiled("OneHotEncoder(dtype=float32) has no compiled form")
    ends = np.cumsum(estimator._n_features_outs).tolist()  # noqa: SLF001 - no public name
    n_outputs = ends[-1]
    columns, few = _output_columns(estimator, [0, *ends[:-1]], ends), n_outputs <= _FEW_OUTPUTS

    def one(values: list[Any]) -> list[Any]:
        made = [0.0] * n_outputs
        for codes, value in zip(columns, values, strict=True):
            j = codes.of(value)
            if j >= 0:
                made[j] = 1.0
        return made

    def transform(block: Block) -> Block:
        if few and has_one_row(block):
            return np.array([one(values_of(block))])
        given = _values_of_columns(block)
        made = np.zeros((len(given[0]), n_outputs + 1))
        rows = np.arange(len(made))
        for codes, values in zip(columns, given, strict=True):
            made[rows, codes.of_all(values)] = 1.0
        return made[:, :-1]

    return Compiled(
        transform=transform,
        transform_one=one if few else None,
        is_exact=True,
        has_jumps=True,
    )


def _output_columns(estimator: Any, starts: list[int], ends: list[int]) -> list[Codes]:
    sparse = copy(estimator)
    sparse.sparse_output = True
    answers = _asked(sparse)
    columns = []
    for each, start, end in zip(answers, starts, ends, strict=True):

        def code(row: Any, start: int = start, end: int = end) -> int:
            if row is None:
                return _REFUSED
            return next((int(j) for j in row if start <= j < end), -1)

        columns.append(each.coded(code))
    return columns


def _by_value(estimator: Any, _: Compile) -> Compiled:
    """Compile an encoder that gives each feature one number, or one a class."""
    answers = _asked(estimator)
    first = next(row for each in answers for row in each.rows if row is not None)
    if first.dtype == np.float32:
        raise NotCompiled("an encoder to float32 has no compiled form")
    width = len(first) // len(answers)
    columns, tables = [], []
    for j, each in enumerate(answers):
        rows: list[list[float]] = []

        def code(row: Any, rows: list[list[float]] = rows, j: int = j) -> int:
            if row is None:
                return _REFUSED
            rows.append(row[j * width : (j + 1) * width].astype(np.float64).tolist())
            return len(rows) - 1

        columns.append(each.coded(code))
        tables.append(rows)
    arrays = [np.array(rows) for rows in tables]

    def one(values: list[Any]) -> list[Any]:
        made: list[Any] = []
        for codes, rows, value in zip(columns, tables, values, strict=True):
            made += rows[codes.of(value)]
        return made

    def transform(block: Block) -> Block:
        if has_one_row(block):
            return np.array([one(values_of(block))])
        found = [
            array[codes.of_all(values)]
            for codes, array, values in zip(columns, arrays, _values_of_columns(block), strict=True)
        ]
        return np.concatenate(found, axis=1)

    return Compiled(transform=transform, transform_one=one, is_exact=True, has_jumps=True)


class Answers(NamedTuple):
    """What scikit-learn makes of one column's categories; None where it refuses.

    rows: of ``categories``, then of NaN, then of a value that is none of them.
    """

    categories: list[Any]
    rows: list[Any]

    def coded(self, code: Any) -> Codes:
        """Return the column's codes, by a function from an answer to a code."""
        *known, missing, unknown = [code(row) for row in self.rows]
        pairs = zip(self.categories, known, strict=True)
        return Codes({c: k for c, k in pairs if not _is_nan(c)}, missing, unknown)


def _asked(fitted: Any) -> list[Answers]:
    """Ask the encoder for each category of each column, the other columns at their first one."""
    estimator = copy(fitted)
    vars(estimator).pop("_sklearn_output_config", None)  # arrays, whatever the model asked for
    known = [np.asarray(each).tolist() for each in estimator.categories_]
    if sum(map(len, known)) > _MAX_CATEGORIES or not all(known):
        raise NotCompiled(f"an encoder of more than {_MAX_CATEGORIES} categories or of none")
    dtypes = [np.asarray(each).dtype for each in estimator.categories_]
    found = []
    with captured_warnings(), config_context(transform_output="default"):
        for j, categories in enumerate(known):
            rows = _transformed(estimator, known, dtypes, j, categories)
            others = [
                _try(estimator, known, dtypes, j, value)
                for value in (float("nan"), _never_seen(categories))
            ]
            found.append(Answers(categories, [*rows, *others]))
    return found


def _transformed(
    estimator: Any, known: Sequence[list[Any]], dtypes: Sequence[Any], j: int, values: list[Any]
) -> list[Any]:
    """Return the encoder's answers, one a value of column ``j``; of a sparse row, its places."""
    import pandas as pd

    names = getattr(estimator, "feature_names_in_", range(len(known)))
    series = {}
    for k, name in enumerate(names):
        column = values if k == j else [known[k][0]] * len(values)
        dtype = object if dtypes[k].kind in "OUS" else dtypes[k]
        number = any(isinstance(v, float) for v in column) and dtypes[k].kind in "biu"
        series[name] = pd.Series(column, dtype=np.float64 if number else dtype)
    frame = pd.DataFrame(series)
    given = frame if hasattr(estimator, "feature_names_in_") else _as_array(frame)
    made = estimator.transform(given)
    if hasattr(made, "tocsr"):
        made = made.tocsr()
        return np.split(made.indices, made.indptr[1:-1])
    return list(np.asarray(made))


def _as_array(frame: Any) -> Any:
    return frame.to_numpy(
        dtype=object if any(dtype.kind == "O" for dtype in frame.dtypes) else None
    )


def _try(
    estimator: Any, known: Sequence[list[Any]], dtypes: Sequence[Any], j: int, value: Any
) -> Any:
    try:
        return _transformed(estimator, known, dtypes, j, [value])[0]
    except ValueError:
        return None


def _never_seen(categories: list[Any]) -> Any:
    """Return a value of the categories' kind that is none of them."""
    if any(isinstance(value, str) for value in categories):
        longest = max((len(v) for v in categories if isinstance(v, str)), default=0)
        return "?" * (longest + 1)
    numbers = [abs(float(v)) for v in categories if v is not None and not _is_nan(v)]
    return float(np.floor(max(numbers, default=0.0))) * 2.0 + 3.0


def _values_of_columns(block: Block) -> list[list[Any]]:
    if isinstance(block, tuple):
        return [column.tolist() for column in block]
    columns: list[list[Any]] = block.T.tolist()
    return columns


def _is_nan(value: Any) -> bool:
    return bool(value != value)


COMPILERS: Mapping[str, Compiler] = {
    "sklearn.preprocessing.OneHotEncoder": _one_hot,
    "sklearn.preprocessing.OrdinalEncoder": _by_value,
    "sklearn.preprocessing.TargetEncoder": _by_value,
}
