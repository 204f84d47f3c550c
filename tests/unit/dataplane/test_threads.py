"""Threads that predict, and those that yield to them."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from skerry.dataplane.threads import yield_cores


def nice() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has priorities of threads")
def test_thread_that_yields_is_nicer_than_the_others() -> None:
    before = nice()

    def yielded() -> int:
        yield_cores()
        return nice()

    with ThreadPoolExecutor(1) as pool:
        assert min(19, before + 5) == pool.submit(yielded).result()
    assert before == nice()
