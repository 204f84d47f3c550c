"""Runs predictions off the event loop, in as many threads as there are CPUs, and no more.

Rows that wait are counted, and refused beyond a limit. A caller that leaves before its turn
costs nothing; one that leaves later leaves its thread to finish, and its handle until then.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from skerry.core.errors import QueueFull, as_exception

T = TypeVar("T")
PREDICT_THREAD = "skerry-predict"
"""What the names of threads that predict begin with."""


class Executor:
    """A bounded pool of threads for predictions. ``submit`` is for the event loop's thread."""

    def __init__(self, threads: int, max_queue_rows: int) -> None:
        self._pool = ThreadPoolExecutor(
            threads, thread_name_prefix=PREDICT_THREAD, initializer=quiet_numpy
        )
        self._threads = threads
        self._max_queue_rows = max_queue_rows
        self._calls = 0
        self._lock = threading.Lock()
        self._queue_rows = 0  # Guarded by the lock: calls leave the queue in their threads.

    @property
    def queue_rows(self) -> int:
        """Rows that were admitted and whose turn has not come."""
        return self._queue_rows

    def submit(
        self, function: Callable[[], T], *, rows: int, on_end: Callable[[], None]
    ) -> asyncio.Future[T]:
        """Return the future answer of the function.

        on_end: called once on the loop when the call can no longer run, because it ended or was
            withdrawn; also long after the future was cancelled. Not called where this raises.

        Cancelling the future withdraws a call that has not begun; one that has runs on, unheard.

        Raises:
            QueueFull: as many rows wait as may.
        """
        self._admit(rows)
        loop = asyncio.get_running_loop()
        begun = False

        def call() -> T:
            nonlocal begun
            begun = True
            self._leave_queue(rows)
            try:
                return function()
            except BaseException as caught:
                raise as_exception(caught) from caught

        def ended() -> None:
            self._calls -= 1
            on_end()

        def done(_: Future[T]) -> None:
            if not begun:
                self._leave_queue(rows)
            try:
                loop.call_soon_threadsafe(ended)
            except RuntimeError:
                return  # The loop is closed: the process is on its way out.

        self._calls += 1
        future = self._pool.submit(call)
        future.add_done_callback(done)
        return asyncio.wrap_future(future)

    def _admit(self, rows: int) -> None:
        with self._lock:
            waiting = self._queue_rows
            if self._calls >= self._threads and waiting + rows > self._max_queue_rows:
                raise QueueFull(
                    f"{waiting} rows are waiting, at most {self._max_queue_rows} may"
                    " (SKERRY_MAX_QUEUE_ROWS)",
                    retry_after_s=1,
                )
            self._queue_rows += rows

    def _leave_queue(self, rows: int) -> None:
        with self._lock:
            self._queue_rows -= rows

    def close(self) -> None:
        """Withdraw what waits. Does not wait for what runs."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def quiet_numpy() -> None:
    """Have numpy say nothing of overflow on this thread; an answer that is no number is ``null``.

    For each thread that predicts, once: what a caller would do for every call costs more than
    some of the calls.
    """
    import numpy as np

    np.seterr(all="ignore")


def cpus() -> int:
    """Return the CPUs that this process may use: its affinity, or the cgroup's quota if lower.

    Source: cgroup-v2 ``cpu.max`` (quota and period in µs); version 1 has the two in two files.
    """
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quota = _cgroup_quota()
    return max(1, min(available or 1, available or 1 if quota is None else -int(-quota // 1)))


def _cgroup_quota() -> float | None:
    for paths in (
        ("/sys/fs/cgroup/cpu.max",),
        ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu/cpu.cfs_period_us"),
    ):
        words: list[str] = []
        try:
            for path in paths:
                with open(path, encoding="ascii") as file:
                    words += file.read().split()
        except OSError:
            continue
        if len(words) == 2 and words[0].isdigit() and words[1].isdigit():
            return int(words[0]) / int(words[1])
        return None
    return None
