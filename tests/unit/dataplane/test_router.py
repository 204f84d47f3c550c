"""The router: which version answers, and what it says when none does."""

from __future__ import annotations

import pytest

from skerry.core.errors import ModelNotFound, ModelNotReady, SkerryError, VersionNotFound
from skerry.core.traffic_split import TrafficSplit
from skerry.core.version_state import VersionState
from skerry.dataplane.router import resolve_model, route
from skerry.serving.handle import Slot
from skerry.serving.serving_map import ModelRoutes, ServingSnapshot
from tests.unit.serving.test_handle import Nothing

IRIS = ModelRoutes(
    "iris",
    {"v1": Slot("iris", "v1", Nothing()), "v2": Slot("iris", "v2", Nothing())},
    {
        "v1": VersionState.READY,
        "v2": VersionState.READY,
        "v3": VersionState.LOADING,
    },
    TrafficSplit("v1"),
    "3f9a1c0b7d2e",
)
WINE = ModelRoutes("wine", {}, {"v1": VersionState.FAILED}, None, "default", "stable is broken")
ONE = ServingSnapshot({"iris": IRIS}, ("iris",))
TWO = ServingSnapshot({"iris": IRIS, "wine": WINE}, ("iris", "wine"))
AWAITED = ServingSnapshot({}, ("iris",))


@pytest.mark.parametrize(
    ("snapshot", "model", "version", "default", "expected"),
    [
        (ONE, None, None, None, ("v1", "stable")),
        (ONE, "iris", None, None, ("v1", "stable")),
        (ONE, "iris", "v2", None, ("v2", "pinned")),
        (ONE, "iris", "v1", None, ("v1", "pinned")),
        (TWO, None, None, "iris", ("v1", "stable")),
    ],
)
def test_routes(
    snapshot: ServingSnapshot,
    model: str | None,
    version: str | None,
    default: str | None,
    expected: tuple[str, str],
) -> None:
    target = route(resolve_model(snapshot, model, default), version, {}, 0.5)

    assert expected == (target.slot.version, target.track)
    assert "3f9a1c0b7d2e" == target.generation


@pytest.mark.parametrize(
    ("snapshot", "model", "version", "default", "error", "part"),
    [
        (ServingSnapshot(), None, None, None, ModelNotReady, "no model is loaded"),
        (AWAITED, None, None, None, ModelNotReady, "iris is not loaded"),
        (AWAITED, "iris", None, None, ModelNotReady, "iris is not loaded"),
        (ONE, None, None, "cars", ModelNotReady, "cars is not loaded"),
        (TWO, None, None, None, ModelNotFound, "several models (iris, wine)"),
        (ONE, "cars", None, None, ModelNotFound, "'cars' does not exist"),
        (TWO, "wine", None, None, ModelNotReady, "stable is broken"),
        (ONE, "iris", "v9", None, VersionNotFound, "iris has no version 'v9'"),
        (ONE, "iris", "v3", None, ModelNotReady, "iris/v3: expected READY, got LOADING"),
    ],
)
def test_says_why_nothing_answers(
    snapshot: ServingSnapshot,
    model: str | None,
    version: str | None,
    default: str | None,
    error: type[SkerryError],
    part: str,
) -> None:
    with pytest.raises(error) as caught:
        route(resolve_model(snapshot, model, default), version, {}, 0.5)

    assert part in caught.value.detail
    assert (caught.value.retry_after_s is not None) == (error is ModelNotReady)
