"""JSON values to validated rows, by a signature: every check that needs the model is here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skerry.core.errors import (
    EmptyBatch,
    InvalidBody,
    MissingFeature,
    NonFiniteValue,
    RaggedBatch,
    SkerryError,
    UnknownCategory,
    UnknownFeature,
    ValueOutOfRange,
    WrongFeatureCount,
)
from skerry.core.rows import Rows
from skerry.core.signature import DType, Feature, Signature

Loc = tuple[str | int, ...]
FLOAT32_MAX = float(np.finfo(np.float32).max)
_FLOAT64_MAX = float(np.finfo(np.float64).max)
_INT64 = np.iinfo(np.int64)
_SHOWN_CHARACTERS = 60
_SHOWN_NAMES = 10


def to_rows(
    signature: Signature,
    values: Sequence[Sequence[Any] | Mapping[str, Any]],
    *,
    loc: Loc = ("features",),
) -> Rows:
    """Validate rows of JSON values.

    Each row is a list in signature order or an object by feature name in any order.
    ``loc`` is where the rows stand in the body, for error texts: row i is at ``(*loc, i)``.

    Raises:
        RequestError: a subclass for what is wrong, naming place, expectation and value.
    """
    if not values:
        raise EmptyBatch.at(loc, "at least one row", "an empty list")
    lists = [_as_list(signature, row, (*loc, i)) for i, row in enumerate(values)]
    _check_lengths(signature, lists, loc)
    return _convert(signature, lists, [(*loc, i) for i in range(len(lists))])


def to_row(
    signature: Signature,
    values: Sequence[Any] | Mapping[str, Any],
    *,
    loc: Loc = ("features",),
) -> Rows:
    """Validate one row, which stands at ``loc``; otherwise as ``to_rows``."""
    row = _as_list(signature, values, loc)
    if len(row) != len(signature.features):
        raise _wrong_count(signature, row, loc)
    return _convert(signature, [row], [loc])


def fits(signature: Signature, matrix: NDArray[np.float64]) -> bool:
    """Tell whether finite numbers of the right shape keep float32's range and the categories.

    matrix: float64 [n_rows, n_features]. Where it does not fit, ``to_rows`` says why.
    """
    for j in signature.enforced:
        feature = signature.features[j]
        if not all(feature.takes(value) for value in matrix[:, j].tolist()):
            return False
    flat = matrix.ravel()
    if flat.dot(flat) < FLOAT32_MAX:  # and so is each of them
        return True
    return not any(
        feature.dtype is DType.FLOAT32 and (np.abs(matrix[:, j]) > FLOAT32_MAX).any()
        for j, feature in enumerate(signature.features)
    )


def describe(value: Any) -> str:
    """Return a short text for a JSON value that was not expected."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        shown = value if len(value) <= _SHOWN_CHARACTERS else value[:_SHOWN_CHARACTERS] + "…"
        return f"the string {shown!r}"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, int):
        return (
            str(value) if value.bit_length() <= 64 else f"an integer of {value.bit_length()} bits"
        )
    if isinstance(value, float):
        return repr(value)
    return type(value).__name__


def _as_list(signature: Signature, row: Any, loc: Loc) -> Sequence[Any]:
    if isinstance(row, Mapping):
        return _by_name(signature, row, loc)
    if not isinstance(row, list | tuple):
        raise InvalidBody.at(
            loc, "a row: a list of values or an object by feature name", describe(row)
        )
    return row


def _by_name(signature: Signature, row: Mapping[str, Any], loc: Loc) -> list[Any]:
    unknown = [name for name in row if name not in signature.names]
    if unknown:
        known = listing([feature.name for feature in signature.features])
        raise UnknownFeature.at(loc, f"the features {known}", f"unknown {listing(unknown)}")
    missing = [f.name for f in signature.features if f.used and f.name not in row]
    if missing:
        raise MissingFeature.at(
            loc, f"all {len(signature.features)} features", f"none for {listing(missing)}"
        )
    return [row.get(feature.name) for feature in signature.features]


def _check_lengths(signature: Signature, rows: Sequence[Sequence[Any]], loc: Loc) -> None:
    expected = len(signature.features)
    lengths = {len(row) for row in rows}
    if lengths == {expected}:
        return
    if len(lengths) == 1:
        raise _wrong_count(signature, rows[0], (*loc, 0))
    i = next(i for i, row in enumerate(rows) if len(row) != expected)
    raise RaggedBatch.at((*loc, i), str(expected), str(len(rows[i])), "; rows differ in length")


