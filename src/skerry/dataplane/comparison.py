"""How far a shadow's answers are from those that were served, row by row. Pure arithmetic.

Says first whether two versions can be compared at all: the rows were decoded by the signature of
the version that was served.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skerry.core.rows import Predictions, Rows
from skerry.core.servable import ServableInfo
from skerry.core.signature import DType, Feature, Signature, Task

SAME = 1e-9
"""Up to this relative difference, numbers count as equal."""

Floats = NDArray[np.float64]
_NUMERIC_KINDS = "biuf"
_NUMBERS = (DType.FLOAT64, DType.FLOAT32, DType.INT64)


class Compared(NamedTuple):
    """What came of some rows.

    agreed: [n_rows], whether the answers are the same.
    differences: [n_rows], at least 0; infinite where one answer is a number and the other is none.
    """

    agreed: NDArray[np.bool_]
    differences: Floats


class Comparison:
    """Compares the answers of two versions.

    refusal: why they can't be compared, None where they can.
    """

    def __init__(self, served: ServableInfo, shadow: ServableInfo) -> None:
        self._are_numbers = served.task is Task.REGRESSION
        self._shadow = shadow.signature
        self._outputs = list(zip(served.signature.outputs, shadow.signature.outputs, strict=False))
        self.refusal = _features_refusal(served.signature, shadow.signature)
        if self.refusal is None:
            self.refusal = _outputs_refusal(served, shadow)

    def rows_for_shadow(self, rows: Rows) -> Rows:
        """Return rows of the served version's form in the form that the shadow takes."""
        columns, shadow = rows.columns, self._shadow
        if columns is None:
            if shadow.is_numeric or rows.matrix is None:
                return rows
            columns = tuple(rows.matrix.T)
        converted = zip(shadow.features, columns, strict=True)
        return Rows(rows.n_rows, columns=tuple(_as_feature(*each) for each in converted))

    def compare(self, served: Predictions, shadow: Predictions) -> Compared:
        """Compare the answers for the same rows.

        Numbers of a regressor differ by |shadow - served| / max(1, |served|), the largest of all
        outputs, and agree up to ``SAME``. Labels agree when all are equal; they differ by the
        largest difference of a class's probability.
        """
        with np.errstate(all="ignore"):
            if self._are_numbers:
                numbers = _number_differences(served.labels, shadow.labels)
                differences = _largest(_each_output(numbers))
                return Compared(np.less_equal(differences, SAME), differences)
            equal = _each_output(_equal_labels(served.labels, shadow.labels))
            differences = self._label_differences(served, shadow, equal)
            return Compared(np.logical_and.reduce(equal, axis=1), differences)

    def _label_differences(
        self, served: Predictions, shadow: Predictions, equal: NDArray[np.bool_]
    ) -> Floats:
        a, b = served.probabilities, shadow.probabilities
        if a is not None and b is not None and len(a) == len(b) == len(self._outputs):
            aligned = [
                _aligned(one.classes, p, other.classes, q)
                for (one, other), p, q in zip(self._outputs, a, b, strict=True)
            ]
            found = [each for each in aligned if each is not None]
            if len(found) == len(aligned):
                return _largest(np.column_stack([_largest(_gaps(p, q)) for p, q in found]))
        differences = np.where(equal, 0.0, 1.0)
        if served.confidences is not None and shadow.confidences is not None:
            gaps = _gaps(_each_output(served.confidences), _each_output(shadow.confidences))
            differences = np.where(equal, gaps, differences)
        return _largest(differences)


def _features_refusal(served: Signature, shadow: Signature) -> str | None:
    if len(served.features) != len(shadow.features):
        return f"it takes {len(shadow.features)} features, not {len(served.features)}"
    for one, other in zip(served.features, shadow.features, strict=True):
        if one.name != other.name:
            return f"it takes the feature {other.name} in place of {one.name}"
        if other.used and not one.used:
            return f"it reads {one.name}, whose values nobody has checked"
        if not _fits(one, other):
            return f"it takes {other.name} as {other.dtype}, not as {one.dtype}"
    return None


