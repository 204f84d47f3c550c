"""Traffic policies: grammar, generations, and what is in force."""

from __future__ import annotations

from typing import Any

import pytest

from skerry.core.errors import InvalidPolicy
from skerry.core.traffic import (
    Standing,
    TrafficDocument,
    TrafficInForce,
    generation_of,
    resolve_traffic,
)
from skerry.core.traffic_policy import Canary, ShadowPolicy, Sticky, TrafficPolicy
from skerry.core.version_state import VersionState as S

DIGEST = "sha256:" + "0" * 64


def test_reads_what_it_writes() -> None:
    written: dict[str, Any] = {
        "schema_version": 1,
        "models": {"iris": {"stable": "v1", "versions": "latest:2", "digests": {"v1": DIGEST}}},
        "previous": {"iris": {"stable": "v0", "versions": ["v0", "v1"]}},
    }

    assert written == TrafficDocument.from_value(written).to_dict()


def test_an_empty_document_has_no_policy() -> None:
    assert TrafficDocument() == TrafficDocument.from_value(None)
    assert TrafficDocument() == TrafficDocument.from_value({"schema_version": 1, "models": None})


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ([], "traffic: expected schema_version and models, got []"),
        ({}, "traffic.schema_version: expected 1, got None"),
        ({"schema_version": True}, "traffic.schema_version: expected 1, got True"),
        ({"schema_version": 2}, "traffic.schema_version: expected 1, got 2"),
        (
            {"schema_version": 1, "model": {}},
            "traffic: expected the keys schema_version, models, previous, got 'model'",
        ),
        ({"schema_version": 1, "models": []}, "traffic.models: expected policies by model, got []"),
        (
            {"schema_version": 1, "models": "x"},
            "traffic.models: expected policies by model, got 'x'",
        ),
        (
            {"schema_version": 1, "models": {1: {}}},
            "traffic.models: expected text as key, got 1 (quote it)",
        ),
        (
            {"schema_version": 1, "models": {"a/b": {"stable": "v1"}}},
            "traffic.models: expected a model as key, got 'a/b'",
        ),
        (
            {"schema_version": 1, "models": {"iris": {}}},
            "models.iris.stable: expected a version, got none",
        ),
        (
            {"schema_version": 1, "models": {"iris": {"stable": 1.0}}},
            "models.iris.stable: expected a version, got 1.0",
        ),
        (
            {"schema_version": 1, "models": {"iris": {"stable": "v1", "weight": 1}}},
            "models.iris: expected the keys stable, canary, canaries, sticky, shadow, versions,"
            " digests, got 'weight'",
        ),
        (
            {"schema_version": 1, "models": {"iris": {"stable": "v1", "digests": {"v1": "md5:1"}}}},
            "models.iris.digests.v1: expected sha256: and 64 hex digits, got 'md5:1'",
        ),
        (
            {"schema_version": 1, "models": {"iris": {"stable": "v1", "versions": "newest"}}},
            "models.iris.versions: expected all, latest:N or specific:v1,v2, got 'newest'",
        ),
    ],
)
def test_refuses_with_a_sentence(value: Any, sentence: str) -> None:
    with pytest.raises(InvalidPolicy) as caught:
        TrafficDocument.from_value(value)
    assert sentence == caught.value.detail


def test_generation_is_what_sha256sum_shows() -> None:
    assert "e3b0c44298fc" == generation_of(b"")
    assert "default" == generation_of(None)


NONE = TrafficInForce(None)


@pytest.mark.parametrize(
    ("declared", "states", "last", "store_error", "stable", "differences"),
    [
        pytest.param(None, {}, NONE, None, None, 0, id="nothing-there"),
        pytest.param(
            None, {"v9": S.READY, "v10": S.READY}, NONE, None, "v10", 0, id="natural-order"
        ),
        pytest.param(None, {"v9": S.READY, "v10": S.LOADING}, NONE, None, "v9", 0, id="only-ready"),
        pytest.param("v1", {"v1": S.READY, "v2": S.READY}, NONE, None, "v1", 0, id="declared"),
        pytest.param("v3", {"v2": S.READY}, NONE, None, None, 1, id="never-falls-back-to-newest"),
        pytest.param(
            "v3",
            {"v2": S.READY, "v3": S.LOADING},
            TrafficInForce("v2"),
            None,
            "v2",
            1,
            id="last-goes-on",
        ),
        pytest.param(
            "v3",
            {"v2": S.DRAINING, "v3": S.LOADING},
            TrafficInForce("v2"),
            None,
            None,
            1,
            id="last-only-while-ready",
        ),
        pytest.param(None, {"v1": S.READY}, NONE, "not YAML", None, 1, id="unreadable-at-start"),
        pytest.param(
            None,
            {"v1": S.READY, "v2": S.READY},
            TrafficInForce("v1"),
            "not YAML",
            "v1",
            1,
            id="unreadable-later",
        ),
        pytest.param("v1", {"v1": S.READY}, NONE, "not YAML", "v1", 1, id="last-good-document"),
    ],
)
def test_what_is_in_force(
    declared: str | None,
    states: dict[str, S],
    last: TrafficInForce,
    store_error: str | None,
    stable: str | None,
    differences: int,
) -> None:
    policy = None if declared is None else TrafficPolicy(declared)

    in_force = resolve_traffic("iris", policy, standings(states), last, store_error)

    assert (stable, differences) == (in_force.stable, len(in_force.differences))


def standings(states: dict[str, S]) -> dict[str, Standing]:
    return {version: Standing(state) for version, state in states.items()}


CANARY = TrafficPolicy(
    "v1", (Canary("v2", 10),), Sticky(header="X-User-Id"), ShadowPolicy("v3", 50)
)


def test_a_ready_canary_and_shadow_are_in_force() -> None:
    states = {"v1": S.READY, "v2": S.READY, "v3": S.READY}

    in_force = resolve_traffic("iris", CANARY, standings(states), NONE)

    assert CANARY.to_dict() == in_force.to_dict()
    assert {("v1", "stable"): 90, ("v2", "canary"): 10} == in_force.weights()
    assert [["stable"], ["canary"], ["shadow"]] == [in_force.tracks_of(v) for v in states]


def test_what_is_not_ready_gets_nothing_and_the_reason_is_told() -> None:
    found = {
        "v1": Standing(S.READY),
        "v2": Standing(S.FAILED, "the artifact is truncated"),
    }

    in_force = resolve_traffic("iris", CANARY, found, NONE)

    assert {"stable": "v1", "sticky": {"header": "X-User-Id"}} == in_force.to_dict()
    assert [
        "canary is not READY: no traffic (the artifact is truncated)",
        "shadow is not on the volume: no traffic",
    ] == [difference.reason for difference in in_force.differences]
    assert in_force.split is not None
    assert ("v1", "stable") == in_force.split.choose({}, 0.05)


def test_a_stable_that_goes_on_is_not_a_canary_beside_itself() -> None:
    policy = TrafficPolicy("v2", (Canary("v1", 50),))
    states = {"v1": S.READY, "v2": S.LOADING}

    in_force = resolve_traffic("iris", policy, standings(states), TrafficInForce("v1"))

    assert {"stable": "v1"} == in_force.to_dict()
    assert in_force.split is not None
    assert ("v1", "stable") == in_force.split.choose({}, 0.1)
