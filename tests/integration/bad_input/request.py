"""A bad request, what it must be answered with, and how it goes over a socket byte by byte."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.integration.server import ADMIN_TOKEN

API_TOKEN = "api-secret"
JSON = ("Content-Type", "application/json")
ADMIN = ("Authorization", f"Bearer {ADMIN_TOKEN}")
API = ("Authorization", f"Bearer {API_TOKEN}")
ROW = b'{"features": [5.1, 3.5, 1.4, 0.2]}'
BATCH = b'{"features": [[5.1, 3.5, 1.4, 0.2]]}'
PREDICT = "/api/v1/predict"
BATCH_PATH = "/api/v1/predict/batch"
TRAFFIC = "/api/v1/models/iris/traffic"
TIMEOUT_S = 20

Header = tuple[str, str]
Body = bytes | Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Bad:
    """One request and its documented answer.

    slug: of the problem; None where the parser's plain 400 is the answer, as it is not HTTP.
    body: a function where it is too large to keep.
    stream: everything that is sent, in place of method, path, headers and body.
    says: a part of the detail.
    guarded: goes to the server that has an API token and a store that can't be written.
    """

    name: str
    status: int
    slug: str | None
    body: Body = b""
    headers: tuple[Header, ...] = (JSON,)
    method: str = "POST"
    path: str = PREDICT
    says: str = ""
    stream: Callable[[], Iterable[bytes]] | None = None
    guarded: bool = False

    def chunks(self) -> Iterable[bytes]:
        """Return what goes over the socket."""
        if self.stream is not None:
            return self.stream()
        body = self.body() if callable(self.body) else self.body
        return (head(self.method, self.path, *self.headers, length=len(body)), body)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; status 0 where nothing did. seconds: from the first byte sent."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes
    seconds: float

    def problem(self) -> dict[str, Any]:
        """Return the body as JSON."""
        content: dict[str, Any] = json.loads(self.body)
        return content


def head(method: str, path: str, *headers: Header, length: int | None = None) -> bytes:
    """Return request line and headers; Host always, Content-Length where a length is given."""
    lines = [f"{method} {path} HTTP/1.1", "Host: skerry"]
    lines += [f"{name}: {value}" for name, value in headers]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def exchange(url: str, bad: Bad) -> Answer:
    """Send the request on a connection of its own and return the answer.

    The body is still being sent when the answer may come: both go on at the same time.
    """
    address = urlsplit(url)
    assert address.hostname is not None
    chunks = bad.chunks()
    started_s = time.perf_counter()
    with socket.create_connection((address.hostname, address.port or 80), TIMEOUT_S) as connection:
        sender = threading.Thread(target=_send, args=(connection, chunks))
        sender.start()
        response = http.client.HTTPResponse(connection, method=bad.method)
        try:
            response.begin()
            body = response.read()
            seconds = time.perf_counter() - started_s
            return Answer(response.status, response.headers, body, seconds)
        finally:
            response.close()
            with suppress(OSError):  # The server may have hung up.
                connection.shutdown(socket.SHUT_RDWR)
            sender.join()


def _send(connection: socket.socket, chunks: Iterable[bytes]) -> None:
    try:
        for chunk in chunks:
            connection.sendall(chunk)
    except OSError:
        return  # The server has answered and hung up.
