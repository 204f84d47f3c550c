"""Asks a second version what the first has answered, so that their answers can be compared.

Offering a request costs a microsecond and comes after its answer; the rest happens in a thread.
What a shadow is too slow for is dropped and counted: it holds up nobody, and its failures are its
own. Asking and comparing is the business of ``shadow_calls``.
"""

from __future__ import annotations

import asyncio
import random
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

from skerry.core.rows import Rows
from skerry.core.servable import Servable
from skerry.dataplane.shadow_calls import Mirror, Round, ShadowCalls, Waiting
from skerry.dataplane.shadow_tally import Tally
from skerry.dataplane.threads import quiet_numpy, yield_cores
from skerry.serving.handle import Handle, Slot
from skerry.serving.serving_map import ServingMap, ShadowRoute
from skerry.telemetry.logs import EventLog

SHADOW_THREAD = "skerry-shadow"
MAX_WAITING_REQUESTS = 1000
MAX_WAITING_ROWS = 10_000
MAX_WAITING_BYTES = 64 << 20
# What comes meanwhile is answered together. It also keeps the thread from waking up for each one.
_GATHER_S = 0.02
_LOG_EVERY_S = 60.0

_Job = tuple[Servable, deque[Waiting], Callable[[Round], None]]


class Shadows:
    """Mirrors requests to the shadow of their model. For the event loop's thread.

    keep: disagreements that are kept of each shadow. keep_inputs: with the row that differs.
    draw: from [0, 1), for shadows that get a sample. clock: seconds since the epoch.
    """

    def __init__(
        self,
        serving_map: ServingMap,
        log: EventLog,
        *,
        keep: int,
        keep_inputs: bool = False,
        draw: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._serving_map = serving_map
        self._log = log
        self._keep, self._keep_inputs = keep, keep_inputs
        self._draw, self._clock = draw, clock
        self._lines: dict[str, _Line] = {}

    def offer(self, mirror: Mirror) -> None:
        """Have the shadow in force answer, too, what was answered; most often just after this."""
        route, slot = mirror.target.shadow, mirror.target.slot
        if route is None or route.slot is slot:
            return
        if route.sample < 100 and self._draw() * 100 >= route.sample:
            return
        now = self._route(slot.model)
        if now is None or now.slot is not route.slot:
            return  # It was routed before the shadow changed: what has been counted since stays.
        line = self._lines.get(slot.model)
        if line is None or line.slot is not route.slot:
            line = self._open(route.slot)
        line.offer(self._clock(), mirror)

    def report(self, model: str) -> dict[str, Any]:
        """Return what the API shows of a model's shadow, or of the last one that it had."""
        self._close_idle()
        route, line = self._route(model), self._lines.get(model)
        slot = None if route is None else route.slot
        tally, waiting = Tally(self._keep), 0
        if line is not None and slot in (None, line.slot):
            slot, tally, waiting = line.slot, line.tally, line.requests
        return {
            "model": model,
            "version": None if slot is None else slot.version,
            "sample": 0.0 if route is None else route.sample,
            "waiting": waiting,
            **tally.to_dict(),
        }

    def disagreement_rate(self, model: str, version: str) -> float | None:
        """Return the share of compared requests on which the version, as a shadow, disagreed.

        None where it is no shadow, and was not the last one, or nothing was compared.
        """
        line = self._lines.get(model)
        if line is None or line.slot.version != version:
            return None
        return line.tally.disagreement_rate

    def tallies(self) -> Iterator[tuple[str, str, Tally]]:
        """Yield model, version and counts of every shadow, for metrics.

        Each scrape also ends what an idle shadow still holds, since it makes no look of its own.
        """
        self._close_idle()
        for model, line in self._lines.items():
            yield model, line.slot.version, line.tally

    def close(self) -> None:
        """Drop what waits. Does not wait for a call that runs; its thread holds up no exit."""
        for line in self._lines.values():
            line.close()

    def _route(self, model: str) -> ShadowRoute | None:
        routes = self._serving_map.current.models.get(model)
        return None if routes is None else routes.shadow

    def _open(self, slot: Slot) -> _Line:
        """Start anew for a shadow."""
        self._close_idle()
        before = self._lines.pop(slot.model, None)
        if before is not None:
            before.close()

        def in_force() -> bool:
            route = self._route(slot.model)
            return route is not None and route.slot is slot

        calls = ShadowCalls(self._keep, keep_inputs=self._keep_inputs)
        line = _Line(slot, Tally(self._keep), in_force, _Worker(calls), self._log)
        self._lines[slot.model] = line
        return line

    def _close_idle(self) -> None:
        """End the threads of shadows that are none any more; lines of models that are gone go."""
        for model, line in [*self._lines.items()]:
            if model not in self._serving_map.current.models:
                self._lines.pop(model).close()
            else:
                line.rest_unless_in_force()


class _Line:
    """What waits for one shadow version, and what has come of it. One round is under way at most.

    requests, rows, n_bytes: that wait, or are in the round.
    """

    def __init__(
        self,
        slot: Slot,
        tally: Tally,
        in_force: Callable[[], bool],
        worker: _Worker,
        log: EventLog,
    ) -> None:
        self.slot, self.tally = slot, tally
        self.requests = self.rows = self.n_bytes = 0
        self._in_force = in_force
        self._worker = worker
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Waiting] = deque()
        self._is_busy = self._is_closed = False
        self._logged_s = -_LOG_EVERY_S

    def offer(self, time_s: float, mirror: Mirror) -> None:
        """Take a request that was answered at ``time_s``, unless too much waits."""
        rows = mirror.rows.n_rows
        full = self.requests >= MAX_WAITING_REQUESTS or self.rows + rows > MAX_WAITING_ROWS
        n_bytes = 0 if full and self.requests else _bytes_of(mirror.rows)
        if (full or self.n_bytes + n_bytes > MAX_WAITING_BYTES) and self.requests:
            self.tally.dropped += 1
            return
        self._waiting.append(Waiting(time_s, mirror, n_bytes))
        self.requests += 1
        self.rows += rows
        self.n_bytes += n_bytes
        if not self._is_busy:
            self._is_busy = True
            self._loop.call_later(_GATHER_S, self._begin)

    def close(self) -> None:
        """Drop what waits, and end the thread after the call that it may be in."""
        self._is_closed = True
        self._drop()
        self._worker.close()

    def rest_unless_in_force(self) -> None:
        """Drop what waits, and end the thread, where the shadow is none any more; keep counts."""
        if not self._in_force():
            self._drop()
            self._worker.close()

    def _begin(self) -> None:
        self.rest_unless_in_force()
        if not self._waiting:
            self._is_busy = False
            return
        handle, waiting = self.slot.acquire(), self._waiting
        self._waiting = deque()

        def end(done: Round) -> None:
            with suppress(RuntimeError):  # The loop is closed: the process is on its way out.
                self._loop.call_soon_threadsafe(self._end, handle, done)

        n, last = len(waiting), waiting[-1]
        try:
            self._worker.put((handle.servable, waiting, end))
        except Exception as error:  # noqa: BLE001 - no thread to be had; the version must be let go
            self._end(handle, Round.failed(Tally(0), n, last, error))

    def _end(self, handle: Handle, done: Round) -> None:
        handle.release()
        self.tally.add(done.tally)
        self._log_failure(done.tally)
        self._waiting.extendleft(reversed(done.left))
        self.requests = len(self._waiting)
        self.rows = sum(each.mirror.rows.n_rows for each in self._waiting)
        self.n_bytes = sum(each.n_bytes for each in self._waiting)
        if self._is_closed:
            self._drop()
        else:
            self._loop.call_later(max(_GATHER_S, done.rest_s), self._begin)

    def _drop(self) -> None:
        self.tally.dropped += len(self._waiting)
        self.requests -= len(self._waiting)
        self.rows -= sum(each.mirror.rows.n_rows for each in self._waiting)
        self.n_bytes -= sum(each.n_bytes for each in self._waiting)
        self._waiting.clear()

    def _log_failure(self, tally: Tally) -> None:
        failure, now_s = tally.last_failure, self._loop.time()
        if failure is None or now_s - self._logged_s < _LOG_EVERY_S:
            return
        self._logged_s = now_s
        self._log.warning(
            "shadow_failed",
            request_id=failure.request_id,
            model=self.slot.model,
            version=self.slot.version,
            exception=failure.detail,
        )


class _Worker:
    """One daemon thread, started by its first job, and by the first one after ``close``."""

    def __init__(self, calls: ShadowCalls) -> None:
        self._calls = calls
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def put(self, job: _Job) -> None:
        """Do a job after those that were put before."""
        if self._thread is None:
            thread = threading.Thread(target=self._run, name=SHADOW_THREAD, daemon=True)
            thread.start()
            self._thread = thread  # Only now: where none could be started, the next job tries.
        self._jobs.put(job)

    def close(self) -> None:
        """End the thread when its job has ended."""
        if self._thread is not None:
            self._thread = None
            self._jobs.put(None)

    def _run(self) -> None:
        quiet_numpy()
        yield_cores()
        while (job := self._jobs.get()) is not None:
            servable, waiting, end = job
            end(self._calls.round(servable, waiting))
            del job, servable, waiting, end


def _bytes_of(rows: Rows) -> int:
    """Return about how much memory rows take; a text that is there twice counts twice."""
    if rows.matrix is not None:
        return rows.matrix.nbytes
    columns = rows.columns or ()
    texts = (each for each in columns if each.dtype.hasobject)
    return sum(each.nbytes for each in columns) + sum(
        sum(map(sys.getsizeof, each.tolist())) for each in texts
    )
