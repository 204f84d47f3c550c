"""The form that asks a model: a field for each feature of its signature.

Pure functions. What the fields hold is made JSON by the page's script, and checked by the server.
"""

from __future__ import annotations

import json
import math
import shlex
from dataclasses import dataclass

from skerry.core.signature import DType, Feature, Scalar, Signature
from skerry.http.console.texts import short

MOST_FIELDS = 100
"""A model with more features is asked by a row of JSON: nobody fills in 784 pixels."""


@dataclass(frozen=True, slots=True)
class Option:
    """One choice. value: the JSON of what is sent."""

    value: str
    text: str


@dataclass(frozen=True, slots=True)
class Field:
    """One feature.

    kind: ``number``, ``text`` or ``select``. step: of a number; ``any`` or 1.
    value: what it holds at first: JSON for a select, else as it is typed.
    hint: a few words about what is expected; empty for none.
    """

    name: str
    kind: str
    step: str
    value: str
    hint: str
    nullable: bool
    options: tuple[Option, ...] = ()


@dataclass(frozen=True, slots=True)
class TryForm:
    """The form of one model.

    fields: empty where there are too many features; ``row`` is the JSON to begin with then.
    quoted_body: a request's body with that row, quoted for a shell.
    versions: those that may be asked by name; they take the same features.
    """

    fields: tuple[Field, ...]
    row: str
    quoted_body: str
    versions: tuple[str, ...]


def try_form(signature: Signature, versions: tuple[str, ...]) -> TryForm:
    """Return the form for a signature."""
    features = signature.features
    row = json.dumps([_example(feature) for feature in features])
    body = shlex.quote(f'{{"features": {row}}}')
    few = len(features) <= MOST_FIELDS
    return TryForm(tuple(map(field_of, features)) if few else (), row, body, versions)


def field_of(feature: Feature) -> Field:
    """Return the field for a feature."""
    nullable = feature.nullable or not feature.used
    example = _example(feature)
    if feature.categories is not None or feature.dtype is DType.BOOL:
        choices: tuple[Scalar, ...] = feature.categories or (False, True)
        options = tuple(Option(json.dumps(value), _text(value)) for value in choices)
        null = (Option("null", "missing (null)"),) if nullable else ()
        hint = "" if feature.used else "not read by the model"
        value = json.dumps(example)
        return Field(feature.name, "select", "", value, hint, nullable, (*options, *null))
    if feature.dtype is DType.STRING:
        return Field(feature.name, "text", "", str(example or ""), _hint(feature), nullable)
    step = "1" if feature.dtype is DType.INT64 else "any"
    return Field(feature.name, "number", step, str(example), _hint(feature), nullable)


def _hint(feature: Feature) -> str:
    hints = []
    if feature.range is not None:
        low, high = feature.range
        hints.append(f"{_plain(low)} to {_plain(high)} in training")
    if not feature.used:
        hints.append("not read by the model")
    elif feature.nullable:
        hints.append("empty: missing")
    return ", ".join(hints)


def _example(feature: Feature) -> Scalar | None:
    """Return a value to begin with: the middle of the range, the first category."""
    if feature.categories:
        return feature.categories[0]
    if feature.dtype is DType.BOOL:
        return False
    if feature.dtype is DType.STRING:
        return ""
    low, high = feature.range or (0.0, 0.0)
    middle = low / 2 + high / 2
    if feature.dtype is DType.INT64:
        return round(middle)
    return _rounded(middle, high - low)


def _rounded(value: float, spread: float) -> float:
    """Round to a thousandth of the spread, so that nobody has to read 3.0949999999999998."""
    if not (spread > 0 and math.isfinite(spread)):
        return value
    return round(value, max(0, 2 - math.floor(math.log10(spread))))


def _plain(number: float) -> str:
    return short(number) if abs(number) < 1e15 else f"{number:.3g}"


def _text(value: Scalar) -> str:
    return value if isinstance(value, str) else json.dumps(value)
