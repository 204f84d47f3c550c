"""How the event loop's thread shares a core with threads that compute."""

from __future__ import annotations

import ctypes
import platform
import struct
import subprocess
import sys

import pytest

# In a process of its own: what is set stays set.
_SLICES = """
import ctypes, struct, threading
from skerry.controlplane.handover import share_interpreter

def slice_ns():
    attributes = ctypes.create_string_buffer(48)
    assert ctypes.CDLL(None).syscall(%d, 0, attributes, 48, 0) == 0
    return struct.unpack("=IIQiIQQQ", attributes.raw)[5]

found = [slice_ns()]
share_interpreter()
found.append(slice_ns())
thread = threading.Thread(target=lambda: found.append(slice_ns()))
thread.start()
thread.join()
print(*found)
"""
_SCHED_GETATTR = {"x86_64": 315, "aarch64": 275}


def test_the_loops_slice_is_short_and_that_of_its_threads_is_not() -> None:
    number = _SCHED_GETATTR.get(platform.machine()) if sys.platform == "linux" else None
    if number is None:
        pytest.skip("slices can be set on Linux, on x86-64 and arm64")
    attributes = ctypes.create_string_buffer(48)
    ctypes.CDLL(None).syscall(number, 0, attributes, 48, 0)
    if not struct.unpack("=IIQiIQQQ", attributes.raw)[5]:
        pytest.skip("this kernel knows no slices (before 6.12)")

    run = [sys.executable, "-c", _SLICES % number]
    shown = subprocess.run(run, check=True, capture_output=True, text=True).stdout

    before_ns, loop_ns, thread_ns = map(int, shown.split())
    assert (100_000, before_ns) == (loop_ns, thread_ns)
