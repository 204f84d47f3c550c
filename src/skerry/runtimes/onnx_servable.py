"""An ONNX model that answers rows: its inputs as features, its outputs as predictions."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skerry.core.errors import ModelError, Unsupported
from skerry.core.plan import MEASURED_ROWS, Candidate, Executor, Plan, RowRange
from skerry.core.rows import Predictions, Rows
from skerry.core.servable import ServableInfo
from skerry.core.signature import DType, Feature, Output, Scalar, Signature, Task
from skerry.runtimes.answers import dtype_of
from skerry.runtimes.base import Known, LoadOptions
from skerry.runtimes.planning.cpu import cpu_kind
from skerry.runtimes.planning.measurement import measure
from skerry.runtimes.samples import draw_rows

_DTYPES = {
    "tensor(float)": (DType.FLOAT32, np.float32),
    "tensor(double)": (DType.FLOAT64, np.float64),
    "tensor(int64)": (DType.INT64, np.int64),
    "tensor(int32)": (DType.INT64, np.int32),
    "tensor(bool)": (DType.BOOL, np.bool_),
    "tensor(string)": (DType.STRING, np.object_),
}
_PROBE_ROWS = 256
_MEASURE_S = 2.0


@dataclass(frozen=True, slots=True)
class OnnxModel:
    """A session, and which of its outputs is what.

    widths: features of each input, in the order of the session's inputs.
    classes: None where the model gives no probabilities.
    """

    session: Any
    names: tuple[str, ...]
    types: tuple[Any, ...]
    widths: tuple[int, ...]
    classes: NDArray[Any] | None = None

    def ask(self, rows: Rows) -> Predictions:
        """Return what the model answers.

        Raises:
            ModelError: it answered another number of rows.
        """
        labels, probabilities = self.raw(rows)
        if len(labels) != rows.n_rows:
            raise ModelError(f"the model answered {len(labels)} of {rows.n_rows} rows")
        if self.classes is None or probabilities is None:
            return Predictions(labels)
        matrix = _as_matrix(probabilities, self.classes)
        return Predictions(labels, matrix.max(axis=1), (matrix,))

    def raw(self, rows: Rows) -> tuple[NDArray[Any], Any]:
        """Return labels [n_rows] or [n_rows, n_outputs], and probabilities as they come."""
        found = self.session.run(None, self._feed(rows))
        labels = np.asarray(found[0])
        if labels.ndim == 2 and labels.shape[1] == 1:
            labels = labels[:, 0]
        if labels.dtype == np.float32:
            labels = labels.astype(np.float64)
        return labels, found[1] if len(found) > 1 else None

    def _feed(self, rows: Rows) -> dict[str, NDArray[Any]]:
        feed, start = {}, 0
        for name, type_, width in zip(self.names, self.types, self.widths, strict=True):
            feed[name] = _tensor(rows, start, width).astype(type_, copy=False)
            start += width
        return feed


class OnnxServable:
    """Predicts with ONNX Runtime. Nothing here changes after it was prepared."""

    def __init__(self, info: ServableInfo, model: OnnxModel) -> None:
        self._info = info
        self._model: OnnxModel | None = model

    @property
    def info(self) -> ServableInfo:
        """Facts about it."""
        return self._info

    def predict(self, rows: Rows) -> Predictions:
        """Answer validated rows. Blocking; several threads may call."""
        model = self._model
        if model is None:
            raise RuntimeError("the servable was released")
        return model.ask(rows)

    def predict_now(self, rows: Rows) -> Predictions | None:
        """Answer as many rows as are cheap, None for more."""
        return self.predict(rows) if rows.n_rows <= self._info.plan.cheap_rows else None

    def release(self) -> None:
        """Free the session; it must be in nobody's use."""
        self._model = None


