"""Measures how long a server's event loop keeps a caller waiting."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from urllib.parse import urlsplit

_PAUSE_S = 0.01


@contextmanager
def waiting_times(
    url: str, path: str = "/livez", body: bytes | None = None
) -> Iterator[list[float]]:
    """Ask over one kept connection all the while; give the seconds that each answer took."""
    method, headers = (
        ("GET", {}) if body is None else ("POST", {"content-type": "application/json"})
    )
    times: list[float] = []
    failures: list[str] = []
    stop = threading.Event()

    def ask() -> None:
        connection = HTTPConnection(urlsplit(url).netloc, timeout=30)
        while not stop.is_set():
            started_s = time.perf_counter()
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            times.append(time.perf_counter() - started_s)
            if answer.status != 200:
                failures.append(f"{answer.status} {content.decode()}")
            time.sleep(_PAUSE_S)
        connection.close()

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield times
    finally:
        stop.set()
        thread.join(60)
    assert [] == failures
    assert len(times) > 10


def summary(times: list[float]) -> str:
    """Return count, median and maximum in milliseconds, for the test's output."""
    ordered = sorted(times)
    middle, last = ordered[len(ordered) // 2], ordered[-1]
    return f"{len(times)} answers, median {middle * 1000:.1f} ms, maximum {last * 1000:.1f} ms"
