"""A caller on one kept connection that asks for one row, with headers of its choice.

Written on a plain socket: tests of shares ask tens of thousands of times, and a client library
costs ten times what the server does.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import urlsplit


class Caller:
    """One connection to a server."""

    def __init__(self, url: str, row: list[Any], path: str = "/api/v1/predict") -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        self._socket = socket.create_connection((parts.hostname, parts.port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._body = json.dumps({"features": row}).encode()
        self._head = (
            f"POST {path} HTTP/1.1\r\nhost: {parts.netloc}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(self._body)}\r\n"
        ).encode()

    def __enter__(self) -> Self:
        """Return the caller; leaving closes its connection."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self._socket.close()

    def ask(self, headers: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the headers of the answer, which must be 200, by lower-case name."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        self._socket.sendall(self._head + lines.encode() + b"\r\n" + self._body)
        received = b""
        while True:
            received += self._socket.recv(65536)
            head, end, body = received.partition(b"\r\n\r\n")
            if not end:
                continue
            status, *fields = head.decode().split("\r\n")
            found = dict(field.split(": ", 1) for field in fields)
            while len(body) < int(found["content-length"]):
                body += self._socket.recv(65536)
            assert "HTTP/1.1 200 OK" == status, (status, body)
            return found

    def who(self, headers: Mapping[str, str] | None = None) -> tuple[str, str]:
        """Return the version that answered, and its track."""
        answer = self.ask(headers)
        return answer["x-model-version"], answer["x-model-track"]
