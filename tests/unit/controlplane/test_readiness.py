"""Readiness: what is required, and what is missing."""

from __future__ import annotations

import pytest

from skerry.controlplane.readiness import ModelStatus, missing, required_models
from skerry.core.version_state import VersionState


@pytest.mark.parametrize(
    ("configured", "in_store", "first_found", "once_ready", "expected"),
    [
        ("", "", "iris", "", "iris"),
        ("", "", "iris wine", "iris", "iris wine"),
        ("", "", "iris", "iris wine", "iris wine"),
        ("", "iris", "iris wine", "iris", "iris"),
        ("wine", "iris", "iris wine", "", "wine"),
        ("wine", "", "iris wine", "iris wine", "iris wine"),
        ("", "", "", "", ""),
    ],
)
def test_required_models(
    configured: str, in_store: str, first_found: str, once_ready: str, expected: str
) -> None:
    required = required_models(
        configured.split(), in_store.split(), first_found.split(), once_ready.split()
    )

    assert set(expected.split()) == required


def test_is_not_ready_without_any_model() -> None:
    reasons = missing([], {}, draining=False, trouble=None)

    assert ["no model in the repository"] == [r.reason for r in reasons]


def test_is_not_ready_while_draining() -> None:
    models = {"iris": ModelStatus("iris", "v1")}

    reasons = missing(["iris"], models, draining=True, trouble=None)

    assert ["the process is shutting down"] == [r.reason for r in reasons]


def test_names_every_model_that_is_missing() -> None:
    models = {
        "iris": ModelStatus("iris", None, "v2", VersionState.FAILED, "truncated"),
        "wine": ModelStatus("wine", "v1"),
    }

    reasons = missing(["iris", "wine", "cars"], models, draining=False, trouble=None)

    assert [
        ("cars", None, None, "not in the repository"),
        ("iris", "v2", VersionState.FAILED, "truncated"),
    ] == [(r.model, r.version, r.state, r.reason) for r in reasons]


def test_a_store_that_cannot_be_read_leaves_a_serving_process_ready() -> None:
    models = {"iris": ModelStatus("iris", "v1")}

    assert [] == missing(["iris"], models, draining=False, trouble="not YAML")
