"""Measures how long a server's event loop keeps a caller waiting.

The caller is a process of its own, this file: pauses of the tests' process would count as the
server's.
"""

from __future__ import annotations

import json
import subprocess
import sys
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
    """Ask over one kept connection all the while; at the end, give the seconds of each answer."""
    command = [sys.executable, __file__, url, path, *([] if body is None else [body.decode()])]
    times: list[float] = []
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield times
        output, _ = process.communicate(timeout=60)
    found = json.loads(output)
    assert [] == found["failures"]
    assert len(found["times"]) > 10
    times += found["times"]


def summary(times: list[float]) -> str:
    """Return count, median and maximum in milliseconds, for the test's output."""
    ordered = sorted(times)
    middle, last = ordered[len(ordered) // 2], ordered[-1]
    return f"{len(times)} answers, median {middle * 1000:.1f} ms, maximum {last * 1000:.1f} ms"


def _ask(url: str, path: str, body: str | None) -> None:
    """Ask until standard input ends, then print what was measured."""
    told_to_stop = threading.Event()

    def wait_for_the_end() -> None:
        sys.stdin.read()
        told_to_stop.set()

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    method = "GET" if body is None else "POST"
    headers = {} if body is None else {"content-type": "application/json"}
    connection = HTTPConnection(urlsplit(url).netloc, timeout=30)
    times: list[float] = []
    failures: list[str] = []
    while not told_to_stop.is_set():
        started_s = time.perf_counter()
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        times.append(time.perf_counter() - started_s)
        if answer.status != 200:
            failures.append(f"{answer.status} {content.decode()}")
        time.sleep(_PAUSE_S)
    connection.close()
    sys.stdout.write(json.dumps({"times": times, "failures": failures}))


if __name__ == "__main__":
    _ask(sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None)
