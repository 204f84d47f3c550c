import resource
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from skerry.core.frame_space import call_with_frame_space

CALLS = 300
CHUNK_DEPTHS = range(250)
"""Deep enough to cross several borders of 16 KiB, with frames of some 100 bytes."""


def leaf(a: int = 0, b: int = 0, c: int = 0, d: int = 0, e: int = 0, f: int = 0) -> object:
    """Take a frame larger than the caller's, so that it crosses each border at some depth."""
    g = h = i = j = k = m = a
    return max(a, b, c, d, e, f, g, h, i, j, k, m)


def faults_at_depth(depth: int) -> int:
    """Return how many pages the kernel gave during calls at this depth."""
    if depth > 0:
        return faults_at_depth(depth - 1)
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
    for _ in range(CALLS):
        leaf()
    return resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before


def most_faults() -> int:
    for depth in CHUNK_DEPTHS:  # what is mapped once, by the first call, does not count
        faults_at_depth(depth)
    return max(faults_at_depth(depth) for depth in CHUNK_DEPTHS)


def in_a_thread(function: Callable[[], int]) -> int:
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(function).result()


@pytest.mark.skipif(sys.platform != "linux", reason="counts the faults of one thread")
def test_a_call_costs_the_same_at_every_depth() -> None:
    assert in_a_thread(most_faults) >= CALLS
    assert in_a_thread(lambda: call_with_frame_space(most_faults)) < CALLS // 10


def test_arguments_and_results_pass() -> None:
    assert call_with_frame_space(dict, [("a", 1)], b=2) == {"a": 1, "b": 2}


def test_errors_pass() -> None:
    with pytest.raises(ZeroDivisionError):
        call_with_frame_space(lambda: 1 // 0)


def test_the_depth_that_is_allowed_stays_the_same() -> None:
    def depth() -> int:
        try:
            return 1 + depth()
        except RecursionError:
            return 0

    assert depth() - 5 <= call_with_frame_space(depth) <= depth()
