"""Identifiers of requests: sortable by time, and unlikely to come twice."""

from __future__ import annotations

import random
import re
import time
from functools import lru_cache

from skerry.http.header_fields import Fields

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(a + b for a in _ALPHABET for b in _ALPHABET)
_SANE_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_TIME_BITS = 48


def request_id_of(fields: Fields) -> str:
    """Return the caller's own id where it sent a sane one, else a new one."""
    given = fields.get(b"x-request-id")
    if given is not None and _SANE_ID.fullmatch(given):
        return given.decode("ascii")
    return new_request_id()


def new_request_id() -> str:
    """Return a ULID: 26 characters, of which the first ten are the time in milliseconds.

    It names a request in logs and is no secret, so that a fast source of randomness will do.

    Source: the ULID specification (128 bits in Crockford's base 32).
    """
    high, low = random.getrandbits(40), random.getrandbits(40)
    return _time_part(time.time_ns() // 1_000_000) + _eight(high) + _eight(low)


@lru_cache(2)
def _time_part(milliseconds: int) -> str:
    bits = milliseconds & (1 << _TIME_BITS) - 1
    return _PAIRS[bits >> 40] + _eight(bits & (1 << 40) - 1)


def _eight(bits: int) -> str:
    """Return 40 bits in eight characters."""
    pairs = _PAIRS
    return (
        pairs[bits >> 30] + pairs[bits >> 20 & 1023] + pairs[bits >> 10 & 1023] + pairs[bits & 1023]
    )
