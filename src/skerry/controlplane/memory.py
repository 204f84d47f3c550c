"""How much memory a load may take: the cgroup's limit against an estimate from the file."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

from skerry.core.errors import InsufficientMemory

_MIB = 1024 * 1024
_COMPRESSED_FACTOR = 4.0
_PLAIN_FACTOR = 1.2
_MEASURED_FACTOR = 1.1
_M_ARENA_MAX = -8
_V2 = Path("/sys/fs/cgroup")
_V1 = Path("/sys/fs/cgroup/memory")


def estimate_bytes(size_bytes: int, *, compressed: bool, measured_bytes: int) -> int:
    """Return what a load is expected to take.

    measured_bytes: what it took where the version was packaged; 0 where that is not known.
    Without it: arrays dominate fitted models, and they unpickle to their size in the file; text
    and numbers compress to about a quarter.
    """
    if measured_bytes > 0:
        return int(max(measured_bytes, size_bytes if not compressed else 0) * _MEASURED_FACTOR)
    return int(size_bytes * (_COMPRESSED_FACTOR if compressed else _PLAIN_FACTOR))


def limit_bytes() -> int | None:
    """Return the cgroup's memory limit, or None where there is none.

    Source: cgroup-v2 ``memory.max``.
    """
    limit = _number(_V2 / "memory.max") or _number(_V1 / "memory.limit_in_bytes")
    # Version 1 says "no limit" with a number near 2**63.
    return None if limit is None or limit > 1 << 60 else limit


def available_bytes() -> int | None:
    """Return the memory left below the cgroup's limit, or None where there is no limit.

    Page cache that the kernel can take back is not counted as used.
    Source: cgroup-v2 ``memory.current``, ``inactive_file`` of ``memory.stat``.
    """
    limit = limit_bytes()
    used = _number(_V2 / "memory.current") or _number(_V1 / "memory.usage_in_bytes")
    if limit is None or used is None:
        return None
    return limit - used + _reclaimable_bytes()


def check_fits(estimate: int, available: int | None) -> None:
    """Let a load pass that fits.

    Raises:
        InsufficientMemory: it does not fit what is left.
    """
    if available is not None and estimate > available:
        raise InsufficientMemory(
            f"the load needs about {estimate / _MIB:.0f} MiB and {max(available, 0) / _MIB:.0f} MiB"
            " are left below the memory limit: raise the limit, or serve fewer versions"
        )


def use_one_arena() -> None:
    """Have all threads allocate from one arena, so that ``malloc_trim`` gives everything back.

    glibc makes an arena for each thread, and trims the free end of the first one only: loads in
    threads that come and go would leave a model's worth of memory in each. Threads do not wait
    for one another there, for they hold the GIL anyway. Call it before the first thread.
    Source: mallopt(3). Elsewhere than with glibc this does nothing.
    """
    if sys.platform.startswith("linux"):
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_M_ARENA_MAX, 1)


def resident_bytes() -> int:
    """Return the resident memory of this process; 0 where the platform does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * 4096


def _reclaimable_bytes() -> int:
    for path, key in (
        (_V2 / "memory.stat", "inactive_file"),
        (_V1 / "memory.stat", "total_inactive_file"),
    ):
        try:
            lines = path.read_text(encoding="ascii").splitlines()
        except OSError:
            continue
        for line in lines:
            name, _, value = line.partition(" ")
            if name == key:
                return int(value)
    return 0


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
