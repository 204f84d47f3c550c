"""Several calls of one model in one: joined rows, one prediction, each caller's part of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from skerry.core.errors import as_exception
from skerry.core.rows import Predictions, Rows
from skerry.serving.handle import Handle

if TYPE_CHECKING:
    from skerry.telemetry.call_trace import CallTrace, JointTrace


class Call:
    """Rows that one request wants answered, the version that it holds, and its future answer.

    made_s: monotonic time at which it began to wait for its turn.
    trace: None where tracing is off.
    """

    __slots__ = ("future", "handle", "made_s", "rows", "trace")

    def __init__(
        self,
        handle: Handle,
        rows: Rows,
        future: asyncio.Future[Predictions],
        trace: CallTrace | None = None,
    ) -> None:
        self.handle = handle
        self.rows = rows
        self.future = future
        self.made_s = time.perf_counter()
        self.trace = trace


def may_join(first: Call, other: Call) -> bool:
    """Tell whether both ask the same version, in rows of the same form."""
    return first.handle.slot is other.handle.slot and first.rows.joins(other.rows)


def joint_trace(calls: Sequence[Call]) -> JointTrace | None:
    """Return the trace of one call of the model for all of these, None where tracing is off."""
    traces = [call.trace for call in calls if call.trace is not None]
    return traces[0].joined(traces) if traces else None


def answer(calls: Sequence[Call]) -> list[Predictions | Exception]:
    """Return what each caller is answered; blocking, for a thread.

    What a model raises for rows of one caller must not reach the others: then each is asked alone,
    but for those that have left.
    """
    if len(calls) > 1:
        try:
            together = calls[0].handle.servable.predict(Rows.joined([call.rows for call in calls]))
            return list(_parts(together, [call.rows.n_rows for call in calls]))
        except BaseException:  # noqa: BLE001, S110 - who caused it is found out below
            pass
    return [_alone(call) for call in calls]


def _alone(call: Call) -> Predictions | Exception:
    if call.future.cancelled():
        return asyncio.InvalidStateError("nobody waits for it")
    try:
        return call.handle.servable.predict(call.rows)
    except BaseException as caught:  # noqa: BLE001 - a future can't hold all that a model raises
        return as_exception(caught)


def _parts(together: Predictions, sizes: Sequence[int]) -> Iterable[Predictions]:
    ends = np.cumsum([0, *sizes]).tolist()
    for begin, end in pairwise(ends):
        yield together.between(begin, end)
