"""Gives a drained version's memory back. Blocking, for a thread of the manager."""

from __future__ import annotations

import ctypes
import sys
from functools import cache

from skerry.core.servable import Servable


def release_memory(servable: Servable) -> None:
    """Release the servable, and return free pages to the system.

    glibc keeps what was freed for later use; a server that switches versions for months would
    look as large as the largest moment it had.
    """
    servable.release()
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


@cache
def _malloc_trim() -> ctypes._NamedFuncPointer | None:
    if not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None), "malloc_trim", None)
