"""Measures how long a server's event loop keeps a caller waiting."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

_PAUSE_S = 0.01


@contextmanager
def waiting_times(
    url: str, path: str = "/livez", body: bytes | None = None
) -> Iterator[list[float]]:
    """Ask over one kept connection all the while; give the seconds that each answer took."""
    parts = urlsplit(url)
    head = f"{'GET' if body is None else 'POST'} {path} HTTP/1.1\r\nhost: {parts.netloc}\r\n"
    if body is not None:
        head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
    request = head.encode() + b"\r\n" + (body or b"")
    times: list[float] = []
    failures: list[str] = []
    stop = threading.Event()

    def ask() -> None:
        with socket.create_connection((parts.hostname, parts.port), timeout=30) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while not stop.is_set():
                started_s = time.perf_counter()
                connection.sendall(request)
                answer = connection.recv(65536)
                times.append(time.perf_counter() - started_s)
                if not answer.startswith(b"HTTP/1.1 200"):
                    failures.append(answer.decode())
                time.sleep(_PAUSE_S)

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
