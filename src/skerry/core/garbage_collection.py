"""Keeps the garbage collector out of what makes many objects that stay: imports, and models."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_MANY_CONTAINERS = 100_000


@contextmanager
def garbage_collection_paused() -> Iterator[None]:
    """Collect nothing in the block; a collector would walk what is half made again and again.

    Of blocks that overlap, the one that found it enabled enables it again.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        # With automatic collection off, the count is the number of containers that were made.
        # So many would take the next full collection a while: it need never look at them.
        if gc.get_count()[0] > _MANY_CONTAINERS:
            gc.freeze()
        if enabled:
            gc.enable()
