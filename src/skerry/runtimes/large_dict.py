"""Growing a dict of many entries without holding the GIL for its whole resize.

CPython moves every entry of a dict at once when it grows: 40 to 125 ms at 700,000 entries, most
of it page faults. Here the larger table comes first, empty, and the entries follow one by one.
Where an interpreter sizes dicts differently, nothing is gained and nothing breaks.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

_FIRST_LOG2 = 17
MANY_ENTRIES = (2 << _FIRST_LOG2) // 3
"""Entries of the first table whose growth takes milliseconds."""


class _OnRelease:
    """A value that calls back when nothing refers to it any more."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback = callback

    def __del__(self) -> None:
        self._callback()


def set_items(target: dict[Any, Any], items: Sequence[Any]) -> dict[Any, Any]:
    """Put keys and values, in turns, into ``target``; return the dict that holds all of them now.

    The caller must be ``target``'s only owner: what comes back may be another dict.
    """
    limit = _limit_above(len(target))
    for i in range(0, len(items), 2):
        if len(target) == limit and items[i] not in target:
            target = _moved_to_larger(target)
            limit = _limit_above(limit + 1)
        target[items[i]] = items[i + 1]
    return target


def drain(target: dict[Any, Any]) -> None:
    """Empty a dict entry by entry, so that other threads get their turns between."""
    while target:
        target.popitem()


def _limit_above(n_entries: int) -> int:
    """Return how many entries fit the table that holds ``n_entries``: two thirds of 2^k."""
    log2 = _FIRST_LOG2
    while (limit := (2 << log2) // 3) < n_entries:
        log2 += 1
    return limit


def _moved_to_larger(small: dict[Any, Any]) -> dict[Any, Any]:
    """Return a dict of the same entries in the same order with room for twice as many.

    ``update`` makes room for all entries before it copies the first, and stops when the source
    changes meanwhile, which replacing the first value does here.
    """
    first = next(iter(small))
    taken: list[tuple[Any, Any]] = []
    larger = {first: _OnRelease(lambda: taken.append(small.popitem()))}
    _touch_memory(2 * sys.getsizeof(small))
    with suppress(RuntimeError):
        larger.update(small)
    if sys.getsizeof(larger) <= sys.getsizeof(small):
        small.update(taken)
        return small
    for key, value in small.items():
        larger[key] = value  # noqa: PERF403 - update would hold the GIL for all entries
    larger.update(taken)
    drain(small)
    return larger


def _touch_memory(n_bytes: int) -> None:
    """Have the kernel find that much memory while the GIL is free: numpy fills without it.

    Fresh pages cost more than all the rest. glibc keeps what is freed, up to 32 MiB, from the
    second time on; above, the kernel at least has the pages at hand.
    """
    for _ in range(2):
        np.empty(n_bytes, dtype=np.uint8).fill(0)
