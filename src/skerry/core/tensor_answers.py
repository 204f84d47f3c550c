"""Predictions to output tensors, as the model's metadata describes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skerry.core.errors import InvalidBody
from skerry.core.row_values import listing
from skerry.core.rows import Predictions
from skerry.core.tensors import NUMPY_DTYPES, PREDICT, Datatype, TensorSpec


@dataclass(frozen=True, slots=True)
class OutputTensor:
    """An output. values: [n_rows] or [n_rows, n], of the datatype; ``str`` for BYTES."""

    name: str
    datatype: Datatype
    values: NDArray[Any]


def wanted_specs(specs: Sequence[TensorSpec], names: Iterable[str]) -> tuple[TensorSpec, ...]:
    """Return the outputs that a request names, in its order; all where it names none.

    Raises:
        InvalidBody: the model has no such output, or one is named twice.
    """
    by_name = {spec.name: spec for spec in specs}
    wanted: dict[str, TensorSpec] = {}
    for i, name in enumerate(names):
        loc = ("outputs", i, "name")
        if name not in by_name:
            known = listing(list(by_name))
            raise InvalidBody.at(loc, f"one of the outputs {known}", f"unknown {name[:60]!r}")
        if name in wanted:
            raise InvalidBody.at(loc, "each output once", f"{name} again")
        wanted[name] = by_name[name]
    return tuple(wanted.values()) or tuple(specs)


def answers_of(predictions: Predictions, specs: Iterable[TensorSpec]) -> list[OutputTensor]:
    """Return the outputs that the specs describe."""
    return [OutputTensor(spec.name, spec.datatype, _values(predictions, spec)) for spec in specs]


def _values(predictions: Predictions, spec: TensorSpec) -> NDArray[Any]:
    if spec.name != PREDICT:
        _, _, number = spec.name.rpartition("_")
        each = predictions.probabilities or ()
        return each[int(number)] if number.isdigit() else each[0]
    labels = predictions.labels
    if spec.datatype is Datatype.BYTES:
        texts: NDArray[Any] = np.empty(labels.shape, dtype=object)
        texts.reshape(-1)[:] = [_text(label) for label in labels.ravel().tolist()]
        return texts
    return labels.astype(NUMPY_DTYPES[spec.datatype], copy=False)


def _text(label: Any) -> str:
    return label.decode(errors="replace") if isinstance(label, bytes) else str(label)
