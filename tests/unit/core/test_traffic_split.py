"""The split: header beats sticky beats weight, and nobody moves who need not."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.core.traffic_policy import Canary, HeaderMatch, Sticky
from skerry.core.traffic_split import TrafficSplit, bucket, split_of

HEADERS = (HeaderMatch("X-Canary", "true"), HeaderMatch("X-Region", "eu"))
BOTH = frozenset({"v2", "v3"})
STICKY = Sticky(header="X-User-Id")


def split(
    *canaries: Canary, sticky: Sticky | None = None, ready: frozenset[str] = BOTH
) -> TrafficSplit:
    return split_of("iris", "v1", canaries, sticky, ready)


@pytest.mark.parametrize(
    ("uniform", "version"),
    [(0.0, "v2"), (0.0999999, "v2"), (0.1, "v3"), (0.4332, "v3"), (0.4333, "v1")],
)
def test_deals_out_by_weight_in_the_order_listed(uniform: float, version: str) -> None:
    assert version == split(Canary("v2", 10), Canary("v3", 33.33)).choose({}, uniform)[0]


@pytest.mark.parametrize("uniform", [0.0, 0.5, 0.999999999999])
@pytest.mark.parametrize(("weight", "track"), [(0, "stable"), (100, "canary")])
def test_nothing_and_everything_are_exact(weight: float, track: str, uniform: float) -> None:
    assert track == split(Canary("v2", weight)).choose({}, uniform)[1]


@pytest.mark.parametrize(
    ("fields", "version"),
    [
        ({b"x-canary": b"true", b"x-region": b"eu"}, "v2"),
        ({b"x-canary": b"true", b"x-region": b"EU"}, "v1"),
        ({b"x-canary": b"true"}, "v1"),
        ({}, "v1"),
    ],
)
def test_all_headers_must_match_exactly(fields: dict[bytes, bytes], version: str) -> None:
    assert version == split(Canary("v2", 0, HEADERS)).choose(fields, 0.0)[0]


def test_headers_beat_the_sticky_key_and_the_weight() -> None:
    fields = {b"x-canary": b"true", b"x-region": b"eu", b"x-user-id": b"ann"}
    dealt = split(Canary("v3", 100), Canary("v2", 0, HEADERS), sticky=STICKY)

    assert ("v2", "canary") == dealt.choose(fields, 0.0)


def test_headers_of_a_canary_that_is_not_ready_lead_to_stable() -> None:
    fields = {b"x-canary": b"true", b"x-region": b"eu"}
    dealt = split(Canary("v2", 0, HEADERS), Canary("v3", 100), ready=frozenset({"v3"}))

    assert ("v1", "stable") == dealt.choose(fields, 0.0)


def test_the_bucket_is_the_documented_hash() -> None:
    digest = hashlib.blake2b(b"iris\0ann", digest_size=8).digest()

    assert int.from_bytes(digest, "big") / 2**64 * 100 == bucket(b"iris", b"ann")


@given(st.binary(), st.binary())
def test_a_bucket_is_from_0_to_before_100(salt: bytes, key: bytes) -> None:
    assert 0 <= bucket(salt, key) < 100


@given(key=st.binary(min_size=1), uniform=st.floats(0, 1, exclude_max=True))
def test_a_sticky_key_decides_and_chance_does_not(key: bytes, uniform: float) -> None:
    dealt = split(Canary("v2", 50), sticky=STICKY)

    assert dealt.choose({b"x-user-id": key}, 0.5) == dealt.choose({b"x-user-id": key}, uniform)


@given(key=st.binary(min_size=1), weights=st.tuples(st.integers(0, 100), st.integers(0, 100)))
def test_nobody_leaves_a_canary_that_grows(key: bytes, weights: tuple[int, int]) -> None:
    fields = {b"x-user-id": key}
    smaller, larger = (
        split(Canary("v2", weight), sticky=STICKY).choose(fields, 0.0) for weight in sorted(weights)
    )

    assert smaller == larger or smaller == ("v1", "stable")


@given(key=st.binary(min_size=1), ready=st.sets(st.sampled_from(["v2", "v3"])))
def test_a_canary_that_is_not_ready_moves_only_its_own_callers(key: bytes, ready: set[str]) -> None:
    canaries = (Canary("v2", 30), Canary("v3", 30))
    fields = {b"x-user-id": key}
    before = split(*canaries, sticky=STICKY).choose(fields, 0.0)
    after = split(*canaries, sticky=STICKY, ready=frozenset(ready)).choose(fields, 0.0)

    assert after == (before if before[0] in {"v1", *ready} else ("v1", "stable"))


@pytest.mark.parametrize(
    ("header", "same"),
    [
        (b"uid=ann", True),
        (b"a=1; uid=ann; b=2", True),
        (b"uid=eve", False),
        (b"a=1,uid=eve; uid=ann", True),
    ],
)
def test_a_cookie_is_as_good_as_a_header(header: bytes, same: bool) -> None:
    by_header = split(Canary("v2", 50), sticky=Sticky(header="uid"))
    by_cookie = split(Canary("v2", 50), sticky=Sticky(cookie="uid"))
    # Of these two names, one falls into the first half and one into the second.
    assert by_header.choose({b"uid": b"ann"}, 0) != by_header.choose({b"uid": b"eve"}, 0)

    found = by_cookie.choose({b"cookie": header}, 0.0)

    assert same == (found == by_header.choose({b"uid": b"ann"}, 0.0))


@pytest.mark.parametrize("fields", [{}, {b"x-user-id": b""}])
def test_without_a_key_chance_decides(fields: dict[bytes, bytes]) -> None:
    dealt = split(Canary("v2", 50), sticky=STICKY)

    assert ("v2", "v1") == (dealt.choose(fields, 0.4)[0], dealt.choose(fields, 0.6)[0])


def test_another_salt_deals_callers_out_anew() -> None:
    keys = [str(i).encode() for i in range(200)]
    spring = split(Canary("v2", 50), sticky=Sticky(header="u", salt="spring"))
    autumn = split(Canary("v2", 50), sticky=Sticky(header="u", salt="autumn"))

    assert any(spring.choose({b"u": k}, 0.0) != autumn.choose({b"u": k}, 0.0) for k in keys)
