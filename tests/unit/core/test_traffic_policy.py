"""The grammar of a traffic policy: what it takes, and the sentence for what it does not."""

from __future__ import annotations

from typing import Any

import pytest

from skerry.core.errors import InvalidPolicy
from skerry.core.traffic_policy import TrafficPolicy


@pytest.mark.parametrize(
    "written",
    [
        {"stable": "v1"},
        {"stable": "v1", "canary": {"version": "v2", "weight": 10}},
        {"stable": "v1", "canary": {"version": "v2", "weight": 33.33}},
        {"stable": "v1", "canary": {"version": "v2", "weight": 0.01}},
        {
            "stable": "v1",
            "canary": {
                "version": "v2",
                "weight": 0,
                "headers": [{"name": "X-Canary", "value": "true"}],
            },
        },
        {
            "stable": "v1",
            "canaries": [{"version": "v2", "weight": 66.67}, {"version": "v3", "weight": 33.33}],
        },
        {"stable": "v1", "sticky": {"header": "X-User-Id"}},
        {"stable": "v1", "sticky": {"cookie": "uid", "salt": "autumn"}},
        {"stable": "v1", "shadow": {"version": "v3", "sample": 12.5}},
        {"stable": "v1", "shadow": {"version": "v1", "sample": 100}},
    ],
)
def test_reads_what_it_writes(written: dict[str, Any]) -> None:
    assert written == TrafficPolicy.from_value(written, "policy").to_dict()


def test_null_is_as_good_as_left_out() -> None:
    nulls = dict.fromkeys(("canary", "canaries", "sticky", "shadow", "versions", "digests"))

    assert TrafficPolicy("v1") == TrafficPolicy.from_value({"stable": "v1", **nulls}, "policy")


def test_fills_in_what_may_be_left_out() -> None:
    headers = [{"name": "X-Canary", "value": "1"}]
    policy = {
        "stable": "v1",
        "canary": {"version": "v2", "headers": headers},
        "shadow": {"version": "v3"},
    }

    read = TrafficPolicy.from_value(policy, "policy").to_dict()

    assert {"version": "v2", "weight": 0, "headers": headers} == read["canary"]
    assert {"version": "v3", "sample": 100} == read["shadow"]


def canary(**changed: Any) -> dict[str, Any]:
    return {"canary": {"version": "v2", "weight": 10, **changed}}


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        (canary(weight=-1), "policy.canary.weight: expected a percentage from 0 to 100, got -1"),
        (canary(weight=101), "policy.canary.weight: expected a percentage from 0 to 100, got 101"),
        (canary(weight="5"), "policy.canary.weight: expected a percentage from 0 to 100, got '5'"),
        (
            canary(weight=True),
            "policy.canary.weight: expected a percentage from 0 to 100, got True",
        ),
        (
            canary(weight=float("nan")),
            "policy.canary.weight: expected a percentage from 0 to 100, got nan",
        ),
        (
            canary(weight=None),
            "policy.canary.weight: expected a percentage from 0 to 100, got none",
        ),
        (canary(weight=1.234), "policy.canary.weight: expected at most two decimals, got 1.234"),
        (
            canary(version="v1"),
            "policy.canary.version: expected another version than stable's, got v1 for both",
        ),
        (canary(version=None), "policy.canary.version: expected a version, got None"),
        (
            canary(share=5),
            "policy.canary: expected the keys version, weight, headers, got 'share'",
        ),
        (
            canary(headers={"X-Canary": "1"}),
            "policy.canary.headers: expected a list of headers, got {'X-Canary': '1'}",
        ),
        (
            canary(headers=[{"name": "X Canary", "value": "1"}]),
            "policy.canary.headers[0].name: expected a header's name, got 'X Canary'",
        ),
        (
            canary(headers=[{"name": "X-Canary", "value": True}]),
            "policy.canary.headers[0].value: expected ASCII text, got True (quote it)",
        ),
        (
            canary(headers=[{"name": "a", "value": "1"}, {"name": "A", "value": "2"}]),
            "policy.canary.headers: expected each name once, got a more",
        ),
        (
            {"canaries": [{"version": "v2", "weight": 60}, {"version": "v3", "weight": 40.01}]},
            "policy.canaries: expected weights that sum to at most 100, got 100.01",
        ),
        (
            {"canaries": [{"version": "v2", "weight": 1}, {"version": "v2", "weight": 2}]},
            "policy.canaries: expected each version once, got v2 more",
        ),
        ({**canary(), "canaries": []}, "policy: expected canary or canaries, got both"),
        ({"canaries": "v2"}, "policy.canaries: expected a list of canaries, got 'v2'"),
        ({"sticky": {}}, "policy.sticky: expected header or cookie, got neither"),
        (
            {"sticky": {"header": "a", "cookie": "b"}},
            "policy.sticky: expected header or cookie, got both",
        ),
        (
            {"sticky": {"header": "a", "salt": ""}},
            "policy.sticky.salt: expected 1 to 256 printable characters, got ''",
        ),
        (
            {"sticky": {"header": "a", "salt": "\ud800"}},
            "policy.sticky.salt: expected 1 to 256 printable characters, got '\\ud800'",
        ),
        (
            {"shadow": {"version": "v3", "weight": 1}},
            "policy.shadow: expected the keys version, sample, got 'weight'",
        ),
        (
            {"shadow": {"version": "v3", "sample": 200}},
            "policy.shadow.sample: expected a percentage from 0 to 100, got 200",
        ),
    ],
)
def test_refuses_with_a_sentence(keys: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidPolicy) as caught:
        TrafficPolicy.from_value({"stable": "v1", **keys}, "policy")
    assert sentence == caught.value.detail
