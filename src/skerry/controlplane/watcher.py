"""Wakes the manager when something below the volume or beside the traffic file changes.

Only ever a hint: the manager looks at everything again, and polls slowly whatever comes from
here, because inotify misses what other machines write to a network volume.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

from watchfiles import awatch

_STEP_MS = 20
_DEBOUNCE_MS = 200


async def watch(paths: Iterable[Path], wake: Callable[[], None], poll_interval_s: float) -> None:
    """Call ``wake`` after changes, until cancelled. A path that is not there yet is awaited.

    A directory that was replaced (a volume mounted again) is watched anew within one poll.
    """
    wanted = sorted(set(paths))
    while True:
        identity = _identities(wanted)
        present = [path for path, found in identity.items() if found is not None]
        try:
            if not present:
                await asyncio.sleep(poll_interval_s)
                wake()
                continue
            async for _ in awatch(
                *present,
                watch_filter=None,
                step=_STEP_MS,
                debounce=_DEBOUNCE_MS,
                rust_timeout=int(poll_interval_s * 1000),
                yield_on_timeout=True,
                ignore_permission_denied=True,
            ):
                wake()
                if _identities(wanted) != identity:
                    break
        except OSError:
            # A directory vanished between the look and the watch, or inotify has no room left.
            await asyncio.sleep(poll_interval_s)


def _identities(paths: Iterable[Path]) -> dict[Path, tuple[int, int] | None]:
    found: dict[Path, tuple[int, int] | None] = {}
    for path in paths:
        try:
            facts = path.stat()
        except OSError:
            found[path] = None
        else:
            found[path] = (facts.st_dev, facts.st_ino)
    return found
