"""The locks of the servers that Skerry is measured beside."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.peers.environments import LOCKS

NAMES = ("bentoml", "mlflow", "mlserver")


@pytest.mark.parametrize("name", NAMES)
def test_a_lock_names_hashes_and_no_index(name: str) -> None:
    lines = (LOCKS / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    pinned = [i for i, line in enumerate(lines) if line[:1].isalnum()]

    assert any(lines[i].startswith(f"{name}==") for i in pinned)
    assert [lines[i] for i in pinned if "--hash=sha256:" not in lines[i + 1]] == []
    assert [line for line in lines if "index-url" in line or "://" in line] == []


def test_every_lock_has_its_input() -> None:
    assert sorted(NAMES) == sorted(file.stem for file in LOCKS.glob("*.in"))
    assert sorted(NAMES) == sorted(file.stem for file in Path(LOCKS).glob("*.txt"))
