"""Sends requests to a server, in a closed or an open loop, and counts what comes back.

It knows bytes and statuses, not models. One event loop, one request in flight on a connection.
Neighbours: ``skerry bench`` makes the requests and shows the counts.
"""

from __future__ import annotations

import asyncio
import gc
import math
import re
import ssl
import time
from array import array
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle
from typing import TYPE_CHECKING, cast

import httptools

from skerry.cli.precise_sleep import PreciseSleep

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOOK_S = 0.1
_RECONNECT_S = 0.1
_CLOSE_S = 1.0
_CONNECT_S = 1.0
_GRACE_S = 1.0
# To wake up takes about so long; the rest passes in turns of the loop.
_EARLY_S = 0.00006
_RETRY_AFTER = re.compile(rb"\r\nretry-after: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go, and their bytes, head and body, which are sent in turns."""

    host: str
    port: int
    requests: tuple[bytes, ...]
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """How requests are sent.

    clients: connections. rate: requests a second that are due (an open loop), None for as many as
    the connections take (a closed loop). timeout_s: for one request, from when it was sent.
    """

    clients: int
    seconds: float
    rate: float | None = None
    timeout_s: float = 30.0


@dataclass(slots=True)
class Counts:
    """What came back.

    latencies_s: by status, from when the request was due to the last byte of its answer; from when
        it was sent, where it was sent late though a connection was free.
    late_s: by how much those were late that found a free connection. It is this program's own
        doing, or its machine's: where it is large, so is the doubt about the latencies.
    refused_s: of the answers 429, from when the request was sent: a caller whose connections are
        all busy can't send what is due.
    failures: requests that got no whole answer, by reason. unsent: were due, and never sent.
    retry_after_s: seconds that the answers 429 named. elapsed_s: to the last answer.
    """

    latencies_s: dict[int, array[float]] = field(default_factory=dict)
    late_s: array[float] = field(default_factory=lambda: array("d"))
    refused_s: array[float] = field(default_factory=lambda: array("d"))
    failures: Counter[str] = field(default_factory=Counter)
    retry_after_s: Counter[int] = field(default_factory=Counter)
    unsent: int = 0
    elapsed_s: float = 0.0

    @property
    def good_s(self) -> list[float]:
        """Latencies of the answers 2xx, in ascending order."""
        return sorted(
            latency_s
            for status, latencies_s in self.latencies_s.items()
            if 200 <= status < 300
            for latency_s in latencies_s
        )

    @property
    def n_answers(self) -> int:
        """Answers of any status."""
        return sum(map(len, self.latencies_s.values()))


def quantile(ascending: list[float], share: float) -> float:
    """Return the smallest value that at least that share of the values do not exceed; 0 of none."""
    if not ascending:
        return 0.0
    return ascending[max(0, math.ceil(share * len(ascending)) - 1)]


class LoadGenerator:
    """Runs one plan against one target; ``counts`` may be read at any time, also after a cancel."""

    def __init__(
        self, target: Target, plan: Plan, *, on_look: Callable[[float], None] | None = None
    ) -> None:
        self.counts = Counts()
        self._target = target
        self._plan = plan
        self._on_look = on_look
        self._requests: Iterator[bytes] = cycle(target.requests)
        self._due_s: deque[float] = deque()
        self._idle: list[_Connection] = []
        self._all_idle = asyncio.Event()
        self._busy: set[_Connection] = set()
        self._began_s = self._ends_s = 0.0

    async def run(self) -> Counts:
        """Send for the plan's seconds, wait for the last answers, and return the counts.

        on_look: called about ten times a second with the seconds since the start.
        """
        # A look of the collector at what else the program holds would be late requests.
        gc.collect()
        gc.freeze()
        try:
            return await self._run()
        finally:
            gc.unfreeze()

    async def _run(self) -> Counts:
        self._begin()
        if self._plan.rate is not None:
            self._ends_s = math.inf  # until its connections are open
        async with asyncio.TaskGroup() as tasks:
            kept = [tasks.create_task(self._keep_connected()) for _ in range(self._plan.clients)]
            pacing = [] if self._plan.rate is None else [tasks.create_task(self._pace())]
            await self._watch(pacing)
            for task in [*kept, *pacing]:
                task.cancel()
        self.counts.unsent += len(self._due_s)
        self.counts.elapsed_s = max(self.counts.elapsed_s, self._plan.seconds)
        return self.counts

    def _begin(self) -> None:
        self._began_s = time.monotonic()
        self._ends_s = self._began_s + self._plan.seconds

    def is_free(self, connection: _Connection) -> None:
        """Give a connection its next request, or let it wait for one."""
        now_s = time.monotonic()
        if self._plan.rate is None:
            if now_s < self._ends_s:
                self._send(connection, now_s)
        elif self._due_s and now_s < self._ends_s + _GRACE_S:
            self._send(connection, self._due_s.popleft())
        else:
            self._idle.append(connection)
            if len(self._idle) == self._plan.clients:
                self._all_idle.set()

    def is_answered(self, connection: _Connection, status: int, head: bytes) -> None:
        """Count an answer."""
        now_s = time.monotonic()
        self._busy.discard(connection)
        latencies_s = self.counts.latencies_s.setdefault(status, array("d"))
        latencies_s.append(now_s - connection.due_s)
        self.counts.elapsed_s = now_s - self._began_s
        if status == 429:
            self.counts.refused_s.append(now_s - connection.asked_s)
            if named := _RETRY_AFTER.search(head):
                self.counts.retry_after_s[int(named[1])] += 1

    def is_lost(self, connection: _Connection, reason: str) -> None:
        """Count a request that the connection took along."""
        if connection in self._busy:
            self._busy.discard(connection)
            self.counts.failures[reason] += 1
        with suppress(ValueError):
            self._idle.remove(connection)

    def _send(self, connection: _Connection, due_s: float) -> None:
        self._busy.add(connection)
        connection.ask(next(self._requests), due_s)

    async def _keep_connected(self) -> None:
        """Hold one connection open, and open another when it ends."""
        loop, target = asyncio.get_running_loop(), self._target
        while time.monotonic() < self._ends_s:
            try:
                async with asyncio.timeout(self._plan.timeout_s):
                    _, connection = await loop.create_connection(
                        lambda: _Connection(self), target.host, target.port, ssl=target.tls
                    )
            except (OSError, TimeoutError):
                self.counts.failures["no connection"] += 1
                await asyncio.sleep(_RECONNECT_S)
                continue
            try:
                await connection.ended.wait()
            finally:
                connection.close("ended")
                # abort() ends it at the loop's next turn, which is late where CPUs are busy.
                with suppress(TimeoutError):
                    async with asyncio.timeout(_CLOSE_S):
                        await connection.ended.wait()

    async def _pace(self) -> None:
        """Make requests due at even intervals, and send those that find a free connection."""
        assert self._plan.rate is not None  # noqa: S101 - nobody starts it otherwise
        rate = self._plan.rate
        await self._await_connections()
        with PreciseSleep() as sleep:
            for made in range(math.ceil(rate * self._plan.seconds)):
                due_s = self._began_s + made / rate
                while (now_s := time.monotonic()) < due_s:
                    await sleep.until(due_s - _EARLY_S)
                if self._idle:
                    self.counts.late_s.append(now_s - due_s)
                    self._send(self._idle.pop(), now_s)
                else:
                    self._due_s.append(due_s)

    async def _await_connections(self) -> None:
        """Begin with all connections open: to open them takes time that no answer takes."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_CONNECT_S):
                await self._all_idle.wait()
        self._begin()

    async def _watch(self, pacing: Sequence[asyncio.Task[None]]) -> None:
        """Return when the time is over and the last answer, or its timeout, has come."""
        while True:
            now_s = time.monotonic()
            late = [c for c in self._busy if now_s - c.asked_s > self._plan.timeout_s]
            for connection in late:
                connection.close("timed out")
            if self._on_look is not None and self._ends_s < math.inf:
                self._on_look(now_s - self._began_s)
            if now_s >= self._ends_s and not self._busy and all(task.done() for task in pacing):
                return
            left_s = self._ends_s - now_s
            await asyncio.sleep(min(_LOOK_S, left_s) if left_s > 0 else _LOOK_S / 10)


class _Connection(asyncio.Protocol):
    """One kept connection. due_s, asked_s: monotonic, of the request in flight."""

    def __init__(self, generator: LoadGenerator) -> None:
        self.due_s = self.asked_s = 0.0
        self.ended = asyncio.Event()
        self._generator = generator
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._head = b""
        self._reason = "connection lost"

    def ask(self, request: bytes, due_s: float) -> None:
        """Send a request; exactly one answer, or the connection's end, follows."""
        assert self._transport is not None  # noqa: S101 - it was connected before it was free
        self.due_s, self.asked_s, self._head = due_s, time.monotonic(), b""
        self._transport.write(request)

    def close(self, reason: str) -> None:
        """Drop the connection, and the request in flight for that reason."""
        self._reason = reason
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start with the first request."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own is no subclass
        self._generator.is_free(self)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        self._head = self._head or data
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.close("no HTTP")

    def on_message_complete(self) -> None:
        """Count the answer, and send the next request unless the server closes."""
        self._generator.is_answered(self, self._parser.get_status_code(), self._head)
        if self._parser.should_keep_alive():
            self._generator.is_free(self)
        else:
            self.close("closed")

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell that it is gone."""
        del exc
        self._generator.is_lost(self, self._reason)
        self.ended.set()
