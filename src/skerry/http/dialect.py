"""How a prediction is asked and answered on the wire: what the steps in between need not know.

The two of the native API are here, ``dialect_v2.py`` has the Open Inference Protocol's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from skerry.core.rows import Predictions, Rows
from skerry.core.servable import ServableInfo
from skerry.http.decode import decode_batch, decode_row, rows_in
from skerry.http.encode import encode_batch, encode_row
from skerry.http.header_fields import Fields
from skerry.http.lean_route import LeanAnswer

Encode = Callable[[Predictions, str, str], LeanAnswer]
"""Writes the answer of a model and version, as one request wants it."""


class Dialect(Protocol):
    """One form of requests and answers.

    any_media_type: a body is taken whatever its Content-Type says.
    """

    any_media_type: bool

    def lead(self, fields: Fields) -> bytes:
        """Return what is put in front of the body when it is read."""
        ...

    def rows_in(self, body: bytes) -> int:
        """Return about how many rows a body has, in much less time than decoding takes."""
        ...

    def decode(
        self, fields: Fields, body: bytes, info: ServableInfo, max_rows: int
    ) -> tuple[Rows, Encode]:
        """Return the validated rows, and what writes the answer to them.

        body: with its lead.

        Raises:
            RequestError: the subclass that says what is wrong.
        """
        ...


class _Native:
    any_media_type = False

    def lead(self, fields: Fields) -> bytes:
        del fields
        return b""


class _NativeRow(_Native):
    def rows_in(self, body: bytes) -> int:
        del body
        return 1

    def decode(
        self, fields: Fields, body: bytes, info: ServableInfo, max_rows: int
    ) -> tuple[Rows, Encode]:
        del fields, max_rows
        rows, wants = decode_row(body, info.signature)
        signature = info.signature if wants else None
        return rows, lambda predictions, _, version: LeanAnswer(
            encode_row(predictions, version, signature), ()
        )


class _NativeBatch(_Native):
    def rows_in(self, body: bytes) -> int:
        return rows_in(body)

    def decode(
        self, fields: Fields, body: bytes, info: ServableInfo, max_rows: int
    ) -> tuple[Rows, Encode]:
        del fields
        rows, wants = decode_batch(body, info.signature, max_rows)
        signature = info.signature if wants else None
        return rows, lambda predictions, _, version: LeanAnswer(
            encode_batch(predictions, version, signature), ()
        )


NATIVE_ROW: Dialect = _NativeRow()
NATIVE_BATCH: Dialect = _NativeBatch()