def _fits(served: Feature, shadow: Feature) -> bool:
    """Tell whether values of a served version's feature mean the same to the shadow's.

    Any number is one; a bool is 0 or 1.
    """
    if not shadow.used or served.dtype is shadow.dtype:
        return True
    return shadow.dtype in _NUMBERS and served.dtype is not DType.STRING


def _outputs_refusal(served: ServableInfo, shadow: ServableInfo) -> str | None:
    a, b = len(served.signature.outputs), len(shadow.signature.outputs)
    if a != b:
        return f"it answers {b} outputs, not {a}"
    if Task.REGRESSION in (served.task, shadow.task) and served.task is not shadow.task:
        return f"its task is {shadow.task}, not {served.task}"
    return None


def _as_feature(feature: Feature, column: NDArray[Any]) -> NDArray[Any]:
    """Return a column as decoding by the shadow's signature would have made it."""
    if feature.used and feature.dtype in _NUMBERS and column.dtype.kind in "bi":
        dtype = np.int64 if feature.dtype is DType.INT64 else np.float64
        return column.astype(dtype, copy=False)
    return column


def _each_output(values: NDArray[Any]) -> NDArray[Any]:
    """Return [n_rows, n_outputs]."""
    return values[:, None] if values.ndim == 1 else values


def _largest(values: Floats) -> Floats:
    """Return the largest of each row."""
    largest: Floats = values.max(axis=1, initial=0.0)
    return largest


def _number_differences(served: NDArray[Any], shadow: NDArray[Any]) -> Floats:
    a, b = shadow.astype(np.float64), served.astype(np.float64)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    differences = np.abs(a - b) / np.maximum(1.0, np.abs(b))
    differences[np.isnan(differences)] = np.inf
    differences[same] = 0.0
    return differences


def _gaps(a: Floats, b: Floats) -> Floats:
    """Return the differences of probabilities; 1 where only one of the two is a number."""
    gaps = np.abs(a - b)
    missing = np.isnan(gaps)
    if missing.any():
        gaps[missing] = np.where(np.isnan(a) & np.isnan(b), 0.0, 1.0)[missing]
    return gaps


def _equal_labels(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.bool_]:
    if a.dtype.kind == b.dtype.kind == "U":
        texts: NDArray[np.bool_] = np.equal(a, b)
        return texts
    if a.dtype.kind in _NUMERIC_KINDS and b.dtype.kind in _NUMERIC_KINDS:
        numbers: NDArray[np.bool_] = np.equal(a, b) | (np.not_equal(a, a) & np.not_equal(b, b))
        return numbers
    # numpy has no comparison of text with numbers.
    pairs = zip(a.ravel().tolist(), b.ravel().tolist(), strict=True)
    equal = [bool(x == y or (x != x and y != y)) for x, y in pairs]
    return np.array(equal, dtype=np.bool_).reshape(a.shape)


def _aligned(
    classes: Sequence[Any] | None, p: Floats, others: Sequence[Any] | None, q: Floats
) -> tuple[Floats, Floats] | None:
    """Return the probabilities in the same order of classes; one that a model lacks has 0."""
    if classes is None or others is None:
        return None
    if len(classes) != p.shape[1] or len(others) != q.shape[1]:
        return None
    if classes == others:
        return p, q
    union = list(dict.fromkeys([*classes, *others]))
    return _in_order(p, classes, union), _in_order(q, others, union)


def _in_order(p: Floats, classes: Sequence[Any], wanted: Sequence[Any]) -> Floats:
    absent = len(classes)
    at = {label: i for i, label in enumerate(classes)}
    padded = np.concatenate([p, np.zeros((len(p), 1))], axis=1)
    return padded[:, [at.get(label, absent) for label in wanted]]


def joined_predictions(parts: Sequence[Predictions]) -> Predictions:
    """Return the answers of one version to several requests as one."""
    first = parts[0]
    confidences = [part.confidences for part in parts if part.confidences is not None]
    each = [part.probabilities for part in parts if part.probabilities is not None]
    return Predictions(
        np.concatenate([part.labels for part in parts]),
        None if first.confidences is None else np.concatenate(confidences),
        None
        if first.probabilities is None
        else tuple(np.concatenate(outputs) for outputs in zip(*each, strict=True)),
    )
