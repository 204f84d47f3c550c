"""Which core the servers run on, and which the load."""

from __future__ import annotations

import os
import shutil
import sys

SERVER_CORE, LOAD_CORE = 0, 1


def pin_load() -> None:
    """Keep this process, and wrk which it starts, off the servers' core."""
    if not hasattr(os, "sched_setaffinity") or shutil.which("taskset") is None:
        sys.exit("make bench needs Linux with taskset, which keeps servers and load apart")
    if (os.cpu_count() or 1) < 2:
        sys.exit("make bench needs two cores: one for the server, one for the load")
    os.sched_setaffinity(0, {LOAD_CORE})


def on_server_core(command: list[str]) -> list[str]:
    """Return a command that runs on the servers' core."""
    return ["taskset", "--cpu-list", str(SERVER_CORE), *command]
