"""What a model takes and gives: named features with dtypes, and outputs with classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Scalar = bool | int | float | str


class DType(StrEnum):
    """Type of one feature or output; ``float32`` marks features that the estimator rounds to it."""

    FLOAT64 = "float64"
    FLOAT32 = "float32"
    INT64 = "int64"
    BOOL = "bool"
    STRING = "string"


class Task(StrEnum):
    """What kind of answer a model gives."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"
    CLUSTERING = "clustering"
    OUTLIER_DETECTION = "outlier_detection"


@dataclass(frozen=True, slots=True)
class Feature:
    """One input column.

    nullable: a missing value (JSON null) is taken.
    categories: the values the model has seen, where it distinguishes them.
    accepts_unseen: a value outside ``categories`` is taken (an encoder that ignores it).
    range: smallest and largest value seen in training, for drift and for the form; never enforced.
    used: the model reads the column; any value, or none, is taken for one that it does not read.
    """

    name: str
    dtype: DType
    nullable: bool = False
    categories: tuple[Scalar, ...] | None = None
    accepts_unseen: bool = True
    range: tuple[float, float] | None = None
    used: bool = True
    _enforced: frozenset[Scalar] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Derive what every value is looked up in."""
        enforced = self.enforced_categories
        object.__setattr__(self, "_enforced", None if enforced is None else frozenset(enforced))

    @property
    def enforced_categories(self) -> tuple[Scalar, ...] | None:
        """The only values that are taken, or None where any is."""
        return None if self.accepts_unseen else self.categories

    def takes(self, value: Scalar) -> bool:
        """Tell whether a value of the right type is one of those that are taken."""
        return self._enforced is None or value in self._enforced

    def to_dict(self) -> dict[str, Any]:
        """Return the feature as the API and the manifest show it."""
        return {
            "name": self.name,
            "dtype": self.dtype.value,
            "nullable": self.nullable,
            "categories": None if self.categories is None else list(self.categories),
            "accepts_unseen": self.accepts_unseen,
            "range": None if self.range is None else list(self.range),
            "used": self.used,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Feature:
        """Read what ``to_dict`` wrote; unknown keys are ignored.

        Raises:
            KeyError, TypeError, ValueError: a key is missing or of the wrong type.
        """
        categories, bounds = data.get("categories"), data.get("range")
        if not isinstance(data["name"], str):
            raise TypeError(f"feature name: expected a string, got {data['name']!r}")
        return cls(
            name=data["name"],
            dtype=DType(data["dtype"]),
            nullable=bool(data.get("nullable", False)),
            categories=None if categories is None else tuple(categories),
            accepts_unseen=bool(data.get("accepts_unseen", True)),
            range=None if bounds is None else (float(bounds[0]), float(bounds[1])),
            used=bool(data.get("used", True)),
        )


@dataclass(frozen=True, slots=True)
class Output:
    """One output column; ``classes`` in the order of the probabilities, for a classifier."""

    name: str
    dtype: DType
    classes: tuple[Scalar, ...] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the output as the API and the manifest show it."""
        return {
            "name": self.name,
            "dtype": self.dtype.value,
            "classes": None if self.classes is None else list(self.classes),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Output:
        """Read what ``to_dict`` wrote; raises as ``Feature.from_dict`` does."""
        classes = data.get("classes")
        return cls(
            name=str(data["name"]),
            dtype=DType(data["dtype"]),
            classes=None if classes is None else tuple(classes),
        )


@dataclass(frozen=True)
class Signature:
    """Features in the order of a row, and outputs in the order of a prediction.

    names: feature name to position.
    is_numeric: every feature is a number or a bool, so rows fit one float64 matrix.
    takes_numbers: every feature is a number, so that lists of numbers are rows.
    enforced: positions of the features that take listed categories only.
    whole: positions of the features that are whole numbers.
    """

    features: tuple[Feature, ...]
    outputs: tuple[Output, ...]
    names: Mapping[str, int] = field(init=False, repr=False, compare=False)
    is_numeric: bool = field(init=False, repr=False, compare=False)
    takes_numbers: bool = field(init=False, repr=False, compare=False)
    enforced: tuple[int, ...] = field(init=False, repr=False, compare=False)
    whole: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Derive what every request asks for."""
        object.__setattr__(self, "names", {f.name: i for i, f in enumerate(self.features)})
        numeric = all(f.dtype is not DType.STRING and f.used for f in self.features)
        object.__setattr__(self, "is_numeric", numeric)
        numbers = numeric and all(f.dtype is not DType.BOOL for f in self.features)
        object.__setattr__(self, "takes_numbers", numbers)
        enforced = [i for i, f in enumerate(self.features) if f.enforced_categories is not None]
        object.__setattr__(self, "enforced", tuple(enforced))
        whole = [i for i, f in enumerate(self.features) if f.dtype is DType.INT64]
        object.__setattr__(self, "whole", tuple(whole))

    def to_dict(self) -> dict[str, Any]:
        """Return the signature as the API and the manifest show it."""
        return {
            "features": [f.to_dict() for f in self.features],
            "outputs": [o.to_dict() for o in self.outputs],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Signature:
        """Read what ``to_dict`` wrote; raises as ``Feature.from_dict`` does."""
        features: Sequence[Mapping[str, Any]] = data["features"]
        outputs: Sequence[Mapping[str, Any]] = data["outputs"]
        return cls(
            tuple(Feature.from_dict(f) for f in features),
            tuple(Output.from_dict(o) for o in outputs),
        )
