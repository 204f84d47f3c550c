"""Request ids: of one form, in the order of time, and each for one request."""

from __future__ import annotations

import re
import time

from skerry.http.request_ids import new_request_id


def test_an_id_is_a_ulid() -> None:
    assert re.fullmatch(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", new_request_id())


def test_ten_thousand_ids_are_all_different() -> None:
    assert 10_000 == len({new_request_id() for _ in range(10_000)})


def test_a_later_id_sorts_later() -> None:
    first = new_request_id()
    until = time.time_ns() + 2_000_000
    while time.time_ns() < until:
        pass
    assert first < new_request_id()
