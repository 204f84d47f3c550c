"""Writes a version: artifact and manifest, complete or not at all.

It runs where a model was trained, not in a server. What it writes the loader reads.
"""

from __future__ import annotations

import gc
import os
import secrets
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skerry import __version__
from skerry.controlplane.loader import digest_of
from skerry.controlplane.memory import resident_bytes
from skerry.controlplane.source import MANIFEST, artifact_format, parse_model_file
from skerry.core.errors import Unsupported
from skerry.core.manifest import FORMATS, Artifact, Manifest, Sample
from skerry.core.plan import Parity, Plan
from skerry.core.servable import Servable
from skerry.core.signature import DType, Feature, Signature
from skerry.runtimes.base import Known, LoadOptions
from skerry.runtimes.registry import runtime_for
from skerry.runtimes.samples import check_samples, draw_rows, golden_samples
from skerry.runtimes.training import TrainingTable, describe_table, table_rows

if TYPE_CHECKING:
    import pandas as pd

SAMPLE_ROWS = 20
_NO_SAMPLES = "it answered none of the sample rows, so nothing proves its answers: give it --data"
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
    model_file = parse_model_file(file.name)
    if model_file is None:
        suffixes = ", ".join(f".{suffix}" for suffix in FORMATS)
        raise PackageError(f"{file.name}: expected a file that ends in one of {suffixes}")
    target = repository / model / version
    if target.exists():
        raise PackageError(
            f"{model} {version} is there already, and a version is immutable: choose another name"
        )
    with _staging(target) as directory:
        artifact = _copy(file, directory / model_file.artifact)
        packaged = _Model(
            directory / model_file.artifact, artifact.format, options or LoadOptions()
        ).describe(data)
        info = packaged.servable.info
        manifest = Manifest(
            model=model,
            version=version,
            created_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            skerry_version=__version__,
            artifact=artifact,
            task=info.task,
            estimator=info.estimator,
            packages=info.packages,
            signature=info.signature,
            samples=packaged.samples,
            training=packaged.training,
            plan={**packaged.plan.to_dict(), "cpu": packaged.plan.cpu},
            memory_bytes=packaged.memory_bytes,
        )
        _write_text(directory / MANIFEST, manifest.to_json())
        _move(directory, target)
    unproved = not packaged.samples and not info.draws_at_random
    warnings = (*info.warnings, *((_NO_SAMPLES,) if unproved else ()))
    return WrittenVersion(target, manifest, warnings, packaged.ignored)


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


@dataclass(frozen=True, slots=True)
class _Packaged:
    servable: Servable
    memory_bytes: int
    samples: tuple[Sample, ...]
    training: Mapping[str, Any] | None
    ignored: tuple[str, ...]
    plan: Plan


@dataclass(frozen=True, slots=True)
class _Model:
    """A model file that is loaded as often as its description takes.

    The golden samples are scikit-learn's own answers; the plan is then held against them.
    """

    file: Path
    format: str
    options: LoadOptions

    def describe(self, data: pd.DataFrame | None) -> _Packaged:
        """Return the servable with its golden samples, and what the data tell about it."""
        if data is None:
            servable, memory_bytes = self._load_alone()
            rows = draw_rows(servable.info.signature, SAMPLE_ROWS, seed=0)
            samples = golden_samples(servable, rows)
            plan = self._plan(servable.info.signature, samples)
            return _Packaged(servable, memory_bytes, samples, None, (), plan)
        table = self._described(data)
        servable, memory_bytes = self._load(table.signature)
        with _data_at_fault():
            rows = table_rows(table, data, SAMPLE_ROWS, seed=0)
        samples = golden_samples(servable, rows)
        plan = self._plan(servable.info.signature, samples)
        return _Packaged(servable, memory_bytes, samples, table.training, table.ignored, plan)

    def _plan(self, signature: Signature, samples: tuple[Sample, ...]) -> Plan:
        known = Known(signature, tuple(sample.features for sample in samples))
        servable = runtime_for(self.format).prepare(self._read(), known, self.options)
        check_samples(servable, samples)
        return servable.info.plan

    def _read(self) -> object:
        with self.file.open("rb") as opened:
            return runtime_for(self.format).read(opened, self.format, self.options)

    def _described(self, data: pd.DataFrame) -> TrainingTable:
        try:
            signature = self._load(None)[0].info.signature
        except Unsupported:
            # It may only lack what the table has: names and number of its features.
            columns = tuple(Feature(str(name), DType.FLOAT64) for name in data.columns)
            signature = Signature(columns, ())
        with _data_at_fault():
            return describe_table(signature, data)

    def _load_alone(self) -> tuple[Servable, int]:
        """Load it again where the first load imported packages: a server has imported them."""
        known = len(sys.modules)
        servable, memory_bytes = self._load(None)
        if len(sys.modules) == known:
            return servable, memory_bytes
        del servable
        return self._load(None)

    def _load(self, signature: Signature | None) -> tuple[Servable, int]:
        """Return a servable and the bytes that its load took."""
        gc.collect()
        before = resident_bytes()
        native = replace(self.options, parity=Parity.NATIVE)
        servable = runtime_for(self.format).prepare(self._read(), Known(signature), native)
        return servable, max(0, resident_bytes() - before)


@contextmanager
def _data_at_fault() -> Iterator[None]:
    """Say in a PackageError what a ValueError tells about the data."""
    try:
        yield
    except ValueError as error:
        raise PackageError(str(error)) from error
