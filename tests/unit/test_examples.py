"""examples/ and k8s/ agree with the rest of the repository."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from examples.train_iris import ESTIMATORS, FEATURES, MODEL
from skerry import __version__
from skerry.cli import demo

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "docs" / "kubernetes.md", ROOT / "README.md", ROOT / "Dockerfile"]


def test_example_trains_what_the_demo_trains() -> None:
    in_demo = demo.estimators()

    assert (demo.MODEL, list(demo.FEATURES)) == (MODEL, FEATURES)
    assert {v: repr(e) for v, e in in_demo.items()} == {v: repr(e) for v, e in ESTIMATORS.items()}


def test_training_jobs_differ_by_version_only() -> None:
    first, second = (
        (ROOT / "k8s" / f"train-{version}.yaml").read_text(encoding="utf-8")
        for version in ("v1", "v2")
    )

    # apiVersion: batch/v1 is no version of the model.
    assert second == re.sub(r"(?<!batch/)\bv1\b", "v2", first)


@pytest.mark.parametrize(
    "file", [*PAGES, *sorted((ROOT / "k8s").glob("*.yaml"))], ids=lambda file: file.name
)
def test_image_has_the_version_of_the_package(file: Path) -> None:
    tags = set(re.findall(r"\bskerry:(\d[\w.]*\w)", file.read_text(encoding="utf-8")))

    assert tags <= {__version__}


def test_image_is_named_where_it_is_built_and_where_it_is_used() -> None:
    name = f"skerry:{__version__}"

    for file in (*PAGES, ROOT / "k8s" / "train-v1.yaml"):
        assert name in file.read_text(encoding="utf-8"), file
