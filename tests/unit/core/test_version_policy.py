"""Which versions are to be loaded."""

from __future__ import annotations

import pytest

from skerry.core.errors import InvalidPolicy
from skerry.core.names import is_name, natural_key
from skerry.core.version_policy import VersionPolicy


@pytest.mark.parametrize(
    ("policy", "versions", "failed", "expected"),
    [
        ("all", "v1 v2", "", "v1 v2"),
        ("latest:1", "v9 v10", "", "v10"),
        ("latest:2", "v1 v2 v3", "", "v2 v3"),
        ("latest:1", "v1 v2 v3", "v3", "v2 v3"),
        ("latest:1", "v1 v2 v3", "v3 v2", "v1 v2 v3"),
        ("latest:1", "v1", "v1", "v1"),
        ("specific:v1,v3", "v1 v2", "", "v1"),
        ("specific:v3, v1", "v1 v2 v3", "v3", "v1 v3"),
    ],
)
def test_failed_versions_do_not_count(
    policy: str, versions: str, failed: str, expected: str
) -> None:
    parsed = VersionPolicy.from_value(policy, "policy")

    assert set(expected.split()) == parsed.select(versions.split(), failed.split())


@pytest.mark.parametrize(
    "value",
    [
        "",
        "latest",
        "latest:0",
        "latest:-1",
        "latest:x",
        "latest:١",
        "specific:",
        "newest",
        3,
        [],
        [1],
    ],
)
def test_refuses_what_is_no_policy(value: object) -> None:
    with pytest.raises(InvalidPolicy, match=r"^policy: expected"):
        VersionPolicy.from_value(value, "policy")


def test_versions_stand_in_natural_order() -> None:
    versions = ["v10", "v9", "v1.10", "v1.9", "2024-10", "2024-9", "v2"]

    assert ["2024-9", "2024-10", "v1.9", "v1.10", "v2", "v9", "v10"] == sorted(
        versions, key=natural_key
    )


@pytest.mark.parametrize("name", ["v1", "a", "v1.2.3", "2024-10-01_b", "A" * 63])
def test_takes_names(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize(
    "name", ["", ".tmp-x", "..data", "lost+found", "-v1", "v1-", "a/b", "ü", "A" * 64, "v1\n"]
)
def test_passes_over_what_is_no_name(name: str) -> None:
    assert not is_name(name)
