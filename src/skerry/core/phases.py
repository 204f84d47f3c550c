"""The parts of a load, one after the other, noted by whoever begins the next."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple


class Phase(NamedTuple):
    """One part. start_s, end_s: of the clock of ``Phases``."""

    name: str
    start_s: float
    end_s: float


class Phases:
    """Notes the phases of one load. clock: monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._begun: list[tuple[str, float]] = []
        self._ended_s: float | None = None

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Note the phases that this thread begins meanwhile; the last one ends with it."""
        token = _CURRENT.set(self)
        try:
            yield
        finally:
            _CURRENT.reset(token)
            self._ended_s = self._clock()

    def begin(self, name: str) -> None:
        """End the phase before, and begin this one."""
        self._begun.append((name, self._clock()))

    def all(self) -> tuple[Phase, ...]:
        """Return the phases in their order. One that has not ended ends now."""
        begun = list(self._begun)  # A load that was given up may go on meanwhile.
        last_s = self._clock() if self._ended_s is None else self._ended_s
        ends = [*(start_s for _, start_s in begun), last_s][1:]
        return tuple(
            Phase(name, start_s, end_s) for (name, start_s), end_s in zip(begun, ends, strict=True)
        )


def begin_phase(name: str) -> None:
    """Begin a phase of the load that goes on in this thread, if it is noted."""
    phases = _CURRENT.get()
    if phases is not None:
        phases.begin(name)


_CURRENT: ContextVar[Phases | None] = ContextVar("skerry_phases", default=None)
