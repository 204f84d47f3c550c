"""Reading a body: type, encoding, size and time."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from skerry.core.errors import (
    BadEncoding,
    BodyTimeout,
    BodyTooLarge,
    RequestError,
    UnsupportedMediaType,
)
from skerry.http.body import inflate, read_body
from skerry.http.header_fields import header_fields

LIMIT = 1000
BODY = b'{"features": [1, 2, 3, 4]}'


def bare_deflate(content: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflater.compress(content) + deflater.flush()


def arriving(parts: Iterable[bytes], *, end: bool = True) -> Receive:
    """Return a ``receive`` that gives the parts, and then nothing more, whether ended or not."""
    messages: list[Message] = [
        {"type": "http.request", "body": part, "more_body": True} for part in parts
    ]
    if end:
        messages.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> Message:
        if not messages:
            await asyncio.Event().wait()
        return messages.pop(0)

    return receive


def read(
    receive: Receive, *headers: tuple[str, str], max_bytes: int = LIMIT, timeout_s: float = 5
) -> bytes:
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    return asyncio.run(
        read_body(header_fields(raw), receive, max_bytes=max_bytes, timeout_s=timeout_s)
    )


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("content-type", "application/json"),),
        (("content-type", "Application/JSON ; charset=utf-8"),),
        (("content-type", "application/problem+json"),),
        (("content-encoding", "identity"),),
        (("content-encoding", ""),),
        (("content-length", "26"),),
        (("content-length", "unknown"),),
    ],
)
def test_takes_json_with_and_without_a_type(headers: tuple[tuple[str, str], ...]) -> None:
    assert BODY == read(arriving([BODY]), *headers)


@pytest.mark.parametrize(
    ("header", "value", "detail"),
    [
        ("content-type", "text/plain", "Content-Type: expected application/json, got 'text/plain'"),
        ("content-type", "", "Content-Type: expected application/json, got ''"),
        ("content-type", "text/x+json", "Content-Type: expected application/json"),
        ("content-encoding", "br", "Content-Encoding: expected gzip or deflate, got 'br'"),
        ("content-encoding", "gzip, gzip", "Content-Encoding: expected gzip or deflate"),
    ],
)
def test_refuses_other_types_and_encodings(header: str, value: str, detail: str) -> None:
    with pytest.raises(UnsupportedMediaType) as caught:
        read(arriving([BODY]), (header, value))

    assert caught.value.detail.startswith(detail)


@pytest.mark.parametrize("name", ["content-type", "content-encoding"])
def test_two_lines_of_a_header_are_a_list(name: str) -> None:
    value = {"content-type": "application/json", "content-encoding": "gzip"}[name]

    with pytest.raises(UnsupportedMediaType):
        read(arriving([gzip.compress(BODY)]), (name, value), (name, value))


def test_joins_what_arrives_in_parts() -> None:
    assert BODY == read(arriving([BODY[:5], b"", BODY[5:9], BODY[9:]]))


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("gzip", gzip.compress(BODY)),
        ("x-gzip", gzip.compress(BODY)),
        (" GZIP ", gzip.compress(BODY)),
        ("deflate", zlib.compress(BODY)),
        ("deflate", bare_deflate(BODY)),
    ],
)
def test_inflates(encoding: str, content: bytes) -> None:
    assert BODY == read(arriving([content]), ("content-encoding", encoding))


@pytest.mark.parametrize(
    "body",
    [
        arriving([b"a" * (LIMIT + 1)], end=False),
        arriving([b"a"] * (LIMIT + 1), end=False),
        arriving([b"a" * LIMIT, b"a"], end=False),
    ],
)
def test_stops_reading_at_the_limit(body: Receive) -> None:
    with pytest.raises(BodyTooLarge, match=f"expected at most {LIMIT} bytes, got more"):
        read(body)


def test_takes_a_body_of_exactly_the_limit() -> None:
    assert b"a" * LIMIT == read(arriving([b"a" * LIMIT]))
    assert b"a" * LIMIT == inflate(gzip.compress(b"a" * LIMIT), "gzip", LIMIT)


@pytest.mark.parametrize("length", [str(LIMIT + 1), "9" * 5000])
def test_refuses_a_length_over_the_limit_unread(length: str) -> None:
    with pytest.raises(BodyTooLarge):
        read(arriving([], end=False), ("content-length", length))


@pytest.mark.parametrize("parts", [[], [BODY], [BODY[:1], BODY[1:]]])
def test_a_body_that_does_not_end_runs_out_of_time(parts: list[bytes]) -> None:
    with pytest.raises(BodyTimeout, match=r"not complete within 0\.01 s"):
        read(arriving(parts, end=False), timeout_s=0.01)


def test_a_caller_that_hangs_up_is_no_error_of_the_body() -> None:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    with pytest.raises(ClientDisconnect):
        read(receive)


@pytest.mark.parametrize(
    ("encoding", "content", "detail"),
    [
        ("gzip", BODY, "the body is not valid gzip"),
        ("gzip", b"", "the gzip body is cut off"),
        ("gzip", gzip.compress(BODY)[:-1], "the gzip body is cut off"),
        ("gzip", gzip.compress(BODY) + b"x", "something follows the gzip body"),
        ("gzip", gzip.compress(BODY) * 2, "something follows the gzip body"),
        ("gzip", zlib.compress(BODY), "the body is not valid gzip"),
        ("deflate", gzip.compress(BODY), "the body is not valid deflate"),
        ("deflate", zlib.compress(BODY)[:-1], "the deflate body is cut off"),
        ("deflate", b"", "the deflate body is cut off"),
    ],
)
def test_says_why_a_body_does_not_inflate(encoding: str, content: bytes, detail: str) -> None:
    with pytest.raises(BadEncoding) as caught:
        inflate(content, encoding, LIMIT)

    assert detail == caught.value.detail


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_is_never_held(encoding: str) -> None:
    bomb = (gzip if encoding == "gzip" else zlib).compress(b"\0" * 10_000_000)

    with pytest.raises(BodyTooLarge, match="inflates to more"):
        inflate(bomb, encoding, LIMIT)


@given(st.binary(), st.sampled_from(["gzip", "deflate"]))
def test_any_bytes_are_inflated_or_refused(content: bytes, encoding: str) -> None:
    try:
        inflated = inflate(content, encoding, LIMIT)
    except RequestError:
        return
    assert len(inflated) <= LIMIT
