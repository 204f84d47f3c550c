"""Loads one version: verify, read, warm, self-test. Blocking, for a thread of the manager.

Nothing is unpickled before the digest was held against the manifest and the traffic policy.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedReader
from typing import Any

from skerry import __version__
from skerry.controlplane.handover import share_at_every_call
from skerry.controlplane.memory import check_fits, estimate_bytes, resident_bytes
from skerry.controlplane.source import MANIFEST, VersionFiles, artifact_format
from skerry.core.errors import DigestMismatch, LoadError, Unreadable, Unsupported
from skerry.core.manifest import Artifact, Manifest
from skerry.core.phases import begin_phase
from skerry.core.plan import Plan
from skerry.core.servable import Servable
from skerry.core.version_state import VersionState
from skerry.runtimes.base import Known, LoadOptions
from skerry.runtimes.registry import runtime_for
from skerry.runtimes.samples import check_samples

_MAX_MANIFEST_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class LoadedVersion:
    """What a load found out, kept for as long as the version is known. Holds no model.

    training: as the manifest has it; None where it has none.
    """

    artifact: Artifact
    has_manifest: bool
    trained_packages: Mapping[str, str]
    duration_s: float
    memory_bytes: int
    training: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Loader:
    """How versions are loaded here.

    available_bytes: memory left below the limit, None where there is none.
    """

    options: LoadOptions
    require_manifest: bool
    available_bytes: Callable[[], int | None]

    def load(
        self,
        files: VersionFiles,
        digest: str | None,
        progress: Callable[[VersionState], None],
    ) -> tuple[Servable, LoadedVersion]:
        """Return a servable that has answered already, and the facts of its load.

        digest: ``sha256:…`` that the traffic policy demands.
        progress: called when LOADING and WARMING begin, on this thread.

        Raises:
            LoadError: with a reason without paths; anything else is a defect.
        """
        started_s, memory_before = time.monotonic(), resident_bytes()
        begin_phase("verify")
        artifact_file = _the_artifact(files)
        manifest = read_manifest(files)
        if manifest is None and self.require_manifest:
            raise DigestMismatch("it has no manifest.json, and SKERRY_REQUIRE_MANIFEST is set")
        try:
            with (files.path / artifact_file).open("rb") as file:
                artifact = _verify(file, artifact_file, manifest, digest)
                compressed = artifact_file.count(".") > 1 or _looks_compressed(file)
                measured = 0 if manifest is None else manifest.memory_bytes
                estimate = estimate_bytes(
                    artifact.size_bytes, compressed=compressed, measured_bytes=measured
                )
                check_fits(estimate, self.available_bytes())
                progress(VersionState.LOADING)
                begin_phase("read")
                runtime = runtime_for(artifact.format)
                model = runtime.read(file, artifact.format, self.options)
        except OSError as error:
            raise Unreadable(f"{artifact_file} can't be read: {error.strerror}") from error
        progress(VersionState.WARMING)
        begin_phase("warm")
        known = Known() if manifest is None else known_from(manifest)
        with share_at_every_call():
            servable = runtime.prepare(model, known, self.options)
            del model
            if manifest is not None:
                begin_phase("check")
                check_samples(servable, manifest.samples)
        return servable, LoadedVersion(
            artifact=artifact,
            has_manifest=manifest is not None,
            trained_packages={} if manifest is None else manifest.packages,
            duration_s=time.monotonic() - started_s,
            memory_bytes=max(0, resident_bytes() - memory_before),
            training=None if manifest is None else manifest.training,
        )


def read_manifest(files: VersionFiles) -> Manifest | None:
    """Return the version's manifest, or None where it has none.

    Raises:
        Unreadable: it is not a manifest.
    """
    if files.manifest is None:
        return None
    try:
        with (files.path / MANIFEST).open("rb") as file:
            return Manifest.from_json(file.read(_MAX_MANIFEST_BYTES))
    except OSError as error:
        raise Unreadable(f"manifest.json can't be read: {error.strerror}") from error


def known_from(manifest: Manifest) -> Known:
    """Return what the manifest tells of its model; a plan that can't be read is none."""
    plan = None
    if manifest.plan and manifest.skerry_version == __version__:
        with suppress(KeyError, TypeError, ValueError, AttributeError):
            plan = Plan.from_dict(manifest.plan)
    samples = tuple(sample.features for sample in manifest.samples)
    return Known(manifest.signature, samples, plan, manifest.packages)


def matches_manifest(files: VersionFiles) -> bool:
    """Tell whether manifest and artifact already belong together, so that no copy goes on."""
    try:
        manifest = read_manifest(files)
        if manifest is None or len(files.artifacts) != 1:
            return False
        artifact = files.artifacts[0]
        expected = manifest.artifact
        if (artifact.name, artifact.size_bytes) != (expected.file, expected.size_bytes):
            return False
        with (files.path / artifact.name).open("rb") as file:
            return digest_of(file) == expected.digest
    except (OSError, LoadError):
        return False  # The load finds out, and says what is wrong.


def digest_of(file: BufferedReader) -> str:
    """Return ``sha256:…`` of the file from its start. Releases the GIL while it hashes."""
    file.seek(0)
    return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def _the_artifact(files: VersionFiles) -> str:
    names = [artifact.name for artifact in files.artifacts]
    if len(names) != 1:
        raise Unsupported(f"expected exactly one artifact, got {len(names)}: {', '.join(names)}")
    return names[0]


def _verify(
    file: BufferedReader, name: str, manifest: Manifest | None, digest: str | None
) -> Artifact:
    """Hash the open file, so that what is read afterwards is what was verified."""
    found = digest_of(file)
    size_bytes = file.tell()
    file.seek(0)
    if manifest is not None:
        if manifest.artifact.file != name:
            raise DigestMismatch(
                f"the manifest describes {manifest.artifact.file}, the artifact is {name}"
            )
        if manifest.artifact.digest != found:
            raise DigestMismatch(
                f"{name}: the manifest says {manifest.artifact.digest} of"
                f" {manifest.artifact.size_bytes} bytes, the file has {found} of {size_bytes} bytes"
            )
    if digest is not None and digest != found:
        raise DigestMismatch(f"{name}: the traffic policy says {digest}, the file has {found}")
    return Artifact(name, artifact_format(name), found, size_bytes)


def _looks_compressed(file: BufferedReader) -> bool:
    """Tell a compressed joblib file from a plain pickle, which starts with 0x80 and a version."""
    first = file.read(1)
    file.seek(0)
    return first != b"\x80"
