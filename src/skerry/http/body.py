"""Reads a request's body: media type, encoding, size, and time are all bounded here."""

from __future__ import annotations

import asyncio
import zlib

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from skerry.core.errors import BadEncoding, BodyTimeout, BodyTooLarge, UnsupportedMediaType
from skerry.http.header_fields import Fields, text_of

_GZIP_WBITS = 16 + zlib.MAX_WBITS
_ENCODINGS = ("gzip", "deflate")


async def read_body(
    fields: Fields,
    receive: Receive,
    *,
    max_bytes: int,
    timeout_s: float,
    any_media_type: bool = False,
    lead: bytes = b"",
) -> bytes:
    """Return the body, inflated where it came compressed.

    any_media_type: it need not be JSON. lead: is put in front of it.

    Raises:
        UnsupportedMediaType: neither JSON nor without a type, or an encoding other than gzip
            and deflate.
        BodyTooLarge: more than ``max_bytes``, as sent or inflated.
        BodyTimeout: it did not arrive within ``timeout_s``.
        BadEncoding: it does not inflate.
        ClientDisconnect: the caller hung up.
    """
    if not any_media_type:
        _check_media_type(text_of(fields, b"content-type"))
    encoding = _encoding(text_of(fields, b"content-encoding") or "")
    _check_length(text_of(fields, b"content-length") or "", max_bytes)
    try:
        async with asyncio.timeout(timeout_s):
            parts = await _receive_all(receive, max_bytes)
    except TimeoutError:
        raise BodyTimeout(f"the body was not complete within {timeout_s:g} s") from None
    if encoding is not None:
        parts = [inflate(b"".join(parts), encoding, max_bytes)]
    return b"".join([lead, *parts]) if lead or len(parts) != 1 else parts[0]


def inflate(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """Return what the body inflates to; never holds more than ``max_bytes`` of it.

    ``deflate`` is zlib's format (RFC 9110), or bare deflate, which some clients send.

    Raises:
        BadEncoding: it is not of the encoding, is cut off, or something follows it.
        BodyTooLarge: it inflates to more.
    """
    bare = encoding == "deflate" and not _is_zlib(body)
    window = _GZIP_WBITS if encoding == "gzip" else -zlib.MAX_WBITS if bare else zlib.MAX_WBITS
    inflater = zlib.decompressobj(window)
    try:
        inflated = inflater.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise BadEncoding(f"the body is not valid {encoding}") from error
    if len(inflated) > max_bytes:
        raise _too_large(max_bytes, f"a {encoding} body that inflates to more")
    if not inflater.eof:
        raise BadEncoding(f"the {encoding} body is cut off")
    if inflater.unused_data:
        # Also a second gzip member: nobody sends one over HTTP, and a million tiny ones are a bomb.
        raise BadEncoding(f"something follows the {encoding} body")
    return inflated


def _is_zlib(body: bytes) -> bool:
    """Tell zlib's two-byte header. Source: RFC 1950, section 2.2."""
    return len(body) >= 2 and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0


def _check_media_type(content_type: str | None) -> None:
    if content_type is None:
        return
    essence = content_type.partition(";")[0].strip().lower()
    if essence == "application/json" or (
        essence.startswith("application/") and essence.endswith("+json")
    ):
        return
    raise UnsupportedMediaType(
        f"Content-Type: expected application/json, got {essence[:100]!r};"
        " with curl: -H 'Content-Type: application/json'"
    )


def _encoding(content_encoding: str) -> str | None:
    encoding = content_encoding.strip().lower()
    if encoding in ("", "identity"):
        return None
    if encoding == "x-gzip":
        return "gzip"
    if encoding not in _ENCODINGS:
        raise UnsupportedMediaType(
            f"Content-Encoding: expected gzip or deflate, got {encoding[:100]!r}"
        )
    return encoding


def _check_length(content_length: str, max_bytes: int) -> None:
    if (
        content_length.isascii()
        and content_length.isdigit()
        and int(content_length[:20]) > max_bytes
    ):
        raise _too_large(max_bytes, content_length[:20])


async def _receive_all(receive: Receive, max_bytes: int) -> list[bytes]:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > max_bytes:
            raise _too_large(max_bytes, "more")
        if part:
            parts.append(part)
        if not message.get("more_body", False):
            return parts


def _too_large(max_bytes: int, got: str) -> BodyTooLarge:
    return BodyTooLarge(
        f"the body: expected at most {max_bytes} bytes, got {got} (SKERRY_MAX_BODY_BYTES)"
    )
