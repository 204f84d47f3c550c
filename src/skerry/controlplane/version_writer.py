"""Writes a version: artifact and manifest, complete or not at all.

It runs where a model was trained, not in a server. What it writes the loader reads.
"""

from __future__ import annotations

import gc
import os
import re
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skerry import __version__
from skerry.controlplane.loader import digest_of
from skerry.controlplane.memory import resident_bytes
from skerry.controlplane.source import MANIFEST, artifact_format
from skerry.core.manifest import FORMATS, Artifact, Manifest, Sample
from skerry.core.servable import Servable
from skerry.core.signature import Signature
from skerry.runtimes.base import LoadOptions
from skerry.runtimes.registry import runtime_for
from skerry.runtimes.samples import draw_rows, golden_samples

if TYPE_CHECKING:
    import pandas as pd

SAMPLE_ROWS = 20
_MODEL_FILE = re.compile(
    rf".+?\.(?P<suffix>{'|'.join(FORMATS)})(?P<compression>(\.(gz|bz2|xz|lzma|z))?)", re.ASCII
)
_COPY_BYTES = 1024 * 1024


class PackageError(Exception):
    """The version can't be written; the text is one line that says why."""


@dataclass(frozen=True, slots=True)
class WrittenVersion:
    """What was written, and what there is to say about it.

    ignored: columns of the data that are no features.
    """

    path: Path
    manifest: Manifest
    warnings: tuple[str, ...]
    ignored: tuple[str, ...]


def artifact_name(file: Path) -> str | None:
    """Return what a model file is called in a version, ``model.joblib``; None for other files."""
    match = _MODEL_FILE.fullmatch(file.name)
    return None if match is None else f"model.{match['suffix']}{match['compression']}"


def write_version(
    file: Path,
    repository: Path,
    model: str,
    version: str,
    *,
    data: pd.DataFrame | None = None,
    options: LoadOptions | None = None,
) -> WrittenVersion:
    """Copy a model file into ``<repository>/<model>/<version>/`` and describe it. Blocking.

    The model is loaded, which runs the code that the file names, and answers the golden samples.
    data: rows the model was trained on, or like them, for ranges and samples; columns by feature
        name, others are ignored.

    Raises:
        PackageError: the version is there already, the file is none, or the data don't fit.
        LoadError: the model can't be served.
    """
    name = artifact_name(file)
    if name is None:
        suffixes = ", ".join(f".{suffix}" for suffix in FORMATS)
        raise PackageError(f"{file.name}: expected a file that ends in one of {suffixes}")
    target = repository / model / version
    if target.exists():
        raise PackageError(
            f"{model} {version} is there already, and a version is immutable: choose another name"
        )
    options = LoadOptions(parity="native") if options is None else options
    with _staging(target) as directory:
        artifact = _copy(file, directory / name)
        servable, memory_bytes = _load(directory / name, artifact.format, options)
        described = _describe(servable, data)
        manifest = Manifest(
            model=model,
            version=version,
            created_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            skerry_version=__version__,
            artifact=artifact,
            task=servable.info.task,
            estimator=servable.info.estimator,
            packages=servable.info.packages,
            signature=described.signature,
            samples=described.samples,
            training=described.training,
            memory_bytes=memory_bytes,
        )
        _write_text(directory / MANIFEST, manifest.to_json())
        _move(directory, target)
    return WrittenVersion(target, manifest, servable.info.warnings, described.ignored)


@contextmanager
def _staging(target: Path) -> Iterator[Path]:
    """Return a directory beside the target, by a name that no server takes for a version."""
    target.parent.mkdir(parents=True, exist_ok=True)
    directory = target.parent / f".tmp-{secrets.token_hex(6)}"
    # Not tempfile's 0700: who serves it may be another user.
    directory.mkdir()
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _copy(source: Path, target: Path) -> Artifact:
    with source.open("rb") as read, target.open("xb+") as written:
        shutil.copyfileobj(read, written, _COPY_BYTES)
        written.flush()
        os.fsync(written.fileno())
        size_bytes = written.tell()
    with target.open("rb") as file:
        return Artifact(target.name, artifact_format(target.name), digest_of(file), size_bytes)


def _write_text(file: Path, text: str) -> None:
    with file.open("x", encoding="utf-8") as written:
        written.write(text)
        written.flush()
        os.fsync(written.fileno())


def _move(directory: Path, target: Path) -> None:
    """Make the version visible, whole."""
    _sync(directory)
    try:
        directory.rename(target)
    except OSError as error:
        if target.exists():  # somebody was faster
            raise PackageError(f"{target.parent.name} {target.name} is there already") from error
        raise
    _sync(target.parent)


def _sync(directory: Path) -> None:
    """Have the directory's entries on the disk."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _load(file: Path, format: str, options: LoadOptions) -> tuple[Servable, int]:
    """Return the servable and the bytes that its load took.

    The first load imports packages, which a server has imported anyway: where it did, measure a
    second one.
    """
    known = len(sys.modules)
    servable, memory_bytes = _measured_load(file, format, options)
    if len(sys.modules) == known:
        return servable, memory_bytes
    del servable
    return _measured_load(file, format, options)


def _measured_load(file: Path, format: str, options: LoadOptions) -> tuple[Servable, int]:
    gc.collect()
    before = resident_bytes()
    runtime = runtime_for(format)
    with file.open("rb") as opened:
        model = runtime.read(opened, format, options)
    servable = runtime.prepare(model, None, options)
    del model
    return servable, max(0, resident_bytes() - before)


@dataclass(frozen=True, slots=True)
class _Described:
    signature: Signature
    samples: tuple[Sample, ...]
    training: dict[str, Any] | None
    ignored: tuple[str, ...]


def _describe(servable: Servable, data: pd.DataFrame | None) -> _Described:
    signature = servable.info.signature
    if data is None:
        samples = golden_samples(servable, draw_rows(signature, SAMPLE_ROWS, seed=0))
        return _Described(signature, samples, None, ())
    raise NotImplementedError
