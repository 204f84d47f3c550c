"""How soon a busy thread hands the interpreter over to one that waits, such as the event loop's.

A thread that waits asks for the interpreter after the switch interval has passed. Whenever it is
released before, even for microseconds, the thread starts to wait anew.
"""

from __future__ import annotations

import ctypes
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


def share_interpreter() -> None:
    """Set the switch interval, and let the calling thread, the loop's, wake up in time for it.

    Source: prctl(2); Linux wakes a thread up to 50 µs late unless told otherwise.
    """
    sys.setswitchinterval(_INTERVAL_S)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, _TIMER_SLACK_NS, 0, 0, 0)


@contextmanager
def share_at_every_call() -> Iterator[None]:
    """Shorten the interval for a while. One block at a time: it belongs to the process."""
    sys.setswitchinterval(_SHORT_INTERVAL_S)
    try:
        yield
    finally:
        sys.setswitchinterval(_INTERVAL_S)
