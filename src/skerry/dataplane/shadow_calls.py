"""Asks a shadow what others have answered, and compares. Blocking: for the shadow's own thread.

Requests are answered together where the version allows it. One that makes it raise is found by
asking ever fewer together, so that it counts alone as failed.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from skerry.core.redaction import raised_text
from skerry.core.rows import Predictions, Rows
from skerry.core.servable import Servable, ServableInfo
from skerry.dataplane.comparison import Comparison, joined_predictions
from skerry.dataplane.router import Target
from skerry.dataplane.shadow_tally import Answer, Disagreement, Failure, Tally

_JOINED_REQUESTS = 64
_ROUND_S = 0.02
# A thread that wants the interpreter from the loop gets it, and what it computes keeps the loop
# waiting. A twentieth of a core keeps that below what a caller's p99 shows. Errors are raised with
# the interpreter, and a call of seconds lasts for many requests: these get a hundredth, or what
# two minutes of rest leave them.
_REST, _LONG_REST = 19, 99
_LONG_CALL_S = 0.5
_MOST_REST_S = 120.0


class Mirror(NamedTuple):
    """A request that was answered, and is to be answered by the shadow, too.

    info: of the version that was served. rows: as it was asked; nobody writes into them.
    """

    target: Target
    info: ServableInfo
    rows: Rows
    predictions: Predictions
    request_id: str


class Waiting(NamedTuple):
    """A mirror that waits for its turn.

    time_s: when it was answered, since the epoch. n_bytes: its rows take about so many.
    """

    time_s: float
    mirror: Mirror
    n_bytes: int = 0


class Round(NamedTuple):
    """What came of a round. left: were not asked yet. rest_s: how long to pause after it."""

    tally: Tally
    left: deque[Waiting]
    rest_s: float

    @classmethod
    def failed(cls, tally: Tally, n: int, last: Waiting, error: BaseException) -> Round:
        """Return a round of which nothing is left, because ``error`` fails ``n`` requests."""
        tally.count_failed(n, _raised(last, error))
        return cls(tally, deque(), 0.0)


class ShadowCalls:
    """Asks one shadow version. For one thread.

    keep: how many disagreements are kept. keep_inputs: with the row that differs.
    clock, cpu: seconds, and seconds of CPU that the thread has used.
    """

    def __init__(
        self,
        keep: int,
        *,
        keep_inputs: bool,
        clock: Callable[[], float] = time.monotonic,
        cpu: Callable[[], float] = time.thread_time,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._keep = keep
        self._keep_inputs = keep_inputs
        self._clock, self._cpu, self._sleep = clock, cpu, sleep
        self._most_joined = _JOINED_REQUESTS
        self._comparisons: dict[int, tuple[ServableInfo, Comparison]] = {}

    def round(self, servable: Servable, waiting: deque[Waiting]) -> Round:
        """Ask as many of those that wait as 20 ms allow, but at least once.

        Does not raise: what keeps them all from being asked or compared is a failure of all.
        """
        tally, n, last = Tally(self._keep), len(waiting), waiting[-1]
        try:
            return self._round(servable, waiting, tally)
        except BaseException as error:  # noqa: BLE001 - or the version would be held for ever
            return Round.failed(tally, n - tally.requests, last, error)

    def _round(self, servable: Servable, waiting: deque[Waiting], tally: Tally) -> Round:
        if len({id(each.mirror.info) for each in waiting}) > 1:
            waiting = deque(sorted(waiting, key=lambda each: id(each.mirror.info)))
        ends_s = self._clock() + _ROUND_S
        while True:
            began_s = self._cpu()
            raised = self._ask_next(servable, waiting, tally)
            rest_s = _rest_s(self._cpu() - began_s, raised)
            if not waiting or self._clock() + rest_s >= ends_s:
                return Round(tally, waiting, rest_s)
            self._sleep(rest_s)

    def _ask_next(self, servable: Servable, waiting: deque[Waiting], tally: Tally) -> bool:
        """Ask as many as one call may answer; return whether it raised."""
        calls = self._take(waiting, servable.info.batch_rows)
        comparison = self._comparison(calls[0].mirror.info, servable.info)
        if comparison.refusal is not None:
            tally.count_failed(len(calls), _failure(calls[-1], comparison.refusal))
            return False
        try:
            self._ask(servable, comparison, calls, tally)
        except BaseException as error:  # noqa: BLE001 - whatever a model raises, it has failed
            if len(calls) > 1:
                self._most_joined = len(calls) // 2
                waiting.extendleft(reversed(calls))
            else:
                tally.count_failed(1, _raised(calls[0], error))
            return True
        self._most_joined = min(2 * self._most_joined, _JOINED_REQUESTS)
        return False

    def _take(self, waiting: deque[Waiting], most_rows: int) -> list[Waiting]:
        """Remove and return the first, and those after it that may be answered with it."""
        first = waiting.popleft()
        calls, n_rows = [first], first.mirror.rows.n_rows
        while waiting and len(calls) < self._most_joined:
            mirror = waiting[0].mirror
            n_rows += mirror.rows.n_rows
            if n_rows > most_rows or mirror.info is not first.mirror.info:
                break
            if not first.mirror.rows.joins(mirror.rows):
                break
            calls.append(waiting.popleft())
        return calls

    def _comparison(self, served: ServableInfo, shadow: ServableInfo) -> Comparison:
        known = self._comparisons.get(id(served))
        if known is None:
            if len(self._comparisons) > 100:  # Versions come and go; what is held must not grow.
                self._comparisons.clear()
            known = self._comparisons[id(served)] = (served, Comparison(served, shadow))
        return known[1]

    def _ask(
        self, servable: Servable, comparison: Comparison, calls: Sequence[Waiting], tally: Tally
    ) -> None:
        mirrors = [each.mirror for each in calls]
        # A copy, because a model may write into what it is given.
        rows = Rows.joined([each.rows for each in mirrors])
        answers = servable.predict(comparison.rows_for_shadow(rows))
        served = joined_predictions([each.predictions for each in mirrors])
        row_agreed, row_differences = comparison.compare(served, answers)
        starts = [0, *accumulate(each.rows.n_rows for each in mirrors[:-1])]
        agreed = np.logical_and.reduceat(row_agreed, starts)
        differences = np.maximum.reduceat(row_differences, starts)
        tally.count_compared(int(np.count_nonzero(agreed)), differences)
        for i in np.flatnonzero(~agreed).tolist()[-self._keep :] if self._keep else ():
            mirror, start = mirrors[i], starts[i]
            row = int(np.argmin(row_agreed[start : start + mirror.rows.n_rows]))
            tally.recent.append(
                Disagreement(
                    calls[i].time_s,
                    mirror.request_id,
                    row,
                    float(differences[i]),
                    Answer.of(mirror.target.slot.version, mirror.predictions, row),
                    Answer.of(self._version(mirror), answers, start + row),
                    _features(mirror.rows, row) if self._keep_inputs else None,
                )
            )

    def _version(self, mirror: Mirror) -> str:
        shadow = mirror.target.shadow
        return "" if shadow is None else shadow.slot.version


def _rest_s(used_s: float, raised: bool) -> float:
    times = _LONG_REST if raised or used_s >= _LONG_CALL_S else _REST
    return min(times * used_s, _MOST_REST_S)


def _failure(last: Waiting, reason: str, detail: str = "") -> Failure:
    return Failure(last.time_s, last.mirror.request_id, reason, detail or reason)


def _raised(last: Waiting, error: BaseException) -> Failure:
    detail = raised_text(error, last.mirror.rows)
    return _failure(last, f"it raised {type(error).__name__}", detail)


def _features(rows: Rows, row: int) -> tuple[object, ...]:
    if rows.matrix is not None:
        return tuple(rows.matrix[row].tolist())
    return tuple(column[row : row + 1].tolist()[0] for column in rows.columns or ())
