"""Compressed artifacts as plain binary files, recognised by their first bytes, not by name."""

from __future__ import annotations

import bz2
import gzip
import importlib
import io
import lzma
from typing import BinaryIO, cast

from skerry.core.errors import Unreadable

_LONGEST_PREFIX = 6
_BUFFER_BYTES = 64 * 1024
_ZLIB = b"\x78"
_LZ4 = b"\x04\x22\x4d\x18"
_BEFORE_JOBLIB_0_10 = b"ZF"


def decompressed(file: BinaryIO) -> BinaryIO:
    """Return a buffered file of the plain bytes, from the current position of a seekable file.

    Knows what joblib writes and what people do by hand: gzip, zlib, bz2, lzma, xz, lz4.

    Raises:
        Unreadable: lz4 without the package, or the format of a joblib before 0.10.
    """
    start = file.tell()
    first = file.read(_LONGEST_PREFIX)
    file.seek(start)
    if first.startswith(b"\x1f\x8b"):
        return _buffered(gzip.GzipFile(fileobj=file, mode="rb"))
    if first.startswith(b"BZ"):
        return _buffered(bz2.BZ2File(file))
    if first.startswith((b"\xfd7zXZ", b"\x5d\x00")):
        return _buffered(lzma.LZMAFile(file))
    if first.startswith(_ZLIB):
        from joblib.compressor import BinaryZlibFile

        return _buffered(BinaryZlibFile(file, "rb"))
    if first.startswith(_LZ4):
        return _buffered(_lz4_file(file))
    if first.startswith(_BEFORE_JOBLIB_0_10):
        raise Unreadable("written by a joblib before 0.10; load it there, dump it with a newer one")
    return file


def _buffered(raw: object) -> BinaryIO:
    # BufferedReader asks only for readable() and readinto(), which all of these have.
    return io.BufferedReader(cast("io.RawIOBase", raw), _BUFFER_BYTES)


def _lz4_file(file: BinaryIO) -> object:
    try:
        frame = importlib.import_module("lz4.frame")
    except ImportError as error:
        raise Unreadable(
            "it is compressed with lz4, and the package lz4 is not installed here"
        ) from error
    opened: object = frame.LZ4FrameFile(file, "rb")
    return opened
