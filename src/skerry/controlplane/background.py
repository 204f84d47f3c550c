"""Runs one blocking call of the control plane in a thread of its own.

Daemon threads, and no pool: a call that hangs on a dead volume or in somebody's unpickling must
hold up neither the next call nor the exit of the process.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from skerry.core.errors import as_exception
from skerry.core.frame_space import call_with_frame_space

T = TypeVar("T")


async def call_in_thread(name: str, function: Callable[..., T], *args: Any) -> T:
    """Return what the function returns, or raise what it raises.

    Cancelling abandons the thread: it runs on, and its result is dropped.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: Exception | None) -> None:
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # no error means a result

    def run() -> None:
        result: T | None = None
        error: Exception | None = None
        try:
            result = call_with_frame_space(function, *args)
        except BaseException as caught:  # noqa: BLE001 - handed to the caller
            error = as_exception(caught)
        try:
            loop.call_soon_threadsafe(settle, result, error)
        except RuntimeError:
            return  # The loop is closed: nobody waits any more.

    threading.Thread(target=run, name=f"skerry-{name}", daemon=True).start()
    return await future