def prepare(session: Any, known: Known, options: LoadOptions) -> OnnxServable:
    """Return a servable that has answered already.

    Raises:
        Unsupported: an input or output is not that of a model of rows.
    """
    features, widths = _features(session)
    if known.signature is not None:
        if len(known.signature.features) != len(features):
            raise Unsupported(
                f"the manifest's signature has {len(known.signature.features)} features,"
                f" the model takes {len(features)}"
            )
        features = known.signature.features
    inputs = session.get_inputs()
    names = tuple(each.name for each in inputs)
    types = tuple(_DTYPES[each.type][1] for each in inputs)
    model = OnnxModel(session, names, types, widths)
    probes = draw_rows(Signature(features, ()), _PROBE_ROWS, seed=0)
    try:
        labels, probabilities = model.raw(probes)
    except Exception as error:
        raise Unsupported(
            f"it answers no row of {len(features)} features: {error}"[:300]
        ) from error
    classes = _classes(labels, probabilities)
    model = OnnxModel(session, names, types, widths, classes)
    signature = Signature(features, _outputs(labels, classes))
    sizes = {n: [probes.mixed(n, np.random.default_rng(0))] for n in MEASURED_ROWS}
    durations = measure(model.ask, sizes, time.monotonic() + _MEASURE_S)
    own = Candidate(Executor.ONNX, accepted=True, duration_us=durations)
    info = ServableInfo(
        signature=signature,
        task=_task(labels, classes, len(session.get_outputs())),
        estimator="onnx",
        packages=_packages(),
        plan=Plan(options.parity, (RowRange(1, None, Executor.ONNX),), (own,), cpu=cpu_kind()),
        has_probabilities=classes is not None,
    )
    return OnnxServable(info, model)


def _features(session: Any) -> tuple[tuple[Feature, ...], tuple[int, ...]]:
    """Return one feature a column: of a matrix ``x0``, …, of single columns their names."""
    inputs = session.get_inputs()
    features: list[Feature] = []
    widths: list[int] = []
    for each in inputs:
        if each.type not in _DTYPES:
            raise Unsupported(f"its input {each.name} is {each.type}; rows are numbers or strings")
        width = each.shape[1] if len(each.shape) == 2 else 1
        if len(each.shape) not in (1, 2) or not isinstance(width, int):
            raise Unsupported(f"its input {each.name} has the shape {each.shape}, rows have [n, k]")
        dtype = _DTYPES[each.type][0]
        single = len(inputs) > 1 and width == 1
        start = len(features)
        features += [Feature(each.name if single else f"x{start + k}", dtype) for k in range(width)]
        widths.append(width)
    return tuple(features), tuple(widths)


def _classes(labels: NDArray[Any], probabilities: Any) -> NDArray[Any] | None:
    """Return the classes in the order of the probabilities.

    Maps name theirs; a matrix does not, so that they are seen from the rows that were asked.
    """
    if probabilities is None or labels.ndim != 1 or labels.dtype.kind == "f":
        return None
    if isinstance(probabilities, list):
        return np.array(list(probabilities[0])) if isinstance(probabilities[0], Mapping) else None
    matrix = np.asarray(probabilities)
    if matrix.ndim != 2 or matrix.shape[1] < 2:
        return None
    seen: dict[int, Scalar] = dict(
        zip(matrix.argmax(axis=1).tolist(), labels.tolist(), strict=True)
    )
    numbered = all(label == i for i, label in seen.items())
    if numbered:
        return np.arange(matrix.shape[1])
    if len(seen) < matrix.shape[1]:
        raise Unsupported(
            "it does not tell which class each probability is of: convert it with ZipMap"
        )
    return np.array([seen[i] for i in range(matrix.shape[1])])


def _outputs(labels: NDArray[Any], classes: NDArray[Any] | None) -> tuple[Output, ...]:
    known = None if classes is None else tuple(classes.tolist())
    if labels.ndim == 1:
        return (Output("prediction", dtype_of(labels), known),)
    return tuple(Output(f"prediction_{k}", dtype_of(labels)) for k in range(labels.shape[1]))


def _task(labels: NDArray[Any], classes: NDArray[Any] | None, n_outputs: int) -> Task:
    if labels.dtype.kind == "f":
        return Task.REGRESSION
    if classes is None and n_outputs > 1 and set(np.unique(labels).tolist()) <= {-1, 1}:
        return Task.OUTLIER_DETECTION
    return Task.CLASSIFICATION


def _tensor(rows: Rows, start: int, width: int) -> NDArray[Any]:
    if rows.matrix is not None:
        return rows.matrix[:, start : start + width]
    columns = (rows.columns or ())[start : start + width]
    return np.stack(columns, axis=1)


def _as_matrix(probabilities: Any, classes: NDArray[Any]) -> NDArray[np.float64]:
    if isinstance(probabilities, list):
        order: Sequence[Scalar] = classes.tolist()
        return np.array([[row[c] for c in order] for row in probabilities], dtype=np.float64)
    return np.asarray(probabilities, dtype=np.float64)


def _packages() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "onnxruntime": metadata.version("onnxruntime"),
        "numpy": np.__version__,
    }
