"""Traffic policies: grammar, generations, and what is in force."""

from __future__ import annotations

from typing import Any

import pytest

from skerry.core.errors import InvalidPolicy
from skerry.core.traffic import (
    TrafficDocument,
    TrafficInForce,
    TrafficPolicy,
    generation_of,
    resolve_traffic,
)
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
            "models.iris: expected the keys stable, versions, digests, got 'weight'",
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

    in_force = resolve_traffic(policy, states, last, store_error)

    assert (stable, differences) == (in_force.stable, len(in_force.differences))
