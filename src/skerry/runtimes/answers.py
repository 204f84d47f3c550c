"""One model's calls and what they return, as labels, probabilities and confidences.

Knows how scikit-learn shapes them: one output, several, one probability a label.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skerry.core.errors import ModelError, Unsupported
from skerry.core.rows import Predictions
from skerry.core.signature import DType, Output, Scalar
from skerry.runtimes.argmax import highest_of_each

Classes = tuple[Scalar, ...]
Rule = Callable[[tuple[NDArray[np.float64], ...]], tuple[NDArray[Any], NDArray[np.bool_] | None]]
"""From probabilities, one array an output, to labels and to the rows it can't decide, or None."""


class Shape(StrEnum):
    """How ``predict_proba`` answers.

    NONE: not at all. SINGLE: [n_rows, n_classes]. SEVERAL: a list of those, one an output.
    PER_LABEL: [n_rows, n_labels], the probability that the row has the label.
    """

    NONE = "none"
    SINGLE = "single"
    SEVERAL = "several"
    PER_LABEL = "per_label"


@dataclass(frozen=True, slots=True)
class Answers:
    """How to ask one model.

    rule: gives the labels of probabilities, and the rows that ``predict`` has to decide; None
        where both methods have to be asked.
    """

    model: Any
    shape: Shape
    rule: Rule | None = None

    def of(self, model_input: Any, n_rows: int) -> Predictions:
        """Return what the model says; whatever it raises passes through.

        Raises:
            ModelError: it answered another number of rows.
        """
        if self.rule is not None:
            each = split_probabilities(self.shape, self.model.predict_proba(model_input))
            labels, uncertain = self.rule(each)
            if uncertain is not None:
                labels = as_labels(self.model.predict(model_input))
            return _checked(_with_confidences(labels, each), n_rows)
        labels = as_labels(self.model.predict(model_input))
        if self.shape is Shape.NONE:
            return _checked(Predictions(labels), n_rows)
        probabilities = self.model.predict_proba(model_input)
        return _checked(joined(self.shape, labels, probabilities), n_rows)


def as_labels(predicted: Any) -> NDArray[Any]:
    """Return predictions as [n_rows] or [n_rows, n_outputs] of a type that JSON knows.

    Raises:
        Unsupported: the labels are of no such type, such as dates.
    """
    dense = predicted.toarray() if hasattr(predicted, "toarray") else predicted
    labels = np.asarray(dense)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.dtype.kind == "S":
        return labels.astype(np.str_)
    if labels.dtype.kind not in "biufUOT" or labels.ndim not in (1, 2):
        raise Unsupported(f"it predicts {labels.dtype} of {labels.ndim} dimensions; JSON has none")
    return labels


def shape_of(labels: NDArray[Any], probabilities: Any) -> Shape:
    """Return how the model answers, seen from one answer of each kind."""
    if isinstance(probabilities, list):
        n_outputs = 1 if labels.ndim == 1 else labels.shape[1]
        return Shape.SEVERAL if len(probabilities) == n_outputs else Shape.NONE
    array = np.asarray(probabilities)
    if labels.ndim == 2:
        return Shape.PER_LABEL if array.shape == labels.shape else Shape.NONE
    return Shape.SINGLE if array.ndim == 2 and len(array) == len(labels) else Shape.NONE


def outputs_of(
    model: Any, labels: NDArray[Any], shape: Shape, widths: Sequence[int]
) -> tuple[Output, ...]:
    """Return the outputs; ``widths`` are the numbers of classes, one an output, if known."""
    classes = _classes(model, labels, shape, widths)
    dtype = dtype_of(labels)
    if labels.ndim == 1:
        return (Output("prediction", _refined(dtype, classes[0]), classes[0]),)
    return tuple(
        Output(f"prediction_{k}", _refined(dtype, each), each) for k, each in enumerate(classes)
    )


def dtype_of(labels: NDArray[Any]) -> DType:
    """Return the output type that stands for a label array's."""
    kind = labels.dtype.kind
    if kind == "O":
        types = {type(value) for value in labels.ravel().tolist()}
        known = {bool: DType.BOOL, int: DType.INT64, float: DType.FLOAT64}
        return known.get(types.pop(), DType.STRING) if len(types) == 1 else DType.STRING
    return {"b": DType.BOOL, "i": DType.INT64, "u": DType.INT64, "f": DType.FLOAT64}.get(
        kind, DType.STRING
    )


def _refined(dtype: DType, classes: Classes | None) -> DType:
    if not classes:
        return dtype
    return dtype_of(np.array([*classes, None], dtype=object)[:-1])


def _classes(
    model: Any, labels: NDArray[Any], shape: Shape, widths: Sequence[int]
) -> list[Classes | None]:
    n_outputs = 1 if labels.ndim == 1 else labels.shape[1]
    known = _known_classes(model, n_outputs)
    if shape is Shape.PER_LABEL and any(each is None or len(each) != 2 for each in known):
        return [tuple(np.array([0, 1]).astype(labels.dtype).tolist())] * n_outputs
    for k, width in enumerate(widths):
        each = known[k]
        if each is None or len(each) != width:
            known[k] = tuple(range(width))  # components of a mixture have no names
    return known


def _known_classes(model: Any, n_outputs: int) -> list[Classes | None]:
    classes = getattr(model, "classes_", None)
    if classes is None:
        return [None] * n_outputs
    if n_outputs == 1:
        single = classes[0] if isinstance(classes, list) and len(classes) == 1 else classes
        return [_as_tuple(single)]
    if isinstance(classes, list) and len(classes) == n_outputs:
        return [_as_tuple(each) for each in classes]
    return [None] * n_outputs


def _as_tuple(classes: Any) -> Classes | None:
    array = np.asarray(classes)
    if array.ndim != 1:
        return None
    if array.dtype.kind == "S":
        array = array.astype(np.str_)
    return tuple(array.tolist())


def joined(shape: Shape, labels: NDArray[Any], probabilities: Any) -> Predictions:
    """Return what ``predict`` and ``predict_proba`` answered, as one."""
    if shape is Shape.NONE:
        return Predictions(labels)
    return _with_confidences(labels, split_probabilities(shape, probabilities))


def split_probabilities(shape: Shape, probabilities: Any) -> tuple[NDArray[np.float64], ...]:
    """Return what ``predict_proba`` answered as one float64 [n_rows, n_classes] an output."""
    if shape is Shape.SEVERAL:
        return tuple(np.asarray(each, dtype=np.float64) for each in probabilities)
    array = np.asarray(probabilities, dtype=np.float64)
    if shape is Shape.PER_LABEL:
        if len(array) == 1:
            return tuple(np.array([[1.0 - p, p]]) for p in array.tolist()[0])
        return tuple(np.column_stack([1.0 - p, p]) for p in array.T)
    return (array,)


def best_of(each: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return [n_rows, n_outputs], the highest probability of each output."""
    if len(each[0]) == 1:
        return np.array([[max(p.tolist()[0]) for p in each]])
    return np.column_stack([highest_of_each(p) for p in each])


def _with_confidences(labels: NDArray[Any], each: tuple[NDArray[np.float64], ...]) -> Predictions:
    best = best_of(each)
    return Predictions(labels, best[:, 0] if labels.ndim == 1 else best, each)


def _checked(predictions: Predictions, n_rows: int) -> Predictions:
    if len(predictions.labels) != n_rows:
        raise ModelError(f"the model answered {len(predictions.labels)} of {n_rows} rows")
    return predictions
