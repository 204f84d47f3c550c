"""Sleeps on an event loop to some microseconds, without taking a core for it.

Loops keep their timers by the millisecond. To pass the last one in turns of the loop is exact, but
takes a whole core: where cores are shared, as of a virtual machine, from the server that is asked.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import time
from typing import Self

_TIMER_S = 0.002
_TFD_TIMER_ABSTIME = 1


class _TimeSpec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _TimerSpec(ctypes.Structure):
    _fields_ = (("interval", _TimeSpec), ("value", _TimeSpec))


class PreciseSleep:
    """A timer of the running loop, for one task: Linux's timerfd(2); elsewhere, turns of the loop.

    ``os.timerfd_create`` is in Python from 3.13 on.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._file: int | None = None
        self._awaited: asyncio.Future[None] | None = None

    def __enter__(self) -> Self:
        """Make the timer."""
        if hasattr(self._libc, "timerfd_create"):
            # Its flags are those of files. Source: timerfd_create(2).
            file = self._libc.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
            if file >= 0:
                self._file = file
                self._loop.add_reader(file, self._expired)
        return self

    def __exit__(self, *_: object) -> None:
        """Give the timer back."""
        if self._file is not None:
            self._loop.remove_reader(self._file)
            os.close(self._file)
            self._file = None

    async def until(self, time_s: float) -> None:
        """Return at a time of ``time.monotonic``, or somewhat before it where there is no timer.

        Other tasks have their turn in any case.
        """
        left_s = time_s - time.monotonic()
        if self._file is None or left_s <= 0:
            await asyncio.sleep(max(0.0, left_s - _TIMER_S))
            return
        seconds, nanoseconds = divmod(int(time_s * 1e9), 1_000_000_000)
        spec = _TimerSpec(_TimeSpec(0, 0), _TimeSpec(seconds, nanoseconds))
        self._awaited = self._loop.create_future()
        if self._libc.timerfd_settime(self._file, _TFD_TIMER_ABSTIME, ctypes.byref(spec), None):
            raise OSError(ctypes.get_errno(), "timerfd_settime failed")
        await self._awaited

    def _expired(self) -> None:
        assert self._file is not None  # noqa: S101 - it is read
        try:
            os.read(self._file, 8)
        except BlockingIOError:
            return  # It was set anew in between.
        if self._awaited is not None and not self._awaited.done():
            self._awaited.set_result(None)
