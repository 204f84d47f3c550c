"""What is on the volume: every model and version, told whole each time.

It reads names, sizes and times only. It never opens an artifact; the loader does.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, replace
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


@dataclass(frozen=True, slots=True)
class Scan:
    """What was found, and what could not be looked at: a model, or one of its versions.

    trouble: a sentence about the latter, None where everything could be read.
    """

    versions: Mapping[Key, VersionFiles]
    unreadable: frozenset[tuple[str, ...]] = frozenset()
    trouble: str | None = None

    def hides(self, key: Key) -> bool:
        """Tell whether a version may be there, below something that could not be read."""
        return key in self.unreadable or key[:1] in self.unreadable

    def only(self, models: frozenset[str]) -> Scan:
        """Return the same for these models alone."""
        kept = {key: files for key, files in self.versions.items() if key[0] in models}
        return replace(self, versions=kept)


def scan(models_dir: Path) -> Scan:
    """Return every version below ``<models_dir>/<model>/<version>/``. Blocking.

    Dot directories, ``lost+found`` and whatever can't be a name are passed over; a single
    directory that can't be entered is told, and keeps nobody else from being found.

    Raises:
        OSError: the repository can't be read, so that what is missing here may not be gone.
    """
    found: dict[Key, VersionFiles] = {}
    unreadable: dict[tuple[str, ...], str] = {}
    for model in _directories(models_dir):
        try:
            versions = _directories(model)
        except OSError as error:
            unreadable[model.name,] = _one_entry(error)
            continue
        for version in versions:
            try:
                files = scan_version(model.name, version.name, version)
            except OSError as error:
                unreadable[model.name, version.name] = _one_entry(error)
                continue
            if files is not None:
                found[files.key] = files
    trouble = "; ".join(f"{'/'.join(key)} can't be read: {why}" for key, why in unreadable.items())
    return Scan(found, frozenset(unreadable), trouble or None)


def scan_version(model: str, version: str, path: Path) -> VersionFiles | None:
    """Return one version directory, or None where it holds neither artifact nor manifest.

    Raises:
        OSError: it can't be read.
    """
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


def _one_entry(error: OSError) -> str:
    """Return why one directory can't be read; whatever may mean the volume itself is raised."""
    if error.errno not in (errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG):
        raise error
    return error.strerror or type(error).__name__


def _directories(parent: Path) -> list[Path]:
    try:
        with os.scandir(parent) as entries:
            return sorted(Path(e.path) for e in entries if is_name(e.name) and _is_directory(e))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError as error:
        _one_entry(error)
        return False
