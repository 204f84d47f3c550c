"""Holds a candidate's answers against scikit-learn's, row by row, and keeps the evidence."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skerry.core.plan import Candidate, Executor, Parity
from skerry.core.rows import Predictions, Rows
from skerry.core.signature import Signature
from skerry.runtimes.compiled.answering import Answered
from skerry.runtimes.compiled.base import Undecided
from skerry.runtimes.samples import row_values

TOLERANCES = {Parity.EXACT: 1e-9, Parity.TOLERANT: 1e-5}
_SINGLES = 64
_SURE_SINGLES = 8
_SINGLES_S = 0.1  # Of each group; a candidate that takes long alone must not use up the budget.
_ALONE = 64


@dataclass(slots=True)
class Proof:
    """What has been compared so far, for one candidate.

    tolerance: numbers a (found) and b (expected) agree when |a - b| ≤ tolerance·max(1, |b|).
    """

    signature: Signature
    tolerance: float
    probe_rows: int = 0
    labels_differ: int = 0
    max_difference: float = 0.0
    worst: dict[str, Any] | None = None
    failure: str | None = None
    _worst_rank: tuple[int, float] = field(default=(0, 0.0))

    @property
    def holds(self) -> bool:
        """Nothing was found that refuses the candidate."""
        return self.failure is None and not self.labels_differ and self.max_difference_agrees

    @property
    def max_difference_agrees(self) -> bool:
        """The largest difference of numbers is within the tolerance."""
        return self.max_difference <= self.tolerance

    def compare(self, rows: Rows, expected: Predictions, ask: Callable[[Rows], Answered]) -> None:
        """Ask the candidate the rows, all at once and some alone, and note what differs.

        expected: scikit-learn's answers for them, in one call.
        """
        self._compare_once(rows, expected, ask)
        alone = np.linspace(0, rows.n_rows - 1, min(_SINGLES, rows.n_rows)).astype(np.intp)
        began_s = time.monotonic()
        # Every eighth comes first, so that also a few are from everywhere.
        for n_asked, i in enumerate(np.concatenate([alone[k::8] for k in range(8)])):
            is_long = time.monotonic() - began_s > _SINGLES_S
            if self.failure is not None or (is_long and n_asked >= _SURE_SINGLES):
                return
            self._compare_once(rows.take([i]), expected.take([i]), ask)

    def evidence(self, executor: Executor) -> Candidate:
        """Return the candidate as the plan shows it, not yet measured."""
        return Candidate(
            executor=executor,
            accepted=self.holds and self.probe_rows > 0,
            reason=self._reason(),
            probe_rows=self.probe_rows,
            labels_differ=self.labels_differ,
            max_relative_difference=_finite(self.max_difference),
            worst=self.worst,
        )

    def _reason(self) -> str | None:
        if self.failure is not None:
            return self.failure
        if self.labels_differ:
            return f"other labels for {self.labels_differ} of {self.probe_rows} probe rows"
        if not self.max_difference_agrees:
            return (
                f"numbers differ by up to {self.max_difference:.3g},"
                f" at most {self.tolerance:g} is equal"
            )
        return None if self.probe_rows else "it leaves every probe row to scikit-learn"

    def _compare_once(
        self, rows: Rows, expected: Predictions, ask: Callable[[Rows], Answered]
    ) -> None:
        try:
            answered = ask(rows)
        except Undecided:
            # scikit-learn will answer such a row itself, and those that come with it. By itself,
            # each of the others is answered here, and has to be right.
            for i in range(min(_ALONE, rows.n_rows if rows.n_rows > 1 else 0)):
                self._compare_once(rows.take([i]), expected.take([i]), ask)
            return
        except Exception as error:  # noqa: BLE001 - a candidate may fail in any way
            self.failure = f"raised {type(error).__name__}: {error}"[:300]
            return
        found, n = answered.predictions, rows.n_rows
        self.probe_rows += n
        if found.labels.shape != expected.labels.shape:
            self.failure = f"answered {found.labels.shape} for {expected.labels.shape}"
            return
        if found.labels.dtype.kind != expected.labels.dtype.kind:
            self.failure = f"answered {found.labels.dtype} for {expected.labels.dtype}"
            return
        ours = np.ones(n, dtype=np.bool_) if answered.uncertain is None else ~answered.uncertain
        if expected.labels.dtype.kind == "f":
            self._note(rows, found, expected, _difference(found.labels, expected.labels), ours)
        else:
            differ = _rows_any(found.labels != expected.labels) & ours
            self.labels_differ += int(differ.sum())
            if differ.any():
                self._keep(rows, found, expected, int(differ.argmax()), (1, 0.0))
        for a, b in zip(found.probabilities or (), expected.probabilities or (), strict=True):
            if a.shape != b.shape:
                self.failure = f"probabilities of shape {a.shape} for {b.shape}"
                return
            self._note(rows, found, expected, _difference(a, b), ours)

    def _note(
        self,
        rows: Rows,
        found: Predictions,
        expected: Predictions,
        difference: NDArray[np.float64],
        ours: NDArray[np.bool_],
    ) -> None:
        each = np.where(ours, difference, 0.0)
        i = int(each.argmax())
        largest = float(each[i])
        if largest > 0:
            self._keep(rows, found, expected, i, (0, largest))
        self.max_difference = max(self.max_difference, largest)

    def _keep(
        self, rows: Rows, found: Predictions, expected: Predictions, i: int, rank: tuple[int, float]
    ) -> None:
        if rank <= self._worst_rank:
            return
        self._worst_rank = rank
        self.worst = {
            "row": row_values(self.signature, rows.take([i]))[0],
            "expected": _shown(expected, i),
            "got": _shown(found, i),
        }


def _difference(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float64]:
    """Return max |a - b| / max(1, |b|) of each row; NaN equals NaN, and infinity itself."""
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    with np.errstate(all="ignore"):
        relative = np.abs(a - b) / np.maximum(1.0, np.abs(b))
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    relative = np.where(same, 0.0, np.nan_to_num(relative, nan=np.inf))
    return relative if relative.ndim == 1 else relative.max(axis=1)


def _rows_any(differ: NDArray[np.bool_]) -> NDArray[np.bool_]:
    rows: NDArray[np.bool_] = differ if differ.ndim == 1 else np.any(differ, axis=1)
    return rows


def _shown(predictions: Predictions, i: int) -> Any:
    label = predictions.labels[i : i + 1].tolist()[0]
    if predictions.probabilities is None:
        return _plain(label)
    each = [_plain(p[i].tolist()) for p in predictions.probabilities]
    several = predictions.labels.ndim == 2
    return {"prediction": label, "probabilities": each if several else each[0]}


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _finite(number: float) -> float:
    return number if math.isfinite(number) else 1.7976931348623157e308
