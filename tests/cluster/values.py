"""Values of the chart for the tests: small pods, a fresh image, the workbench's repository."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tests.cluster.conftest import Image
from tests.cluster.workbench import CLAIM


def chart_values(
    image: Image, versions: Iterable[str], traffic: Mapping[str, Any], **others: Any
) -> dict[str, Any]:
    """Return values that serve these versions of iris; others: further values, by key."""
    return {
        "image": {
            "repository": image.repository,
            "tag": image.tag,
            "pullPolicy": "IfNotPresent",
        },
        "model": {"name": "iris"},
        "versions": {version: {} for version in versions},
        "traffic": dict(traffic),
        "source": {"existingClaim": CLAIM},
        # Requests that fit beside a control plane on two cores; no limit of the CPU.
        "resources": {
            "requests": {"cpu": "50m", "memory": "192Mi"},
            "limits": {"memory": "1Gi"},
        },
        **others,
    }


def with_tag(values: Mapping[str, Any], tag: str) -> dict[str, Any]:
    """Return the values with another tag of the image."""
    return {**values, "image": {**values["image"], "tag": tag}}
