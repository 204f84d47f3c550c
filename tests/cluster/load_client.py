"""Sends predictions at an even rate from inside the cluster, and tells of each that failed.

It runs in a pod, from a ConfigMap, with the standard library only. Every other request opens a
connection of its own; the rest go in turns over a few kept ones. Both kinds of callers exist, and
a pod that ends loses them in different ways. A request is sent once: nothing is tried again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

KEPT_CONNECTIONS = 8
SHOWN_FAILURES = 20
TIMEOUT_S = 20.0

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Caller:
    """Asks one URL, and counts statuses, versions, generations and failures."""

    def __init__(self, url: str, body: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        content = body.encode()
        self._head = (
            f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
        ).encode()
        self._content = content
        self._kept: asyncio.Queue[Streams | None] = asyncio.Queue()
        for _ in range(KEPT_CONNECTIONS):
            self._kept.put_nowait(None)
        self.statuses: Counter[str] = Counter()
        self.versions: Counter[str] = Counter()
        self.tracks: Counter[str] = Counter()
        self.generations: Counter[str] = Counter()
        self.failures: list[dict[str, object]] = []
        self.slowest_s = 0.0

    async def ask(self, *, alone: bool) -> None:
        """Send one request over a connection of its own, or over a kept one."""
        began_s = time.monotonic()
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await (self._ask_alone() if alone else self._ask_kept())
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            kind = "own connection" if alone else "kept connection"
            self._fail(began_s, f"{kind}: {error!r}")
        self.slowest_s = max(self.slowest_s, time.monotonic() - began_s)

    async def _ask_alone(self) -> None:
        streams = await asyncio.open_connection(self._host, self._port)
        try:
            await self._exchange(streams, b"Connection: close\r\n")
        finally:
            streams[1].close()

    async def _ask_kept(self) -> None:
        streams, goes_on = await self._kept.get(), False
        try:
            # As any client with a pool: a connection that the server has closed is not used.
            if streams is None or streams[0].at_eof():
                streams = await asyncio.open_connection(self._host, self._port)
            goes_on = await self._exchange(streams, b"")
        finally:
            if streams is not None and not goes_on:
                streams[1].close()
            self._kept.put_nowait(streams if goes_on else None)

    async def _exchange(self, streams: Streams, more: bytes) -> bool:
        """Send the request and read the answer; tell whether the connection may be kept."""
        reader, writer = streams
        began_s = time.monotonic()
        writer.write(self._head + more + b"\r\n" + self._content)
        await writer.drain()
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
        body = await reader.readexactly(int(fields["content-length"]))
        status = lines[0].split()[1]
        self.statuses[status] += 1
        if status == "200":
            self.versions[fields["x-model-version"]] += 1
            self.tracks[fields["x-model-track"]] += 1
            self.generations[fields["x-traffic-generation"]] += 1
        else:
            self._fail(began_s, f"{status}: {body.decode()[:300]}")
        return fields.get("connection") != "close"

    def _fail(self, began_s: float, what: str) -> None:
        after_s = time.monotonic() - began_s
        self.failures.append(
            {"at": round(time.time(), 3), "after_s": round(after_s, 3), "what": what}
        )


async def run(caller: Caller, rate: float, stop: Path, max_seconds: float) -> dict[str, object]:
    """Ask until the stop file is there, and return what came of it."""
    began_s, sent = time.monotonic(), 0
    async with asyncio.TaskGroup() as tasks:
        while time.monotonic() - began_s < max_seconds and not (
            stop.exists()  # noqa: ASYNC240 - a look at a file in memory, and nobody else waits
        ):
            tasks.create_task(caller.ask(alone=sent % 2 == 0))
            sent += 1
            await asyncio.sleep(max(0.0, began_s + sent / rate - time.monotonic()))
    return {
        "sent": sent,
        "seconds": round(time.monotonic() - began_s, 1),
        "statuses": dict(caller.statuses),
        "versions": dict(caller.versions),
        "tracks": dict(caller.tracks),
        "generations": dict(caller.generations),
        "failed": len(caller.failures),
        "failures": caller.failures[:SHOWN_FAILURES],
        "slowest_s": round(caller.slowest_s, 3),
    }


def main() -> None:
    """Read the arguments, ask, and print the result as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--body", default='{"features": [5.1, 3.5, 1.4, 0.2]}')
    parser.add_argument("--rate", type=float, default=50.0, help="requests a second")
    parser.add_argument("--stop", type=Path, required=True, help="file whose appearance ends it")
    parser.add_argument("--max-seconds", type=float, default=600.0)
    given = parser.parse_args()
    caller = Caller(given.url, given.body)
    json.dump(asyncio.run(run(caller, given.rate, given.stop, given.max_seconds)), sys.stdout)


if __name__ == "__main__":
    main()
