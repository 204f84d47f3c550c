"""Body bytes to JSON values: what is not JSON is refused, and so is more of it than makes sense.

A parser makes an object of each value. Millions of empty lists fit a body of a few megabytes,
and would take gigabytes and seconds of the event loop: ``has_more_values`` tells before.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
from pydantic_core import from_json

from skerry.core.errors import MalformedJson

_STEP_BYTES = 128 * 1024
_QUOTE = ord('"')
_STARTS_VALUE = np.zeros(256, dtype=np.bool_)
_STARTS_VALUE[list(b"[{,")] = True


def parse_json(body: bytes) -> Any:
    """Return the value; of a key that comes twice, the last one.

    NaN, Infinity and 1e400 become floats, for the caller to refuse with their place.

    Raises:
        MalformedJson: it is not JSON in UTF-8, or nested deeper than 200 levels.
    """
    try:
        return from_json(body)
    except ValueError as error:
        raise MalformedJson(f"the body is not JSON: {error}") from None


def parse_finite_json(body: bytes) -> Any:
    """Return the value; as ``parse_json``, but a number beyond float64 is malformed.

    Raises:
        MalformedJson: it is not JSON in UTF-8, or nested too deep.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedJson(f"the body is not JSON: {error}") from None


def has_more_values(body: bytes, limit: int) -> bool:
    """Tell whether the body opens or separates more than ``limit`` values, without parsing it.

    Signs within strings do not count.
    """
    if len(body) <= limit or sum(body.count(sign) for sign in b"[{,") <= limit:
        return False
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    values, in_string = 0, False
    for start in range(0, len(body), _STEP_BYTES):
        signs = np.frombuffer(body[start : start + _STEP_BYTES], dtype=np.uint8)
        # Each quote ends or begins a string.
        within = np.logical_xor.accumulate(signs == _QUOTE) ^ in_string
        values += int(np.count_nonzero(_STARTS_VALUE[signs] & ~within))
        if values > limit:
            return True
        in_string = bool(within[-1])
    return False
