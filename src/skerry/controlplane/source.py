"""What is on the volume: every model and version, told whole each time.

It reads names, sizes and times only. It never opens an artifact; the loader does.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from skerry.core.manifest import FORMATS
from skerry.core.names import is_name

MANIFEST = "manifest.json"
_SUFFIX = rf"\.({'|'.join(FORMATS)})(\.(gz|bz2|xz|lzma|z))?"
_ARTIFACT = re.compile(rf"model{_SUFFIX}", re.ASCII)
_MODEL_FILE = re.compile(rf"(?P<stem>.+?)(?P<suffix>{_SUFFIX})", re.ASCII)
Key = tuple[str, str]
"""Model and version."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """One file of a version: enough to notice that it changed."""

    name: str
    size_bytes: int
    modified_s: float
    inode: int


@dataclass(frozen=True, slots=True)
class VersionFiles:
    """A version directory that holds an artifact, a manifest, or both.

    artifacts: normally one; two make the version FAILED.
    """

    model: str
    version: str
    path: Path
    artifacts: tuple[FileFacts, ...]
    manifest: FileFacts | None

    @property
    def key(self) -> Key:
        """Model and version."""
        return self.model, self.version

    @property
    def files(self) -> tuple[FileFacts, ...]:
        """All files that count; equal before and after means nothing changed."""
        return (*self.artifacts, *(() if self.manifest is None else (self.manifest,)))

    @property
    def modified_s(self) -> float:
        """Wall-clock time of the last change, in seconds since the epoch."""
        return max(file.modified_s for file in self.files)


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model file's name, taken apart. artifact: what it is called in a version directory."""

    stem: str
    artifact: str


def parse_model_file(name: str) -> ModelFile | None:
    """Return the parts of a file name such as ``iris.pkl.gz``; None where it is no model's."""
    match = _MODEL_FILE.fullmatch(name)
    return None if match is None else ModelFile(match["stem"], f"model{match['suffix']}")


def artifact_format(name: str) -> str:
    """Return the format that an artifact's file name stands for, e.g. ``joblib``."""
    return FORMATS[name.split(".")[1]]


def scan(models_dir: Path) -> Mapping[Key, VersionFiles]:
    """Return every version below ``<models_dir>/<model>/<version>/``. Blocking.

    Dot directories, ``lost+found`` and whatever can't be a name are passed over.

    Raises:
        OSError: a directory can't be read, so that what is missing here may not be gone.
    """
    found: dict[Key, VersionFiles] = {}
    for model in _directories(models_dir):
        for version in _directories(model):
            files = scan_version(model.name, version.name, version)
            if files is not None:
                found[files.key] = files
    return found


def scan_version(model: str, version: str, path: Path) -> VersionFiles | None:
    """Return one version directory, or None where it holds neither artifact nor manifest."""
    artifacts: list[FileFacts] = []
    manifest: FileFacts | None = None
    try:
        names = sorted(os.listdir(path))
    except FileNotFoundError:
        return None
    for name in names:
        if name != MANIFEST and _ARTIFACT.fullmatch(name) is None:
            continue
        try:
            facts = os.stat(path / name)
        except FileNotFoundError:
            continue
        if not stat.S_ISREG(facts.st_mode):
            continue
        file = FileFacts(name, facts.st_size, facts.st_mtime, facts.st_ino)
        if name == MANIFEST:
            manifest = file
        else:
            artifacts.append(file)
    if not artifacts and manifest is None:
        return None
    return VersionFiles(model, version, path, tuple(artifacts), manifest)


def _directories(parent: Path) -> list[Path]:
    try:
        with os.scandir(parent) as entries:
            return sorted(Path(e.path) for e in entries if is_name(e.name) and e.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []
