"""Which kind of CPU this is: a plan that was measured on another is not believed."""

from __future__ import annotations

import platform
from functools import cache


@cache
def cpu_kind() -> str:
    """Return the CPU's model, e.g. ``AMD EPYC 7B13``, else the architecture."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                name, _, value = line.partition(":")
                if name.strip() == "model name":
                    return value.strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
