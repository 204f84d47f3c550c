"""Keep-alive clients over real sockets that notice every request that gets no whole answer."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit


@dataclass
class Answer:
    """One answer. asked_s, answered_s: monotonic."""

    status: int
    headers: dict[str, str]
    body: dict[str, Any]
    asked_s: float
    answered_s: float


@dataclass
class Tally:
    """What the clients of one load saw.

    lost: requests that were sent and got no whole answer. refused: clients that found nobody.
    """

    answers: list[Answer] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    refused: int = 0


async def ask_without_pause(
    url: str, path: str, body: dict[str, Any], tally: Tally, go_on: Callable[[], bool]
) -> None:
    """Send the same request again and again over kept connections, until told or refused."""
    parts = urlsplit(url)
    content = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nhost: {parts.netloc}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(content)}\r\n\r\n"
    )
    while go_on():
        try:
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        except OSError:
            tally.refused += 1
            return
        try:
            while go_on():
                answer = await _ask(reader, writer, head.encode() + content)
                tally.answers.append(answer)
                if answer.headers.get("connection") == "close":
                    break
        except (OSError, asyncio.IncompleteReadError, ValueError) as error:
            tally.lost.append(repr(error))
        finally:
            writer.close()


async def load(
    url: str, path: str, body: dict[str, Any], *, clients: int, go_on: Callable[[], bool]
) -> Tally:
    """Run that many clients at once and return what they saw."""
    tally = Tally()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(clients):
            tasks.create_task(ask_without_pause(url, path, body, tally, go_on))
    return tally


async def _ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> Answer:
    asked_s = time.monotonic()
    writer.write(request)
    await writer.drain()
    lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    status = int(lines[0].split()[1])
    pairs = (line.split(": ", 1) for line in lines[1:] if line)
    headers = {name.lower(): value for name, value in pairs}
    body = await reader.readexactly(int(headers["content-length"]))
    return Answer(status, headers, json.loads(body), asked_s, time.monotonic())
