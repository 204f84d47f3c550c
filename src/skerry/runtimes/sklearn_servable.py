"""A fitted scikit-learn object that answers rows. Nothing here changes after it was prepared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from skerry.core.plan import Executor
from skerry.core.rows import Predictions, Rows
from skerry.core.servable import ServableInfo
from skerry.runtimes.compiled.answering import Answer, Answered
from skerry.runtimes.model_input import is_immoderate
from skerry.runtimes.native import Native
from skerry.runtimes.release import release


class ScikitServable:
    """Predicts as its plan says: with scikit-learn itself, or with what was proved to equal it.

    compiled: the answers of the plan's other executors.
    """

    def __init__(
        self, info: ServableInfo, native: Native, compiled: Mapping[Executor, Answer]
    ) -> None:
        self._info = info
        self._native: Native | None = native
        self._compiled = compiled
        self._for_one = compiled.get(info.plan.executor_for(1))

    @property
    def info(self) -> ServableInfo:
        """Facts about it."""
        return self._info

    def predict(self, rows: Rows) -> Predictions:
        """Answer validated rows, with what scikit-learn answers for all of them in one call.

        Blocking; several threads may call. Whatever the model raises passes through.
        """
        native = self._native
        if native is None:
            raise RuntimeError("the servable was released")
        compiled = self._chosen(rows.n_rows)
        return native.ask(rows) if compiled is None else planned(native, compiled, rows)

    def predict_now(self, rows: Rows) -> Predictions | None:
        """Answer as many rows as are cheap, None for more, or where the model itself has to help.

        Its own code may take any time for a row that measuring did not try.
        """
        plan, native = self._info.plan, self._native
        if rows.n_rows > plan.cheap_rows or native is None:
            return None
        compiled = self._chosen(rows.n_rows)
        if compiled is None:
            return None
        answered = compiled_answer(native, compiled, rows)
        if answered is not None and answered.uncertain is None:
            return answered.predictions
        return None

    def release(self) -> None:
        """Free the model in small steps; it must be in nobody's use."""
        native, self._native = self._native, None
        self._compiled, self._for_one = {}, None
        if native is not None:
            owner = [native.answers.model]
            del native
            release(owner)

    def _chosen(self, n_rows: int) -> Answer | None:
        if n_rows == 1:
            return self._for_one
        return self._compiled.get(self._info.plan.executor_for(n_rows))


def planned(native: Native, compiled: Answer, rows: Rows) -> Predictions:
    """Return the compiled answers, with scikit-learn's for the rows that rounding may decide."""
    answered = compiled_answer(native, compiled, rows)
    if answered is None:
        return native.ask(rows)
    if answered.uncertain is None:
        return answered.predictions
    if answered.uncertain.all():
        return native.ask(rows)
    at = np.flatnonzero(answered.uncertain)
    return _with_rows(answered.predictions, at, native.ask(rows.take(at)))


def compiled_answer(native: Native, compiled: Answer, rows: Rows) -> Answered | None:
    """Return the compiled answers, None for rows that scikit-learn may refuse.

    Those are numbers so large that they may overflow, and what a compiled part does not know.

    It must be quiet about overflow where it is called (``np.seterr``): to see to that here would
    cost a fifth of a row of a linear model.
    """
    if is_immoderate(rows):
        return None
    matrix = rows.matrix
    try:
        return compiled(native.model_input.block(rows) if matrix is None else matrix)
    except Exception:  # noqa: BLE001 - what it does not take, scikit-learn answers or refuses
        return None


def _with_rows(into: Predictions, at: np.ndarray[Any, Any], rows: Predictions) -> Predictions:
    labels = into.labels.astype(np.result_type(into.labels, rows.labels), copy=True)
    labels[at] = rows.labels
    confidences, probabilities = into.confidences, into.probabilities
    if confidences is not None and rows.confidences is not None:
        confidences = confidences.copy()
        confidences[at] = rows.confidences
    if probabilities is not None and rows.probabilities is not None:
        copies = [p.copy() for p in probabilities]
        for copy, each in zip(copies, rows.probabilities, strict=True):
            copy[at] = each
        probabilities = tuple(copies)
    return Predictions(labels, confidences, probabilities)
