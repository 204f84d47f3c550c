"""Wakes the manager when something below a directory changes.

Only ever a hint: the manager looks at everything again, and polls slowly whatever comes from
here, because inotify misses what other machines write to a network volume.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import watchfiles

from skerry.controlplane.background import call_in_thread

_STEP_MS = 20
_DEBOUNCE_MS = 200


async def watch(
    directory: Path, wake: Callable[[], None], poll_interval_s: float, *, recursive: bool
) -> None:
    """Call ``wake`` after changes, until cancelled. A directory that is not there is awaited.

    One that was replaced (a volume mounted again) is watched anew within one poll. The file
    system is asked in a thread: a dead network volume must not hold the loop.
    """
    loop = asyncio.get_running_loop()
    stop = threading.Event()

    def follow() -> None:
        while not stop.is_set():
            try:
                _follow_one(directory, stop, notify, poll_interval_s, recursive=recursive)
            except (OSError, RuntimeError):
                # It vanished between the look and the watch, or inotify has no room left.
                stop.wait(poll_interval_s)

    def notify() -> None:
        if not stop.is_set():
            loop.call_soon_threadsafe(wake)

    try:
        await call_in_thread("watch", follow)
    finally:
        stop.set()


def _follow_one(
    directory: Path,
    stop: threading.Event,
    notify: Callable[[], None],
    poll_interval_s: float,
    *,
    recursive: bool,
) -> None:
    """Notify of changes for as long as the directory is the same one."""
    identity = _identity(directory)
    if identity is None:
        stop.wait(poll_interval_s)
        return
    for _ in watchfiles.watch(
        directory,
        watch_filter=None,
        step=_STEP_MS,
        debounce=_DEBOUNCE_MS,
        rust_timeout=int(poll_interval_s * 1000),
        yield_on_timeout=True,
        stop_event=stop,
        raise_interrupt=False,
        recursive=recursive,
        ignore_permission_denied=True,
    ):
        notify()
        if _identity(directory) != identity:
            return


def _identity(directory: Path) -> tuple[int, int] | None:
    try:
        facts = directory.stat()
    except OSError:
        return None
    return facts.st_dev, facts.st_ino
