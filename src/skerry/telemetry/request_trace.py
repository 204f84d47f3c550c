"""Whose trace a request belongs to, found out in a microsecond or two.

A request gets its ids and the sampler's verdict when it comes. Spans are made of them when it has
ended, and only where the verdict is yes: most requests never need the SDK.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from typing import NamedTuple

from skerry.core.tracing_options import Sampling

Fields = Mapping[bytes, bytes]
"""Headers: lower-case name to value."""
# A higher version may have more behind these fields. Source: W3C Trace Context, section 3.2.
_TRACEPARENT = re.compile(
    rb"[ \t]*(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})"
    rb"((?:-.*)?)[ \t]*"
)
_SAMPLED = 1
_MAX_BYTES = 512


class Caller(NamedTuple):
    """The span that a request comes from."""

    trace_id: int
    span_id: int
    is_sampled: bool


class RequestTrace:
    """A request's place in a trace. span_id: of its SERVER span, recorded or not."""

    __slots__ = ("is_sampled", "span_id", "trace_id")

    def __init__(self, trace_id: int, span_id: int, *, is_sampled: bool) -> None:
        self.trace_id = trace_id
        self.span_id = span_id
        self.is_sampled = is_sampled

    @property
    def trace_hex(self) -> str:
        """The trace's id as W3C writes it: 32 hex digits."""
        return self.trace_id.to_bytes(16, "big").hex()

    @property
    def span_hex(self) -> str:
        """The span's id as W3C writes it: 16 hex digits."""
        return self.span_id.to_bytes(8, "big").hex()


def caller_of(fields: Fields) -> Caller | None:
    """Return what ``traceparent`` says, None where it is missing or not well formed."""
    header = fields.get(b"traceparent")
    if header is None or len(header) > _MAX_BYTES:
        return None
    match = _TRACEPARENT.fullmatch(header)
    if match is None:
        return None
    version, trace_id, span_id, flags, rest = match.groups()
    if rest and version == b"00":
        return None
    return Caller(int(trace_id, 16), int(span_id, 16), bool(int(flags, 16) & _SAMPLED))


def trace_of(sampling: Sampling, caller: Caller | None) -> RequestTrace:
    """Return the trace of a request: its caller's, or a new one."""
    if caller is None:
        trace_id = random.getrandbits(128) or 1
        is_sampled = sampling.takes(trace_id, None)
    else:
        trace_id = caller.trace_id
        is_sampled = sampling.takes(trace_id, caller.is_sampled)
    return RequestTrace(trace_id, new_span_id(), is_sampled=is_sampled)


def new_span_id() -> int:
    """Return a random id; zero is none."""
    return random.getrandbits(64) or 1
