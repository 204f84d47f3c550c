"""Catches what one thread warns of, while other threads go on.

``warnings.catch_warnings`` swaps state of the whole process: two that overlap restore each
other's. Here the first to enter changes it, and the last to leave puts it back.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


class _Capture:
    """One for the process, as there is one ``warnings`` module."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._caught: dict[int, list[Warning]] = {}
        self._process_wide: warnings.catch_warnings[None] | None = None

    def enter(self) -> list[Warning]:
        with self._lock:
            if self._process_wide is None:
                self._process_wide = warnings.catch_warnings()
                self._process_wide.__enter__()
                warnings.simplefilter("always")
                warnings.showwarning = self._show  # type: ignore[assignment]  # takes the same arguments
            return self._caught.setdefault(threading.get_ident(), [])

    def leave(self) -> None:
        with self._lock:
            self._caught.pop(threading.get_ident(), None)
            if not self._caught and self._process_wide is not None:
                self._process_wide.__exit__(None, None, None)
                self._process_wide = None

    def _show(self, message: Warning | str, *_: object) -> None:
        caught = self._caught.get(threading.get_ident())
        if caught is not None and isinstance(message, Warning):
            caught.append(message)


_CAPTURE = _Capture()


@contextmanager
def captured_warnings() -> Iterator[list[Warning]]:
    """Collect this thread's warnings in the block; none is shown, whatever the filters say.

    Meanwhile, warnings of threads outside of any such block are dropped.
    """
    caught = _CAPTURE.enter()
    try:
        yield caught
    finally:
        _CAPTURE.leave()
