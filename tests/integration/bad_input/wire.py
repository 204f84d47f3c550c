"""Streams of bytes that are cut off, never end, lie about their length, or are no HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from tests.integration.bad_input.request import (
    ADMIN,
    BATCH,
    BATCH_PATH,
    JSON,
    PREDICT,
    ROW,
    TRAFFIC,
    Bad,
    Header,
    head,
)

Stream = Callable[[], Iterable[bytes]]
CHUNKED: Header = ("Transfer-Encoding", "chunked")
SOON: Header = ("X-Request-Timeout-Seconds", "0.3")
KIB = 1024
_ENDLESS_KIB = 640  # More than the server reads at once.


def _sent(*parts: bytes) -> Stream:
    return lambda: iter(parts)


def _endless(start: bytes, unit: bytes) -> Stream:
    """Send the start, and then more than headers may have, without an end."""

    def parts() -> Iterator[bytes]:
        yield start
        for _ in range(_ENDLESS_KIB):
            yield (unit * KIB)[:KIB]

    return parts


def _chunk(content: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(content), content)


def _large_chunks(size: int) -> Iterator[bytes]:
    yield head("POST", PREDICT, JSON, CHUNKED)
    for _ in range(size // (64 * KIB)):
        yield _chunk(b" " * 64 * KIB)
    yield b"0\r\n\r\n"


def _line(line: bytes, *headers: bytes) -> Stream:
    return _sent(b"\r\n".join([line, b"Host: skerry", *headers, b"", b""]))


_START = head("POST", PREDICT, JSON)[:-2]
_TOO_LARGE = "headers-too-large"

_UNFINISHED: dict[str, Stream] = {
    "chunked-without-end": _sent(head("POST", PREDICT, JSON, SOON, CHUNKED), _chunk(ROW)),
    "chunked-without-body": _sent(head("POST", PREDICT, JSON, SOON, CHUNKED)),
    "chunk-cut-off": _sent(head("POST", PREDICT, JSON, SOON, CHUNKED), b"ff\r\n" + ROW),
    "chunk-size-cut-off": _sent(head("POST", PREDICT, JSON, SOON, CHUNKED), b"f"),
    "trailer-cut-off": _sent(
        head("POST", PREDICT, JSON, SOON, CHUNKED), _chunk(ROW) + b"0\r\nX-Trailer: a"
    ),
    "length-lies-above": _sent(head("POST", PREDICT, JSON, SOON, length=1000), ROW),
    "no-body-at-all": _sent(head("POST", PREDICT, JSON, SOON, length=len(ROW))),
    "expect-and-no-body": _sent(
        head("POST", PREDICT, JSON, SOON, ("Expect", "100-continue"), length=len(ROW))
    ),
    "batch-cut-off": _sent(head("POST", BATCH_PATH, JSON, SOON, length=1000), BATCH),
    "policy-cut-off": _sent(head("PUT", TRAFFIC, JSON, ADMIN, length=1000), b'{"stable": "v1"}'),
}

_TOO_LONG_HEADERS: dict[str, Stream] = {
    "endless-request-line": _endless(b"POST /", b"a"),
    "endless-query": _endless(b"POST /api/v1/predict?", b"a=b&"),
    "endless-method-and-headers": _endless(_START, b"X-Name: value\r\n"),
    "endless-header-value": _endless(_START + b"X-Name: ", b"a"),
    "endless-header-name": _endless(_START, b"a"),
    "endless-trailers": _endless(
        head("POST", PREDICT, JSON, CHUNKED) + _chunk(ROW) + b"0\r\n", b"X-Name: value\r\n"
    ),
    "endless-trailer-value": _endless(
        head("POST", PREDICT, JSON, CHUNKED) + _chunk(ROW) + b"0\r\nX-Name: ", b"a"
    ),
    "endless-chunk-extension": _endless(head("POST", PREDICT, JSON, CHUNKED) + b"5;a=", b"b"),
}

_TOO_LARGE_BODIES: dict[str, Stream] = {
    "length-over-limit": _sent(head("POST", PREDICT, JSON, length=8 * 1024 * KIB + 1)),
    "length-of-many-digits": _sent(head("POST", PREDICT, JSON, length=2**63)),
    "chunks-over-limit": partial(_large_chunks, 9 * 1024 * KIB),
    "expect-over-limit": _sent(
        head("POST", PREDICT, JSON, ("Expect", "100-continue"), length=10**12)
    ),
}

_MALFORMED: dict[str, Stream] = {
    "gzip-as-transfer-encoding": _sent(
        head("POST", PREDICT, JSON, ("Transfer-Encoding", "gzip, chunked")),
        _chunk(b"\x1f\x8b") + b"0\r\n\r\n",
    ),
    "http-1.0-without-length": _line(b"POST /api/v1/predict HTTP/1.0"),
    "no-host": _sent(b"POST /api/v1/predict HTTP/1.1\r\nContent-Length: 1\r\n\r\n{"),
    "absolute-form": _sent(
        b"POST http://skerry/api/v1/predict HTTP/1.1\r\nContent-Length: 1\r\n\r\n{"
    ),
    "upgrade-to-websocket": _line(
        b"POST /api/v1/predict HTTP/1.1", b"Connection: Upgrade", b"Upgrade: websocket"
    ),
}

_NO_HTTP: dict[str, Stream] = {
    "length-lies-below": _sent(head("POST", PREDICT, JSON, length=10) + ROW),
    "length-zero": _sent(head("POST", PREDICT, JSON, length=0) + ROW),
    "body-without-length": _sent(head("POST", PREDICT, JSON) + ROW),
    "garbage": _sent(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 64),
    "http-2-preface": _sent(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "unknown-protocol": _line(b"GET /livez FTP/1.0"),
    "unknown-http-version": _line(b"GET /livez HTTP/7.3"),
    "unknown-method": _line(b"HELLO /livez HTTP/1.1"),
    "lower-case-method": _line(b"get /livez HTTP/1.1"),
    "space-in-path": _line(b"GET /api/v1 /models HTTP/1.1"),
    "raw-bytes-in-path": _line(b"GET /api/v1/models/\xc3\xa9 HTTP/1.1"),
    "nul-in-path": _line(b"GET /livez\0 HTTP/1.1"),
    "fragment-only": _line(b"GET # HTTP/1.1"),
    "no-path": _line(b"GET  HTTP/1.1"),
    "space-in-header-name": _line(b"GET /livez HTTP/1.1", b"X Name: a"),
    "header-without-colon": _line(b"GET /livez HTTP/1.1", b"X-Name"),
    "header-without-name": _line(b"GET /livez HTTP/1.1", b": a"),
    "nul-in-header": _line(b"GET /livez HTTP/1.1", b"X-Name: a\0b"),
    "not-ascii-header-name": _line(b"GET /livez HTTP/1.1", b"X-N\xe9: a"),
    "folded-header": _line(b"GET /livez HTTP/1.1", b"X-Name: a", b" b"),
    "length-negative": _line(b"POST /api/v1/predict HTTP/1.1", b"Content-Length: -1"),
    "length-word": _line(b"POST /api/v1/predict HTTP/1.1", b"Content-Length: ten"),
    "length-plus": _line(b"POST /api/v1/predict HTTP/1.1", b"Content-Length: +10"),
    "length-of-30-digits": _line(b"POST /api/v1/predict HTTP/1.1", b"Content-Length: " + b"9" * 30),
    "two-lengths": _line(
        b"POST /api/v1/predict HTTP/1.1", b"Content-Length: 1", b"Content-Length: 2"
    ),
    "length-and-chunks": _line(
        b"POST /api/v1/predict HTTP/1.1", b"Content-Length: 10", b"Transfer-Encoding: chunked"
    ),
    "chunks-not-last": _line(b"POST /api/v1/predict HTTP/1.1", b"Transfer-Encoding: chunked, gzip"),
}

WIRE = (
    *(Bad(name, 408, "body-timeout", stream=stream) for name, stream in _UNFINISHED.items()),
    *(Bad(name, 431, _TOO_LARGE, stream=stream) for name, stream in _TOO_LONG_HEADERS.items()),
    *(Bad(name, 413, "body-too-large", stream=s) for name, s in _TOO_LARGE_BODIES.items()),
    *(Bad(name, 400, "malformed-json", stream=stream) for name, stream in _MALFORMED.items()),
    *(Bad(f"no-http-{name}", 400, None, stream=stream) for name, stream in _NO_HTTP.items()),
)
