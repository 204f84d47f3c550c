"""The traffic store: real files, and what is done when they are not as they should be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from skerry.controlplane.traffic_store import EnvStore, FileStore, StoreContent
from skerry.core.errors import StoreReadOnly
from skerry.core.traffic import TrafficDocument
from skerry.core.traffic_policy import TrafficPolicy

DOCUMENT = TrafficDocument({"iris": TrafficPolicy("v2")}, {"iris": TrafficPolicy("v1")})


def test_holds_nothing_without_a_file(tmp_path: Path) -> None:
    content = FileStore(tmp_path / "traffic.yaml").read()

    assert StoreContent("default", "default", TrafficDocument(), None, writable=True) == content


def test_reads_what_it_wrote(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "traffic.yaml")

    written = store.replace(DOCUMENT, "default")

    assert written == store.read()
    assert written is not None
    assert DOCUMENT == written.document
    assert ["traffic.yaml"] == os.listdir(tmp_path)


def test_writes_nothing_when_somebody_else_wrote_first(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "traffic.yaml")
    store.path.write_text("schema_version: 1\n", encoding="utf-8")

    assert store.replace(DOCUMENT, "default") is None
    assert TrafficDocument() == store.read().document


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"models: [", "traffic: expected YAML or JSON, got"),
        (b"models: !!timestamp foo", "traffic: expected YAML or JSON, got"),
        (b"models: !!bool maybe", "traffic: expected YAML or JSON, got"),
        (b"models: !!int ''", "traffic: expected YAML or JSON, got"),
        (b"\xff\xfe", "traffic: expected YAML or JSON, got"),
        (b"schema_version: 1\nmodel: {}", "got 'model'"),
        (b"a: " + b"[" * 5000, "traffic: expected YAML or JSON, got"),
        (b" " * (1024 * 1024 + 1), "traffic: expected at most 1048576 bytes"),
    ],
)
def test_trouble_is_told_and_not_raised(tmp_path: Path, content: bytes, error: str) -> None:
    store = FileStore(tmp_path / "traffic.yaml")
    store.path.write_bytes(content)

    read = store.read()

    assert read.document is None
    assert error in str(read.error)
    assert str(tmp_path) not in str(read.error)


def test_an_empty_file_has_no_policy(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "traffic.yaml")
    store.path.write_bytes(b"\n")

    assert TrafficDocument() == store.read().document


def test_a_mounted_configmap_is_read_only(tmp_path: Path) -> None:
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "traffic.yaml").write_text("schema_version: 1\n", encoding="utf-8")
    os.symlink("..data/traffic.yaml", tmp_path / "traffic.yaml")
    store = FileStore(tmp_path / "traffic.yaml")

    assert not store.read().writable
    assert TrafficDocument() == store.read().document
    with pytest.raises(StoreReadOnly, match="helm upgrade"):
        store.replace(DOCUMENT, store.read().generation)


def test_the_environment_is_read_only() -> None:
    store = EnvStore('{"schema_version": 1, "models": {"iris": {"stable": "v1"}}}')

    assert not store.read().writable
    assert {"iris": TrafficPolicy("v1")} == (store.read().document or TrafficDocument()).models
    with pytest.raises(StoreReadOnly, match="SKERRY_TRAFFIC"):
        store.replace(DOCUMENT, store.read().generation)
