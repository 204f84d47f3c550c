"""What happens to predictions while more of them come than can be answered.

Each waits, unparsed, in front of what will answer it: the event loop, or a lane of the executor.
Who would wait too long is refused at once, but only so often that refusing leaves the time to
answer: the others wait on. Probes and everything else that is no prediction never wait.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from typing import NamedTuple, Protocol

from skerry.core.errors import SkerryError
from skerry.dataplane.executor import Executor, Lane
from skerry.dataplane.router import resolve_model
from skerry.http.dialects import dialect_of
from skerry.http.lean_route import LeanRoutes
from skerry.serving.serving_map import ServingMap

# What the loop does in one turn before it looks at its sockets again: a refusal, or a probe's
# answer, is late by this, and libuv accepts one connection a turn. Shorter turns would spend more
# of the time on looking.
_TURN_S = 0.003
# Of a request that a thread answers: its task, and to decode and encode a row.
_TASK_S, _ROW_S = 1e-4, 1e-5
# Who is refused comes back after a second, so that to wait for a part of it is the better deal.
_MAX_WAIT_S = 0.25
# A refusal costs some 60 µs, in the kernel and here, and as much again for each so many bytes that
# had to be read first. So many cost a sixteenth of the CPU time that the process gets. The burst is
# what a turn may spend, and what it may owe after a large one.
_REFUSALS_PER_CPU_S, _REFUSALS_AT_ONCE = 1000.0, 20.0
_REFUSAL_BYTES = 8192
# Requests that wait keep their bytes, a packet each.
_MAX_HELD_BYTES = 64 * 2**20
_LONGEST_TARGET = 1024  # Bytes; no prediction route is that long.


class Verdict(Enum):
    """What is done with a request. HOLD: its bytes are kept, and ``proceed`` is called later."""

    ADMIT = auto()
    HOLD = auto()
    REFUSE = auto()


class Caller(Protocol):
    """A connection whose request may have to wait."""

    def proceed(self) -> None:
        """Take up the request that was held; nothing, where the connection has ended."""


class _Held(NamedTuple):
    caller: Caller
    n_rows: int
    n_bytes: int
    since_s: float


class _Queue:
    """Requests that wait for the same: the loop (lane: None), or a lane of the executor.

    rows: of requests admitted in this turn; rows_before: in the one before. They may be on their
    way to the lane, which does not count them yet.
    """

    __slots__ = ("held", "lane", "rows", "rows_before")

    def __init__(self, lane: Lane | None) -> None:
        self.lane = lane
        self.held: deque[_Held] = deque()
        self.rows = self.rows_before = 0

    def has_room(self, n_rows: int) -> bool:
        """Tell whether so many rows would be taken now, time given."""
        return self.lane is None or self.lane.has_room(n_rows + self.rows + self.rows_before)

    def later_s(self, n_rows: int) -> float:
        """Return about how long the loop is busy with it after this turn, in the task it gets."""
        return 0.0 if self.lane is None else _TASK_S + n_rows * _ROW_S

    def can_go_on(self) -> bool:
        """Tell whether the first that waits has room, or may have once others have arrived."""
        held = self.held
        return bool(held) and (self.lane is None or self.lane.has_room(held[0].n_rows))

    def waits_since(self, now_s: float) -> float:
        """Return for how long the first has waited, which the next will, too."""
        return now_s - self.held[0].since_s if self.held else 0.0


class Admission:
    """Says who is admitted, who waits and who is refused. For the event loop's thread.

    max_batch_rows: in one request; what claims more is refused on the event loop.
    timeout_s: who has waited that long is taken up, and refused where there still is no room.
    look_s: between two looks for such.
    """

    def __init__(
        self,
        lean_routes: LeanRoutes,
        serving_map: ServingMap,
        default_model: str | None,
        executor: Executor,
        *,
        max_batch_rows: int,
        timeout_s: float,
        look_s: float = 1.0,
        clock: Callable[[], float] = time.perf_counter,
        cpu_clock: Callable[[], float] = time.process_time,
    ) -> None:
        self._lean_routes = lean_routes
        self._serving_map = serving_map
        self._default_model = default_model
        self._executor = executor
        self._max_batch_rows = max_batch_rows
        self._timeout_s, self._look_s = timeout_s, look_s
        self._clock, self._cpu_clock = clock, cpu_clock
        self._queues = {lane: _Queue(lane) for lane in (None, *executor.lanes)}
        self._n_held = self._held_bytes = 0
        self._turn_ends_s: float | None = None
        self._looking = False
        self._refusals, self._counted_s = _REFUSALS_AT_ONCE, cpu_clock()
        executor.on_room = self._on_room

    def verdict(self, caller: Caller, packet: bytes, *, just_came: bool = True) -> Verdict:
        """Decide on a request by its first packet; one that is held is queued here.

        just_came: False where it may have waited already, for its connection to be accepted.
        """
        now_s = self._clock()
        turn_ends_s = self._turn_ends_s or self._begin_turn(now_s)
        if not self._n_held and now_s < turn_ends_s and not self._executor.is_crowded:
            return Verdict.ADMIT
        found = self._find(packet)
        if found is None:
            return Verdict.ADMIT
        queue, n_rows = found
        has_room = queue.has_room(n_rows)
        if has_room and not queue.held and now_s < turn_ends_s:
            queue.rows += n_rows
            self._turn_ends_s = turn_ends_s - queue.later_s(n_rows)
            return Verdict.ADMIT
        if self._held_bytes + len(packet) > _MAX_HELD_BYTES:
            return Verdict.REFUSE
        is_late = not has_room or queue.waits_since(now_s) > _MAX_WAIT_S
        if is_late and just_came and self._may_refuse(len(packet)):
            return Verdict.REFUSE
        self._hold(queue, _Held(caller, n_rows, len(packet), now_s))
        return Verdict.HOLD

    def _find(self, packet: bytes) -> tuple[_Queue, int] | None:
        """Return what a prediction has to wait for, and its rows; None for anything else.

        The stable version stands for whichever answers: this is a guess, made in microseconds.
        """
        if not packet.startswith(b"POST "):
            return None
        target = packet[5 : packet.find(b" ", 5, _LONGEST_TARGET)].decode("latin-1")
        found = self._lean_routes.find("POST", target)
        if found is None:
            return None
        route, parameters = found
        try:
            routes = resolve_model(
                self._serving_map.current, parameters.get("model"), self._default_model
            )
        except SkerryError:
            return None
        stable = "" if routes.split is None else routes.split.stable
        slot = routes.slots.get(parameters.get("version") or stable)
        if slot is None:
            return None
        n_rows = dialect_of(route.path).rows_in(packet)
        if n_rows > self._max_batch_rows:
            # No lane will ever see so many rows. In front of one it would keep the others waiting
            # until the lane is empty.
            return self._queues[None], 1
        plan = slot.servable.info.plan
        lane = None if n_rows <= plan.cheap_rows else self._executor.lane(plan, n_rows)
        return self._queues[lane], n_rows

    def _may_refuse(self, n_bytes: int) -> bool:
        cpu_s = self._cpu_clock()
        earned = (cpu_s - self._counted_s) * _REFUSALS_PER_CPU_S
        self._refusals, self._counted_s = min(_REFUSALS_AT_ONCE, self._refusals + earned), cpu_s
        if self._refusals < 1:
            return False
        cost = 1 + n_bytes // _REFUSAL_BYTES
        self._refusals = max(-_REFUSALS_AT_ONCE, self._refusals - cost)
        return True

    def _hold(self, queue: _Queue, held: _Held) -> None:
        queue.held.append(held)
        self._n_held += 1
        self._held_bytes += held.n_bytes
        if not self._looking:
            self._looking = True
            asyncio.get_running_loop().call_later(self._look_s, self._look)

    def _take_first(self, queue: _Queue) -> None:
        held = queue.held.popleft()
        queue.rows += held.n_rows
        self._n_held -= 1
        self._held_bytes -= held.n_bytes
        held.caller.proceed()

    def _begin_turn(self, now_s: float) -> float:
        self._turn_ends_s = now_s + _TURN_S
        asyncio.get_running_loop().call_soon(self._turn)
        return self._turn_ends_s

    def _turn(self) -> None:
        """Between two looks at the sockets: take up what waits and has room, a turn's worth."""
        self._turn_ends_s = None
        able = [queue for queue in self._queues.values() if queue.held]
        for queue in self._queues.values():
            queue.rows, queue.rows_before = 0, queue.rows
        for queue in able:
            ends_s = self._clock() + _TURN_S / len(able)
            while queue.held and queue.has_room(queue.held[0].n_rows) and self._clock() < ends_s:
                ends_s -= queue.later_s(queue.held[0].n_rows)
                self._take_first(queue)
        if any(queue.can_go_on() for queue in able):
            self._begin_turn(self._clock())

    def _on_room(self) -> None:
        if self._n_held and self._turn_ends_s is None:
            self._begin_turn(self._clock())

    def _look(self) -> None:
        """Now and then: take up who has waited too long, though there is no room."""
        now_s = self._clock()
        for queue in self._queues.values():
            while queue.waits_since(now_s) > self._timeout_s:
                self._take_first(queue)
        self._looking = self._n_held > 0
        if self._looking:
            asyncio.get_running_loop().call_later(self._look_s, self._look)
