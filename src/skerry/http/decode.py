"""Body bytes to validated rows.

The usual body, lists of numbers for a model of numbers, is parsed and validated by Pydantic in
one pass; the rows of a table are looked at a column at a time. Whatever these do not take goes the
explaining way, value by value.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, FailFast, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict  # Pydantic needs it before Python 3.12

from skerry.core.errors import (
    BatchTooLarge,
    EmptyBatch,
    InvalidBody,
    MalformedJson,
    Mismatch,
    NonFiniteValue,
    SkerryError,
    WrongFeatureCount,
)
from skerry.core.row_values import describe, fits, to_row, to_rows
from skerry.core.rows import Rows
from skerry.core.signature import Signature
from skerry.core.table_rows import to_table
from skerry.http.json_values import has_more_values, parse_finite_json, parse_json

_Finite = Annotated[float, Field(allow_inf_nan=False)]
_KEYS = frozenset({"features", "return_probabilities"})
_SHOWN_KEYS = 10
# A body with this many values beside those of its rows, or this many times as many, is refused
# unparsed; below that, its error is exact.
_SPARE_VALUES = 10_000
_SPARE_RATIO = 2


@with_config(ConfigDict(extra="forbid", strict=True))
class _FastRow(TypedDict, total=False):
    features: Annotated[list[_Finite], FailFast()]
    return_probabilities: bool


@with_config(ConfigDict(extra="forbid", strict=True))
class _FastBatch(TypedDict, total=False):
    features: Annotated[list[Annotated[list[_Finite], FailFast()]], FailFast()]
    return_probabilities: bool


_FAST_ROW: TypeAdapter[_FastRow] = TypeAdapter(_FastRow)
_FAST_BATCH: TypeAdapter[_FastBatch] = TypeAdapter(_FastBatch)


def decode_row(body: bytes, signature: Signature) -> tuple[Rows, bool]:
    """Return the one row of a predict body, and whether probabilities are wanted.

    Raises:
        RequestError: the subclass that says what is wrong.
    """
    if has_too_many_values(body, signature, 1):
        raise WrongFeatureCount.at(("features",), str(len(signature.features)), "many more")
    if signature.takes_numbers:
        try:
            fast = _FAST_ROW.validate_json(body)
            values = fast["features"]
            if len(values) == len(signature.features):
                matrix = _matrix(signature, [values])
                if fits(signature, matrix):
                    return Rows(1, matrix=matrix), fast.get("return_probabilities", False)
        except (ValidationError, KeyError):
            pass  # The other way finds out what is wrong, or different, about it.
    features, wants_probabilities = _read(body)
    if not isinstance(features, list | dict):
        raise _wrong(("features",), "a list or an object", features)
    return to_row(signature, features), wants_probabilities


def decode_batch(body: bytes, signature: Signature, max_rows: int) -> tuple[Rows, bool]:
    """Return the rows of a batch body, and whether probabilities are wanted.

    Raises:
        RequestError: the subclass that says what is wrong.
    """
    if has_too_many_values(body, signature, max_rows):
        raise _too_many_rows(max_rows, "many more")
    fast = _fast_matrix if signature.takes_numbers else _fast_table
    decoded = fast(body, signature, max_rows)
    if decoded is not None:
        return decoded
    features, wants_probabilities = _read(body)
    if not isinstance(features, list):
        raise _wrong(("features",), "a list", features)
    if not features:
        raise EmptyBatch.at(("features",), "at least one row", "an empty list")
    if len(features) > max_rows:
        raise _too_many_rows(max_rows, str(len(features)))
    if not isinstance(features[0], list | dict):
        raise InvalidBody.at(
            ("features", 0),
            "a row: a list of values or an object by feature name",
            describe(features[0]),
            "; one row goes to …/predict",
        )
    return to_rows(signature, features), wants_probabilities


def rows_in(body: bytes) -> int:
    """Return about how many rows a batch body has: one bracket or brace opens each.

    A million bytes take less than a millisecond. Such signs within text count, too.
    """
    return max(1, body.count(b"[") - 1, body.count(b"{") - 1)


def _fast_matrix(body: bytes, signature: Signature, max_rows: int) -> tuple[Rows, bool] | None:
    try:
        fast = _FAST_BATCH.validate_json(body)
        rows = fast["features"]
    except (ValidationError, KeyError):
        return None
    if not 0 < len(rows) <= max_rows or set(map(len, rows)) != {len(signature.features)}:
        return None
    matrix = _matrix(signature, rows)
    if not fits(signature, matrix):
        return None
    return Rows(len(rows), matrix=matrix), fast.get("return_probabilities", False)


def _matrix(signature: Signature, rows: list[list[float]]) -> NDArray[np.float64]:
    matrix = np.array(rows, dtype=np.float64)
    for j in signature.whole:
        matrix[:, j] += 0.0  # -0.0 is the whole number 0
    return matrix


def _fast_table(body: bytes, signature: Signature, max_rows: int) -> tuple[Rows, bool] | None:
    if signature.is_numeric:
        return None
    try:
        content = parse_finite_json(body)
    except MalformedJson:
        return None
    if not isinstance(content, dict) or not content.keys() <= _KEYS:
        return None
    values = content.get("features")
    wants_probabilities = content.get("return_probabilities", False)
    if not isinstance(values, list) or not isinstance(wants_probabilities, bool):
        return None
    rows = to_table(signature, values) if 0 < len(values) <= max_rows else None
    return None if rows is None else (rows, wants_probabilities)


def has_too_many_values(body: bytes, signature: Signature, max_rows: int) -> bool:
    """Tell whether JSON has so many values that it makes no sense to parse it."""
    values = max_rows * (len(signature.features) + 2)
    return has_more_values(body, _SPARE_RATIO * values + _SPARE_VALUES)


def _too_many_rows(max_rows: int, got: str) -> BatchTooLarge:
    return BatchTooLarge.at(
        ("features",), f"at most {max_rows} rows", got, " (SKERRY_MAX_BATCH_ROWS)"
    )


def _read(body: bytes) -> tuple[Any, bool]:
    """Return ``features`` and ``return_probabilities`` of a body whose keys are the right ones."""
    content = parse_json(body)
    if not isinstance(content, dict):
        raise _wrong((), 'an object such as {"features": …}', content)
    mismatches = []
    if "features" not in content:
        mismatches.append(Mismatch((), "an object with 'features'", "one without"))
    unknown = [key for key in content if key not in _KEYS]
    mismatches += [
        Mismatch((), "only features and return_probabilities", f"{key[:60]!r}, too")
        for key in unknown[:_SHOWN_KEYS]
    ]
    if mismatches:
        raise InvalidBody(str(mismatches[0]), mismatches=tuple(mismatches))
    wants_probabilities = content.get("return_probabilities", False)
    if not isinstance(wants_probabilities, bool):
        raise _wrong(("return_probabilities",), "true or false", wants_probabilities)
    return content["features"], wants_probabilities


def _wrong(loc: tuple[str, ...], expected: str, value: Any) -> SkerryError:
    # NaN and infinity are no JSON, wherever they stand.
    no_number = isinstance(value, float) and not math.isfinite(value)
    return (NonFiniteValue if no_number else InvalidBody).at(loc, expected, describe(value))
