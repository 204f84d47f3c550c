"""Runs predictions off the event loop, and several that wait for one model as one.

Nothing waits while a thread is free. What comes while all are busy is answered together, as soon
as one is not, up to as many rows as make the model's call worth it: the larger the backlog, the
larger the batches. Rows that wait are counted, and refused beyond a limit. A caller that leaves
before its turn costs nothing; one that leaves later leaves its thread to finish.

Short and long calls have threads of their own, so that a model that takes seconds keeps none of
the quick ones waiting.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING

from skerry.core.errors import QueueFull
from skerry.core.plan import Plan
from skerry.core.rows import Predictions, Rows
from skerry.dataplane.batch import Call, answer, joint_trace, may_join
from skerry.dataplane.threads import PREDICT_THREAD, quiet_numpy
from skerry.serving.handle import Handle
from skerry.telemetry.serving_metrics import ServingMetrics

if TYPE_CHECKING:
    from skerry.telemetry.call_trace import CallTrace, JointTrace

_SHORT_US = 20_000.0
_RETRY_AFTER_S = 1


class Lane:
    """Calls of about the same length, in the order in which they came."""

    __slots__ = ("free_threads", "max_queue_rows", "queue_rows", "waiting")

    def __init__(self, threads: int, max_queue_rows: int) -> None:
        self.free_threads = threads
        self.max_queue_rows = max_queue_rows
        self.queue_rows = 0
        self.waiting: OrderedDict[Call, None] = OrderedDict()

    def has_room(self, n_rows: int) -> bool:
        """Tell whether so many rows would be admitted now."""
        return self.free_threads > 0 or self.queue_rows + n_rows <= self.max_queue_rows

    def add(self, call: Call) -> None:
        """Have the call wait for its turn."""
        self.waiting[call] = None
        self.queue_rows += call.rows.n_rows

    def remove(self, call: Call) -> None:
        """Have the call wait no longer."""
        del self.waiting[call]
        self.queue_rows -= call.rows.n_rows

    def next_calls(self) -> list[Call]:
        """Remove and return the first call, and what may be answered together with it."""
        first = next(iter(self.waiting))
        most_rows = first.handle.servable.info.batch_rows
        calls, rows = [first], first.rows.n_rows
        if rows < most_rows:
            for call in islice(self.waiting, 1, None):
                if rows + call.rows.n_rows <= most_rows and may_join(first, call):
                    calls.append(call)
                    rows += call.rows.n_rows
                if rows >= most_rows:
                    break
        for call in calls:
            self.remove(call)
        return calls


class Executor:
    """Bounded threads for predictions. For the event loop's thread alone.

    threads: of each lane. max_queue_rows: rows that may wait in each lane, of all models together.
    metrics: what calls and waits are counted in.
    on_room: called whenever a lane may have room that it did not have.
    """

    def __init__(
        self, threads: int, max_queue_rows: int, metrics: ServingMetrics | None = None
    ) -> None:
        self._metrics = metrics or ServingMetrics()
        self._pool = ThreadPoolExecutor(
            2 * threads, thread_name_prefix=PREDICT_THREAD, initializer=quiet_numpy
        )
        self._short, self._long = Lane(threads, max_queue_rows), Lane(threads, max_queue_rows)
        self._crowded_rows = max_queue_rows // 2
        self.on_room: Callable[[], None] = lambda: None

    @property
    def queue_rows(self) -> int:
        """Rows that were admitted and whose turn has not come."""
        return self._short.queue_rows + self._long.queue_rows

    def queue_rows_by_model(self) -> Mapping[str, int]:
        """Return the same rows by model, for the models that have some."""
        rows: Counter[str] = Counter()
        for lane in (self._short, self._long):
            for call in lane.waiting:
                rows[call.handle.model] += call.rows.n_rows
        return rows

    @property
    def lanes(self) -> tuple[Lane, Lane]:
        """The lane of short calls, and that of long ones."""
        return self._short, self._long

    @property
    def is_crowded(self) -> bool:
        """Whether a lane may soon have no room."""
        limit = self._crowded_rows
        return self._short.queue_rows > limit or self._long.queue_rows > limit

    def submit(
        self, handle: Handle, rows: Rows, trace: CallTrace | None = None
    ) -> asyncio.Future[Predictions]:
        """Return the future predictions of the held version.

        The handle is released when the call can no longer run, because it ended or was withdrawn;
        also long after the future was cancelled. Where this raises, it is not.

        trace: what comes of the call is noted there, also after the future was cancelled.

        Cancelling the future withdraws a call that has not begun; one that has runs on, unheard.

        Raises:
            QueueFull: as many rows wait as may.
        """
        lane = self.lane(handle.servable.info.plan, rows.n_rows)
        self._check_room(lane, rows.n_rows)
        loop = asyncio.get_running_loop()
        call = Call(handle, rows, loop.create_future(), trace)
        lane.add(call)
        call.future.add_done_callback(lambda _: self._withdraw(lane, call))
        self._dispatch(lane, loop)
        return call.future

    def check_room(self, plan: Plan, n_rows: int) -> None:
        """Tell whether so many rows for a version with this plan would be admitted.

        Raises:
            QueueFull: they would not.
        """
        self._check_room(self.lane(plan, n_rows), n_rows)

    def _check_room(self, lane: Lane, n_rows: int) -> None:
        if not lane.has_room(n_rows):
            raise QueueFull(
                f"{lane.queue_rows} rows are waiting, at most {lane.max_queue_rows} may"
                " (SKERRY_MAX_QUEUE_ROWS)",
                retry_after_s=_RETRY_AFTER_S,
            )

    def close(self) -> None:
        """Withdraw what waits. Does not wait for what runs."""
        for lane in (self._short, self._long):
            for call in list(lane.waiting):
                self._withdraw(lane, call)
                call.future.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def lane(self, plan: Plan, n_rows: int) -> Lane:
        """Return the lane that so many rows for a version with this plan would wait in."""
        duration_us = plan.duration_us(n_rows)
        return self._long if duration_us is None or duration_us > _SHORT_US else self._short

    def _dispatch(self, lane: Lane, loop: asyncio.AbstractEventLoop) -> None:
        while lane.free_threads and lane.waiting:
            calls = lane.next_calls()
            lane.free_threads -= 1
            now_s = time.perf_counter()
            for call in calls:
                wait_s = now_s - call.made_s
                self._metrics.count_wait(call.handle.model, wait_s)
                if call.trace is not None:
                    call.trace.queue_s = wait_s
            self._pool.submit(self._work, lane, loop, calls, joint_trace(calls))

    def _work(
        self,
        lane: Lane,
        loop: asyncio.AbstractEventLoop,
        calls: list[Call],
        trace: JointTrace | None,
    ) -> None:
        started_s = time.perf_counter()
        outcomes = answer(calls) if trace is None else trace.run(lambda: answer(calls))
        span = (started_s, time.perf_counter())
        try:
            loop.call_soon_threadsafe(self._end, lane, loop, calls, outcomes, span, trace)
        except RuntimeError:
            return  # The loop is closed: the process is on its way out.

    def _end(
        self,
        lane: Lane,
        loop: asyncio.AbstractEventLoop,
        calls: list[Call],
        outcomes: list[Predictions | Exception],
        span: tuple[float, float],
        trace: JointTrace | None,
    ) -> None:
        lane.free_threads += 1
        self._dispatch(lane, loop)
        for call, outcome in zip(calls, outcomes, strict=True):
            if call.future.done():
                continue
            if isinstance(outcome, Exception):
                call.future.set_exception(outcome)
            else:
                call.future.set_result(outcome)
        try:
            self._count(calls, span, trace)
        finally:
            for call in calls:
                call.handle.release()
            self.on_room()

    def _count(
        self, calls: list[Call], span: tuple[float, float], trace: JointTrace | None
    ) -> None:
        handle, n_rows = calls[0].handle, sum(call.rows.n_rows for call in calls)
        executor = handle.servable.info.plan.executor_for(n_rows)
        started_s, ended_s = span
        if trace is not None:
            trace.end(handle.model, handle.version, executor, n_rows, started_s, ended_s)
        self._metrics.count_call(
            handle.model, handle.version, executor, n_rows, ended_s - started_s
        )

    def _withdraw(self, lane: Lane, call: Call) -> None:
        if call in lane.waiting:
            lane.remove(call)
            call.handle.release()
            self.on_room()
