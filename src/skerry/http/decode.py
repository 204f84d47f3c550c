"""Body bytes to validated rows.

The usual body, lists of numbers for a model of numbers, is parsed and validated by Pydantic in
one pass. Whatever that pass does not take goes the explaining way, value by value.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

import numpy as np
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from pydantic_core import ErrorDetails
from typing_extensions import TypedDict  # Pydantic needs it before Python 3.12

from skerry.core.errors import (
    BatchTooLarge,
    EmptyBatch,
    InvalidBody,
    MalformedJson,
    Mismatch,
    NonFiniteValue,
    SkerryError,
)
from skerry.core.row_values import check_matrix, describe, to_row, to_rows
from skerry.core.rows import Rows
from skerry.core.signature import DType, Signature
from skerry.http.schemas import BatchRequest, PredictRequest

_Finite = Annotated[float, Field(allow_inf_nan=False)]
_NUMBERS = frozenset({DType.FLOAT64, DType.FLOAT32, DType.INT64})


@with_config(ConfigDict(extra="forbid", strict=True))
class _FastRow(TypedDict, total=False):
    features: list[_Finite]
    return_probabilities: bool


@with_config(ConfigDict(extra="forbid", strict=True))
class _FastBatch(TypedDict, total=False):
    features: list[list[_Finite]]
    return_probabilities: bool


_FAST_ROW: TypeAdapter[_FastRow] = TypeAdapter(_FastRow)
_FAST_BATCH: TypeAdapter[_FastBatch] = TypeAdapter(_FastBatch)
_SLOW_ROW: TypeAdapter[PredictRequest] = TypeAdapter(PredictRequest)
_SLOW_BATCH: TypeAdapter[BatchRequest] = TypeAdapter(BatchRequest)


def decode_row(body: bytes, signature: Signature) -> tuple[Rows, bool]:
    """Return the one row of a predict body, and whether probabilities are wanted.

    Raises:
        RequestError: the subclass that says what is wrong.
    """
    if _takes_numbers(signature):
        try:
            fast = _FAST_ROW.validate_json(body)
            values = fast["features"]
            if len(values) == len(signature.features):
                matrix = np.array([values], dtype=np.float64)
                check_matrix(signature, matrix, ("features",))
                return Rows(1, matrix=matrix), fast.get("return_probabilities", False)
        except (ValidationError, KeyError):
            pass  # The other way finds out what is wrong, or different, about it.
    request = _parse(_SLOW_ROW, body)
    return to_row(signature, request.features), request.return_probabilities


def decode_batch(body: bytes, signature: Signature, max_rows: int) -> tuple[Rows, bool]:
    """Return the rows of a batch body, and whether probabilities are wanted.

    Raises:
        RequestError: the subclass that says what is wrong.
    """
    if _takes_numbers(signature):
        try:
            fast = _FAST_BATCH.validate_json(body)
            rows = fast["features"]
            if 0 < len(rows) <= max_rows and {len(row) for row in rows} == {
                len(signature.features)
            }:
                matrix = np.array(rows, dtype=np.float64)
                check_matrix(signature, matrix, ("features",))
                return Rows(len(rows), matrix=matrix), fast.get("return_probabilities", False)
        except (ValidationError, KeyError):
            pass  # As above.
    request = _parse(_SLOW_BATCH, body)
    if not request.features:
        raise EmptyBatch.at(("features",), "at least one row", "an empty list")
    if len(request.features) > max_rows:
        raise BatchTooLarge.at(
            ("features",),
            f"at most {max_rows} rows",
            str(len(request.features)),
            " (SKERRY_MAX_BATCH_ROWS)",
        )
    if not isinstance(request.features[0], list | dict):
        raise InvalidBody.at(
            ("features", 0),
            "a row: a list of values or an object by feature name",
            describe(request.features[0]),
            "; one row goes to …/predict",
        )
    return to_rows(signature, request.features), request.return_probabilities


def _takes_numbers(signature: Signature) -> bool:
    return signature.is_numeric and all(f.dtype in _NUMBERS for f in signature.features)


def _parse(adapter: TypeAdapter[Any], body: bytes) -> Any:
    try:
        return adapter.validate_json(body)
    except ValidationError as error:
        raise _explain(error.errors(include_url=False)) from None


def _explain(found: list[ErrorDetails]) -> SkerryError:
    first = found[0]
    if first["type"] == "json_invalid":
        return MalformedJson(f"the body is not JSON: {first['ctx']['error']}")
    mismatches = tuple(
        _mismatch(details) for details in found if not _is_union_echo(details, found)
    )
    value = first.get("input")
    if isinstance(value, float) and not math.isfinite(value):
        return NonFiniteValue(str(mismatches[0]), mismatches=mismatches)
    return InvalidBody(str(mismatches[0]), mismatches=mismatches)


def _mismatch(details: ErrorDetails) -> Mismatch:
    kind, loc = details["type"], details["loc"]
    if kind == "missing":
        return Mismatch((), f"an object with {loc[-1]!r}", "one without")
    if kind == "extra_forbidden":
        return Mismatch((), "only features and return_probabilities", f"{str(loc[-1])[:60]!r}, too")
    if kind in ("model_type", "dict_type") and not loc:
        return Mismatch((), 'an object such as {"features": …}', describe(details["input"]))
    expected = {
        "bool_type": "true or false",
        "list_type": "a list",
        "dict_type": "a list or an object",
    }.get(kind, details["msg"])
    return Mismatch(tuple(loc[:1]), expected, describe(details["input"]))


def _is_union_echo(details: ErrorDetails, found: list[ErrorDetails]) -> bool:
    """Tell the second complaint about one value, which Pydantic makes for a union."""
    same = [other for other in found if other["loc"][:1] == details["loc"][:1]]
    return len(same) > 1 and details is not same[-1]
