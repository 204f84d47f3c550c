"""Which version answers a request that pins none: header, then sticky key, then chance.

Pure: what chance says is passed in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from skerry.core.traffic_policy import Canary, Sticky

STABLE, CANARY = "stable", "canary"


@dataclass(frozen=True, slots=True)
class Share:
    """A canary in a split. It has the points from ``begin`` to before ``end``, of 0 to 100.

    ready: it may answer. Where it may not, stable answers in its place: the shares of others do
        not move, and callers that stick to them stay.
    headers: lower-case names and values that all must match; empty for none.
    """

    version: str
    begin: float
    end: float
    headers: tuple[tuple[bytes, bytes], ...]
    ready: bool


@dataclass(frozen=True, slots=True)
class TrafficSplit:
    """How a model's requests are dealt out. salt: what the sticky key is hashed with."""

    stable: str
    shares: tuple[Share, ...] = ()
    sticky_header: bytes | None = None
    sticky_cookie: bytes | None = None
    salt: bytes = b""

    def choose(self, fields: Mapping[bytes, bytes], uniform: float) -> tuple[str, str]:
        """Return the version that answers, and its track.

        fields: the request's headers by lower-case name. uniform: drawn from [0, 1).
        """
        for share in self.shares:
            if share.headers and all(fields.get(name) == value for name, value in share.headers):
                return (share.version, CANARY) if share.ready else (self.stable, STABLE)
        key = self._key(fields)
        point = uniform * 100 if key is None else bucket(self.salt, key)
        for share in self.shares:
            if share.begin <= point < share.end and share.ready:
                return share.version, CANARY
        return self.stable, STABLE

    def _key(self, fields: Mapping[bytes, bytes]) -> bytes | None:
        if self.sticky_header is not None:
            return fields.get(self.sticky_header) or None
        if self.sticky_cookie is not None:
            return _cookie(fields.get(b"cookie", b""), self.sticky_cookie)
        return None


def split_of(
    model: str,
    stable: str,
    canaries: tuple[Canary, ...],
    sticky: Sticky | None,
    ready: frozenset[str],
) -> TrafficSplit:
    """Return the split of a model's requests. ready: the versions that may answer."""
    shares, begin = [], 0.0
    for canary in canaries:
        end = round(begin + canary.weight, 2)
        headers = tuple((h.name.lower().encode(), h.value.encode()) for h in canary.headers)
        shares.append(Share(canary.version, begin, end, headers, canary.version in ready))
        begin = end
    if sticky is None:
        return TrafficSplit(stable, tuple(shares))
    return TrafficSplit(
        stable,
        tuple(shares),
        None if sticky.header is None else sticky.header.lower().encode(),
        None if sticky.cookie is None else sticky.cookie.encode(),
        (sticky.salt or model).encode(),
    )


def bucket(salt: bytes, key: bytes) -> float:
    """Return the point in [0, 100) that a sticky key has, the same in every process.

    The first 8 bytes of BLAKE2b of salt, NUL and key, as a big-endian number, / 2^64 x 100.
    """
    digest = hashlib.blake2b(salt + b"\0" + key, digest_size=8).digest()
    # 2^64 - 1 is not a float: it would be rounded up to 2^64, and the point to 100.
    return min(int.from_bytes(digest, "big") / 2**64 * 100, 99.99999999999999)


def _cookie(header: bytes, name: bytes) -> bytes | None:
    """Return a cookie's value, None where it has none.

    Source: RFC 6265, section 4.2.1.
    """
    for pair in header.split(b";"):
        found, _, value = pair.partition(b"=")
        if found.strip() == name:
            return value.strip() or None
    return None
