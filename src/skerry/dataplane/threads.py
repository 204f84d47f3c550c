"""Threads that predict: what they are called, how many there are, how numpy behaves in them.

Imports nothing heavy: the command line asks, too.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress

# A third of the weight of others, so that a loop that needs up to three quarters of the core gets
# it at once. Lower, the thread could keep the interpreter, which it holds now and then, for tens of
# milliseconds without a core to run on.
_YIELDING_NICE = 5

PREDICT_THREAD = "skerry-predict"
"""What the names of threads that predict begin with."""


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


def quiet_numpy() -> None:
    """Have numpy say nothing of overflow on this thread; an answer that is no number is ``null``.

    For each thread that predicts, once: what a caller would do for every call costs more than
    some of the calls.
    """
    import numpy as np

    np.seterr(all="ignore")


def yield_cores() -> None:
    """Have the calling thread leave its core to others that want it; for good.

    Where threads have no priority of their own (not on Linux), nothing changes.
    Source: setpriority(2), "C library/kernel differences": on Linux it is the thread's.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        with suppress(OSError):  # A sandbox may forbid it.
            nice = os.getpriority(os.PRIO_PROCESS, thread)
            os.setpriority(os.PRIO_PROCESS, thread, min(19, nice + _YIELDING_NICE))
