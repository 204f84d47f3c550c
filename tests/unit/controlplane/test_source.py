"""The source and the completeness rule: what is on the volume, and whether all of it is there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from skerry.controlplane.completeness import observe, waits_for
from skerry.controlplane.source import FileFacts, Scan, VersionFiles, artifact_format, scan


def make(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def test_reports_every_version_whole(tmp_path: Path) -> None:
    make(tmp_path, "iris/v1/model.joblib", "iris/v2/model.pkl.gz", "iris/v2/manifest.json")
    make(tmp_path, "wine/2024-10/model.onnx", "wine/2024-10/README.md")

    found = scan(tmp_path).versions

    assert {("iris", "v1"), ("iris", "v2"), ("wine", "2024-10")} == set(found)
    assert ["model.pkl.gz", "manifest.json"] == [f.name for f in found["iris", "v2"].files]


@pytest.mark.parametrize(
    "name",
    [
        "lost+found/v1/model.joblib",
        ".hidden/v1/model.joblib",
        "iris/.tmp-v1/model.joblib",
        "iris/..data/model.joblib",
        "iris/v1/other.joblib",
        "iris/v1/model.txt",
        "iris/v1/model.joblib.tmp",
        "iris/v1/deeper/model.joblib",
        "iris/model.joblib",
        "traffic.yaml",
    ],
)
def test_passes_over_what_is_no_version(tmp_path: Path, name: str) -> None:
    make(tmp_path, name)

    assert {} == scan(tmp_path).versions


def test_a_repository_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert {} == scan(tmp_path / "gone").versions


def test_follows_links_as_a_configmap_has_them(tmp_path: Path) -> None:
    make(tmp_path, "store/model.joblib")
    (tmp_path / "models" / "iris" / "v1").mkdir(parents=True)
    os.symlink(tmp_path / "store" / "model.joblib", tmp_path / "models/iris/v1/model.joblib")

    assert [("iris", "v1")] == list(scan(tmp_path / "models").versions)


def test_a_link_in_circles_keeps_nobody_else_from_being_found(tmp_path: Path) -> None:
    make(tmp_path, "iris/v1/model.joblib")
    os.symlink("v2", tmp_path / "iris" / "v2")
    os.symlink("wine", tmp_path / "wine")

    assert [("iris", "v1")] == list(scan(tmp_path).versions)


def test_what_is_below_an_unreadable_directory_may_still_be_there() -> None:
    found = Scan({}, frozenset({("iris", "v2"), ("wine",)}), "why")

    assert (True, True, False) == (
        found.hides(("iris", "v2")),
        found.hides(("wine", "v1")),
        found.hides(("iris", "v3")),
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_a_closed_directory_is_told_and_what_is_below_is_not_taken_for_gone(
    tmp_path: Path,
) -> None:
    make(tmp_path, "iris/v1/model.joblib", "iris/v2/model.joblib", "wine/v1/model.joblib")
    (tmp_path / "iris" / "v2").chmod(0)
    (tmp_path / "wine").chmod(0)

    found = scan(tmp_path)

    assert [("iris", "v1")] == list(found.versions)
    assert found.hides(("iris", "v2"))
    assert found.hides(("wine", "v1"))
    assert not found.hides(("iris", "v3"))
    assert "iris/v2 can't be read: Permission denied" in str(found.trouble)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("model.joblib", "joblib"),
        ("model.pkl", "pickle"),
        ("model.pickle", "pickle"),
        ("model.pkl.gz", "pickle"),
        ("model.skops", "skops"),
        ("model.onnx", "onnx"),
    ],
)
def test_suffix_tells_the_format(name: str, expected: str) -> None:
    assert expected == artifact_format(name)


WALL_S = 1_000_000.0


def version(*, size: int = 1, modified_s: float = WALL_S, artifacts: int = 1) -> VersionFiles:
    files = tuple(FileFacts(f"model{i}", size, modified_s, i) for i in range(artifacts))
    manifest = FileFacts("manifest.json", 1, modified_s, 9)
    return VersionFiles("iris", "v1", Path("iris/v1"), files, manifest)


def waiting(
    *looks: tuple[float, VersionFiles], now_s: float, settle_time_s: float = 2.0
) -> str | None:
    observed = None
    for at_s, files in looks:
        observed = observe(observed, files, at_s)
    assert observed is not None
    return waits_for(observed, now_s=now_s, wall_s=WALL_S + now_s, settle_time_s=settle_time_s)


@pytest.mark.parametrize(
    ("looks", "now_s", "expected"),
    [
        pytest.param([(0, version())], 0, "its files to stop changing", id="new"),
        pytest.param(
            [(0, version()), (1, version())], 1.9, "its files to stop changing", id="soon"
        ),
        pytest.param([(0, version()), (1, version())], 2.0, None, id="settled"),
        pytest.param(
            [(0, version()), (1.5, version(size=2))], 3.4, "its files to stop changing", id="grew"
        ),
        pytest.param([(0, version()), (1.5, version(size=2))], 3.5, None, id="grew-and-settled"),
        pytest.param([(0, version(modified_s=WALL_S - 2))], 0, None, id="old-at-first-sight"),
        pytest.param(
            [(0, version(modified_s=WALL_S - 60)), (1, version(size=2, modified_s=WALL_S - 60))],
            1,
            "its files to stop changing",
            id="grew-under-an-old-date",
        ),
        pytest.param([(0, version(artifacts=0))], 100, "its artifact", id="manifest-alone"),
    ],
)
def test_completeness(
    looks: list[tuple[float, VersionFiles]], now_s: float, expected: str | None
) -> None:
    assert expected == waiting(*looks, now_s=now_s)
