"""For all tests."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """Take up Ctrl-C again where a shell that started this in the background has it ignored.

    Commands under test would inherit that, and nobody could end them by it.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