def _wrong_count(signature: Signature, row: Sequence[Any], loc: Loc) -> SkerryError:
    nested = len(row) > 0 and isinstance(row[0], list)
    hint = "; several rows go to …/predict/batch" if nested else ""
    return WrongFeatureCount.at(loc, str(len(signature.features)), str(len(row)), hint)


def _convert(signature: Signature, rows: Sequence[Sequence[Any]], locs: Sequence[Loc]) -> Rows:
    columns = [
        [_value(feature, row[j], (*loc, j)) for row, loc in zip(rows, locs, strict=True)]
        for j, feature in enumerate(signature.features)
    ]
    if signature.is_numeric:
        matrix = np.array(columns, dtype=np.float64).T
        return Rows(len(rows), matrix=np.ascontiguousarray(matrix))
    arrays = tuple(
        _column(feature, values)
        for feature, values in zip(signature.features, columns, strict=True)
    )
    return Rows(len(rows), columns=arrays)


def _column(feature: Feature, values: list[Any]) -> NDArray[Any]:
    if feature.dtype is DType.STRING or not feature.used:
        return np.array([*values, None], dtype=object)[:-1]
    if feature.dtype is DType.BOOL and not any(v is math.nan for v in values):
        return np.array(values, dtype=np.bool_)
    if feature.dtype is DType.INT64 and all(isinstance(v, int) for v in values):
        return np.array(values, dtype=np.int64)
    return np.array(values, dtype=np.float64)


def _value(feature: Feature, value: Any, loc: Loc) -> Any:
    """Return a value fit for the feature's column: None for a missing string, NaN otherwise."""
    if not feature.used:
        return value if isinstance(value, str | int | float) else None
    if value is None:
        if not feature.nullable:
            raise NonFiniteValue.at(
                loc, _kind(feature), f"null; {feature.name} takes no missing values"
            )
        return None if feature.dtype is DType.STRING else math.nan
    if feature.dtype is DType.STRING:
        if not isinstance(value, str):
            raise InvalidBody.at(loc, f"a string for {feature.name}", describe(value))
    elif feature.dtype is DType.BOOL:
        if not (isinstance(value, bool) or (isinstance(value, int | float) and value in (0, 1))):
            raise InvalidBody.at(loc, f"true or false for {feature.name}", describe(value))
        value = bool(value)
    else:
        value = _number(feature, value, loc)
    if not feature.takes(value):
        raise UnknownCategory.at(loc, _one_of(feature), describe(value))
    return value


def _number(feature: Feature, value: Any, loc: Loc) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidBody.at(loc, f"a number for {feature.name}", describe(value))
    if isinstance(value, float) and not math.isfinite(value):
        hint = "; a missing value is null" if feature.nullable else ""
        raise NonFiniteValue.at(loc, f"a finite number for {feature.name}", repr(value), hint)
    if abs(value) > _FLOAT64_MAX:  # An integer: the same number in 1e400's way is infinite.
        raise NonFiniteValue.at(loc, "a number within float64", describe(value))
    if feature.dtype is DType.FLOAT32 and abs(value) > FLOAT32_MAX:
        expected = f"a number within float32 (±{FLOAT32_MAX:.4g}) for {feature.name}"
        raise ValueOutOfRange.at(loc, expected, describe(value))
    if feature.dtype is not DType.INT64:
        return float(value)
    if value == int(value) and _INT64.min <= value <= _INT64.max:
        return int(value)
    return float(value)


def _kind(feature: Feature) -> str:
    if feature.dtype is DType.STRING:
        return "a string"
    return "true or false" if feature.dtype is DType.BOOL else "a number"


def _one_of(feature: Feature) -> str:
    categories = feature.categories or ()
    return f"one of {listing([str(c) for c in categories])} for {feature.name}"


def listing(names: Sequence[str]) -> str:
    """Return names as a sentence has them, the first few of many."""
    text = ", ".join(
        n if len(n) <= _SHOWN_CHARACTERS else n[:_SHOWN_CHARACTERS] + "…"
        for n in names[:_SHOWN_NAMES]
    )
    return text + (f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else "")
