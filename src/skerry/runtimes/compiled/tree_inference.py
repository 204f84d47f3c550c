"""Treelite's general tree inference: many trees, one call, on the calling thread.

Treelite's own Python function spends twice as long around the call into its library as in it.
Where that library is found as expected, it is called directly; otherwise by the public function.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skerry.runtimes.compiled.base import Matrix, NotCompiled

_FEW_TREES = 1000
Infer = Callable[[NDArray[Any]], NDArray[Any]]
"""From [n_rows, n_features] of the model's input type to [n_rows, n_targets, n_classes]."""


def imported(estimator: Any) -> Any:
    """Return Treelite's model of a fitted ensemble: scikit-learn's, LightGBM's or XGBoost's.

    Raises:
        NotCompiled: Treelite does not take it.
    """
    import treelite.frontend
    import treelite.sklearn

    library = type(estimator).__module__.partition(".")[0]
    try:
        if library == "lightgbm":
            return treelite.frontend.from_lightgbm(estimator.booster_)
        if library == "xgboost":
            return treelite.frontend.from_xgboost(booster_of(estimator))
        return treelite.sklearn.import_model(estimator)
    except Exception as error:
        text = str(error) or "it is not what Treelite expects"
        raise NotCompiled(f"Treelite: {type(error).__name__}: {text}") from error


def booster_of(estimator: Any) -> Any:
    """Return XGBoost's booster, with the trees that ``predict`` asks.

    Source: ``XGBModel._get_iteration_range``: after early stopping, those up to the best.
    """
    booster = estimator.get_booster()
    try:
        return booster[: estimator.best_iteration + 1]
    except AttributeError:  # It was not stopped early.
        return booster


def inference(model: Any, *, raw: bool, targets: int, classes: int) -> Infer:
    """Return a function that asks all trees; several threads may call it.

    raw: sums over trees, without the model's own link.
    targets, classes: shape of an answer.
    """
    try:
        return _direct(model, raw=raw, targets=targets, classes=classes)
    except (AttributeError, ImportError, TypeError):
        return _public(model, raw=raw)


def rounded(matrix: Matrix) -> Matrix:
    """Return float64 values that went through float32, as scikit-learn's own trees see them."""
    return matrix.astype(np.float32).astype(np.float64)


def _public(model: Any, *, raw: bool) -> Infer:
    from treelite import gtil

    def infer(given: NDArray[Any]) -> NDArray[Any]:
        found: NDArray[Any] = gtil.predict(model, given, nthread=1, pred_margin=raw)
        return found

    return infer


def _direct(model: Any, *, raw: bool, targets: int, classes: int) -> Infer:
    from treelite.core import _LIB
    from treelite.gtil.gtil import GTILConfig

    config = GTILConfig(predict_type="raw" if raw else "default", nthread=1)
    predict, input_type = _LIB.TreeliteGTILPredict, model.input_type.encode()
    input_dtype, output_dtype = np.dtype(model.input_type), np.dtype(model.output_type)
    n_features, model_handle, config_handle = model.num_feature, model.handle, config.handle
    pointer, count = ctypes.c_void_p, ctypes.c_uint64
    one, shape_of_one = count(1), (1, n_features)
    # A row of a few trees is over before another thread could use the interpreter, which would
    # then have to be waited for.
    quick = model.num_tree <= _FEW_TREES
    predict_one = ctypes.PyDLL(_LIB._name).TreeliteGTILPredict if quick else predict  # noqa: SLF001 - the library's file has no public name
    mine = threading.local()

    def infer_one(row: NDArray[Any]) -> NDArray[Any]:
        """Answer one row by buffers whose addresses are known: to ask an array for its is dear."""
        try:
            given, found, given_at, found_at = mine.buffers
        except AttributeError:
            given = np.empty(shape_of_one, dtype=input_dtype)
            found = np.empty((1, targets, classes), dtype=output_dtype)
            given_at, found_at = pointer(given.ctypes.data), pointer(found.ctypes.data)
            mine.buffers = given, found, given_at, found_at
        given[:] = row
        status = predict_one(model_handle, given_at, input_type, one, found_at, config_handle)
        if status != 0:
            raise ValueError(f"Treelite failed on a row of {model.num_tree} trees")
        answer: NDArray[Any] = found.copy()
        return answer

    def infer(given: NDArray[Any]) -> NDArray[Any]:
        if given.shape == shape_of_one:
            return infer_one(given)
        given = np.ascontiguousarray(given, dtype=input_dtype)
        if given.ndim != 2 or given.shape[1] < n_features:
            raise ValueError(f"expected {n_features} features, got an array of {given.shape}")
        found = np.zeros((len(given), targets, classes), dtype=output_dtype)
        status = predict(
            model_handle,
            pointer(given.ctypes.data),
            input_type,
            count(len(given)),
            pointer(found.ctypes.data),
            config_handle,
        )
        if status != 0:
            raise ValueError(f"Treelite failed on {len(given)} rows of {model.num_tree} trees")
        return found

    infer.keeps = model, config  # type: ignore[attr-defined]  # what the two handles belong to
    for n_rows in (1, 2):
        probe = np.zeros((n_rows, n_features), dtype=input_dtype)
        if _public(model, raw=raw)(probe).shape != (n_rows, targets, classes):
            raise TypeError("an answer of another shape: its memory would not hold it")
    return infer
