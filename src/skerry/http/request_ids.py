"""Identifiers of requests: sortable by time, and unlikely to come twice."""

from __future__ import annotations

import random
import re
import time

from skerry.http.header_fields import Fields

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(a + b for a in _ALPHABET for b in _ALPHABET)
_SANE_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_TIME_BITS, _RANDOM_BITS = 48, 80


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
    number = (time.time_ns() // 1_000_000 & (1 << _TIME_BITS) - 1) << _RANDOM_BITS
    number |= random.getrandbits(_RANDOM_BITS)
    pairs = _PAIRS
    return "".join([pairs[number >> shift & 1023] for shift in _SHIFTS])


_SHIFTS = tuple(range(120, -1, -10))
