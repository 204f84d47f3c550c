"""The ``skerry`` command, also as ``python -m skerry``."""

from __future__ import annotations

import os
import sys
import threading

_IDLE_THREAD_S = 0.1
"""What a thread without work needs to notice that its pool was closed."""


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        from skerry.cli import skerry
        from skerry.core.frame_space import call_with_frame_space
    except KeyboardInterrupt:
        sys.exit(130)
    try:
        call_with_frame_space(skerry.main, prog_name="skerry")
    finally:
        _leave_predictions_behind(sys.exc_info()[1])


def _leave_predictions_behind(ending: BaseException | None) -> None:
    """Exit at once where a prediction still runs, for which the interpreter would wait."""
    from skerry.dataplane.threads import PREDICT_THREAD

    busy = [t for t in threading.enumerate() if t.name.startswith(PREDICT_THREAD)]
    for thread in busy:
        thread.join(_IDLE_THREAD_S)
    if isinstance(ending, SystemExit) and any(thread.is_alive() for thread in busy):
        os._exit(ending.code if isinstance(ending.code, int) else 1)


if __name__ == "__main__":
    main()
