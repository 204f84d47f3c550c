"""How soon a busy thread hands the interpreter over to one that waits, such as the event loop's.

A thread that waits asks for the interpreter after the switch interval has passed. Whenever it is
released before, even for microseconds, the thread starts to wait anew.
"""

from __future__ import annotations

import ctypes
import platform
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# A prediction in Python code gives the interpreter back this often. With the default of 5 ms and
# as many busy threads as CPUs, the loop waits for 20 ms and more at each step of a request.
_INTERVAL_S = 0.0005
# A forest releases the interpreter at every tree, for less time than a thread needs to wake up: 700
# trees kept the loop waiting for a whole call of 60 ms (measured). Shorter than a tree, this does
# not; but to switch this often costs more than it gives while the loop itself has work.
_SHORT_INTERVAL_S = 0.00002
_PR_SET_TIMERSLACK = 29
_TIMER_SLACK_NS = 1
# A thread that computes without the interpreter keeps the core until the kernel's next tick, and
# the loop's waits for up to 4 ms, unless its slice is the shorter one. Measured: 5 % of its
# wake-ups took that long, now 0.2 %.
_SLICE_NS = 100_000
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}
_SCHED_ATTR = "=IIQiIQQQ"  # size, policy, flags, nice, priority, runtime, deadline, period
_SCHED_FLAG_RESET_ON_FORK = 1


def share_interpreter() -> None:
    """Set the switch interval, and let the calling thread, the loop's, wake up in time for it.

    Source: prctl(2); Linux wakes a thread up to 50 µs late unless told otherwise.
    """
    sys.setswitchinterval(_INTERVAL_S)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, _TIMER_SLACK_NS, 0, 0, 0)
        _take_short_slices()


def _take_short_slices() -> None:
    """Have the calling thread get a core soon, and not for long at a time; its share is the same.

    Threads that it starts have the usual slices. Where the kernel knows no others (before 6.12), or
    a sandbox forbids them, nothing changes.
    Source: sched_setattr(2); the runtime of an ordinary thread is its slice.
    """
    number = _SCHED_SETATTR.get(platform.machine())
    if number is not None:
        size, flags = struct.calcsize(_SCHED_ATTR), _SCHED_FLAG_RESET_ON_FORK
        attributes = struct.pack(_SCHED_ATTR, size, 0, flags, 0, 0, _SLICE_NS, 0, 0)
        ctypes.CDLL(None).syscall(number, 0, attributes, 0)


@contextmanager
def share_at_every_call() -> Iterator[None]:
    """Shorten the interval for a while. One block at a time: it belongs to the process."""
    sys.setswitchinterval(_SHORT_INTERVAL_S)
    try:
        yield
    finally:
        sys.setswitchinterval(_INTERVAL_S)
