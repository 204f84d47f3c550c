"""Room for a thread's Python frames, mapped once.

CPython keeps frames in chunks of 16 KiB. A call that crosses a border has the kernel map a chunk,
and unmap it at the end: 10 µs each time, 10,000 times in the imports of a start (measured).
Source: ``Python/pystate.c``, ``push_chunk`` and ``_PyThreadState_PopFrame``.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any, TypeVar

T = TypeVar("T")

_WORDS = 1 << 15
"""A frame's size, 256 KiB: its chunk is at least twice that, and what it calls gets the rest."""


def _call(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return function(*args, **kwargs)


# The kernel gives pages of the frame only where something is written: a few frames' worth.
_call_in_large_frame = FunctionType(_call.__code__.replace(co_stacksize=_WORDS), globals())


def call_with_frame_space(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Return what the function returns, or raise what it raises; its calls map no chunk.

    That holds for 256 KiB of frames, some thousand calls deep. Meant for what a thread does from
    its start to its end, or for long: the space is mapped at each call.
    """
    result: T = _call_in_large_frame(function, args, kwargs)
    return result
