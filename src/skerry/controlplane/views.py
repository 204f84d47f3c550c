"""What the API shows of models and versions: plain data, read off the catalog."""

from __future__ import annotations

from typing import Any

from skerry.controlplane.catalog import Catalog
from skerry.controlplane.harness import Harness
from skerry.controlplane.readiness import ModelStatus, NotReady, missing
from skerry.controlplane.source import artifact_format
from skerry.core.errors import ModelNotFound, VersionNotFound
from skerry.core.names import natural_key
from skerry.core.times import rfc3339
from skerry.core.version_state import VersionState


def describe_version(catalog: Catalog, model: str, version: str, *, whole: bool) -> dict[str, Any]:
    """Return a version; ``whole`` adds its signature and plan.

    Raises:
        ModelNotFound, VersionNotFound: as the names say.
    """
    harness = find_version(catalog, model, version)
    info, loaded = harness.info, harness.loaded
    in_force = catalog.traffic.get(model)
    data: dict[str, Any] = {
        "model": model,
        "version": version,
        "state": harness.state,
        "reason": harness.reason,
        "state_since": rfc3339(harness.since),
        "tracks": [] if in_force is None else in_force.tracks_of(version),
        "in_flight": 0 if harness.slot is None else harness.slot.in_flight,
        "task": None if info is None else info.task,
        "estimator": None if info is None else info.estimator,
        "warnings": _warnings(harness),
        "artifact": _artifact(harness),
        "packages": {
            "trained": {} if loaded is None else dict(loaded.trained_packages),
            "serving": {} if info is None else dict(info.packages),
        },
        "load": {
            "duration_s": None if loaded is None else round(loaded.duration_s, 4),
            "attempts": harness.attempts,
            "memory_bytes": None if loaded is None else loaded.memory_bytes,
            "next_attempt_at": _next_attempt(harness),
        },
    }
    if whole:
        data["signature"] = None if info is None else info.signature.to_dict()
        data["plan"] = None if info is None else info.plan.to_dict()
    return data


def describe_model(catalog: Catalog, model: str, traffic: dict[str, Any]) -> dict[str, Any]:
    """Return a model with its versions, newest first; ``traffic`` is ``TrafficControl.describe``'s.

    Raises:
        ModelNotFound: there is none of that name.
    """
    versions = catalog.versions(model)
    in_force = catalog.traffic.get(model)
    return {
        "name": model,
        "ready": in_force is not None and in_force.stable is not None,
        "traffic": traffic,
        "versions": [
            describe_version(catalog, model, version, whole=False)
            for version in sorted(versions, key=natural_key, reverse=True)
        ],
    }


def find_version(catalog: Catalog, model: str, version: str) -> Harness:
    """Return a version's harness.

    Raises:
        ModelNotFound, VersionNotFound: as the names say.
    """
    versions = catalog.versions(model)
    if not versions:
        raise ModelNotFound(f"model {model!r} does not exist")
    if version not in versions:
        raise VersionNotFound(f"{model} has no version {version!r}")
    return versions[version]


def model_statuses(catalog: Catalog) -> dict[str, ModelStatus]:
    """Return every known model as readiness sees it."""
    return {model: _status(catalog, model) for model in catalog.models()}


def what_is_missing(catalog: Catalog, *, draining: bool) -> list[NotReady]:
    """Return what keeps this process from being ready; nothing means ready."""
    looking = not catalog.started and catalog.source_error is None
    if looking and not draining and not catalog.required():
        return [NotReady(None, None, None, "the repository is being read")]
    return missing(
        catalog.required(),
        model_statuses(catalog),
        draining=draining,
        trouble=catalog.source_error or catalog.content.error,
    )


def _status(catalog: Catalog, model: str) -> ModelStatus:
    in_force = catalog.traffic.get(model)
    stable = None if in_force is None else in_force.stable
    if stable is not None:
        return ModelStatus(model, stable, stable, VersionState.READY)
    policy, versions = catalog.policy(model), catalog.versions(model)
    awaited = max(versions, key=natural_key) if policy is None else policy.stable
    harness = versions.get(awaited)
    if harness is None:
        return ModelStatus(model, None, awaited, None, "not on the volume")
    reason = harness.reason or catalog.content.error or f"{awaited} is {harness.state}"
    return ModelStatus(model, None, awaited, harness.state, reason)


def _warnings(harness: Harness) -> list[str]:
    warnings = [] if harness.info is None else list(harness.info.warnings)
    if harness.state is VersionState.READY and harness.files.files != harness.loaded_files.files:
        warnings.append(
            "the files changed after the load; a version is immutable: give the new ones a new name"
        )
    return warnings


def _artifact(harness: Harness) -> dict[str, Any] | None:
    if harness.loaded is not None:
        return {**harness.loaded.artifact.to_dict(), "has_manifest": harness.loaded.has_manifest}
    if not harness.files.artifacts:
        return None
    file = harness.files.artifacts[0]
    return {
        "file": file.name,
        "format": artifact_format(file.name),
        "digest": None,
        "size_bytes": file.size_bytes,
        "has_manifest": harness.files.manifest is not None,
    }


def _next_attempt(harness: Harness) -> str | None:
    if harness.state is not VersionState.FAILED or harness.next_attempt_at is None:
        return None
    return rfc3339(harness.next_attempt_at)
