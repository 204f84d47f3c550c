"""What lies at a path, as plain data: digests are checked, and models loaded only where needed."""

from __future__ import annotations

import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

import click

from skerry.controlplane.loader import Loader, digest_of, read_manifest
from skerry.controlplane.source import (
    VersionFiles,
    artifact_format,
    parse_model_file,
    scan,
    scan_version,
)
from skerry.core.errors import LoadError
from skerry.core.manifest import Manifest
from skerry.core.names import natural_key
from skerry.runtimes.base import LoadOptions


def inspect_path(
    path: Path, model: str | None, version: str | None, *, verify: bool, options: LoadOptions
) -> dict[str, Any]:
    """Return a version, or ``{"versions": […]}`` for a model or a repository. Blocking.

    A version has the keys of the API's, ``problem`` (a sentence, or None) in place of the state,
    and ``checks``: what held.

    Raises:
        click.UsageError: nothing there is a model.
    """
    if path.is_file():
        return _inspect_file(path, options)
    found = _find(path.resolve())
    chosen = [
        files
        for files in found
        if model in (None, files.model) and version in (None, files.version)
    ]
    if not found:
        raise click.UsageError(f"{path} holds no model: expected MODEL/VERSION/model.joblib in it")
    if not chosen:
        known = ", ".join(f"{files.model} {files.version}" for files in found)
        raise click.UsageError(f"{path} has no such version; there are {known}")
    if len(chosen) == 1:
        return _inspect(chosen[0], verify=verify, load=True, options=options)
    return {
        "versions": [
            _inspect(files, verify=verify, load=False, options=options) for files in chosen
        ]
    }


def _find(path: Path) -> list[VersionFiles]:
    """Return the versions at a version's, a model's or a repository's directory, newest last."""
    itself = scan_version(path.parent.name, path.name, path)
    if itself is not None:
        return [itself]
    below = [files for files in scan(path.parent).versions.values() if files.model == path.name]
    found = below or list(scan(path).versions.values())
    return sorted(found, key=lambda files: (files.model, natural_key(files.version)))


def _inspect_file(file: Path, options: LoadOptions) -> dict[str, Any]:
    model_file = parse_model_file(file.name)
    if model_file is None:
        raise click.UsageError(f"{file.name}: expected a .joblib, .pkl, .skops or .onnx file")
    with tempfile.TemporaryDirectory(prefix="skerry-") as directory:
        (Path(directory) / model_file.artifact).symlink_to(file.resolve())
        files = scan_version("", "", Path(directory))
        if files is None:
            raise click.UsageError(f"{file} is not a regular file")
        data = _inspect(files, verify=False, load=True, options=options)
    data["artifact"]["file"] = file.name
    return {**data, "model": None, "version": None}


def _inspect(
    files: VersionFiles, *, verify: bool, load: bool, options: LoadOptions
) -> dict[str, Any]:
    """Describe one version; ``load`` where it has no manifest, ``verify`` where it has one."""
    data = _empty(files)
    try:
        manifest = read_manifest(files)
        if manifest is not None:
            data |= _described(manifest)
        if len(files.artifacts) == 1:
            data["artifact"] = _artifact(files, has_manifest=manifest is not None)
        if manifest is not None and not verify:
            _check_digest(data["artifact"], manifest)
            data["checks"] = ["digest"]
        elif verify or load:
            data |= _loaded(files, manifest, options)
    except LoadError as error:
        data["problem"] = error.detail
    except OSError as error:
        data["problem"] = f"it can't be read: {error.strerror}"
    return data


def _empty(files: VersionFiles) -> dict[str, Any]:
    return {
        "model": files.model,
        "version": files.version,
        "problem": None,
        "checks": [],
        "task": None,
        "estimator": None,
        "warnings": [],
        "artifact": None,
        "packages": {"trained": {}, "serving": {}},
        "samples": 0,
        "memory_bytes": None,
        "created_at": None,
        "signature": None,
        "plan": None,
    }


def _artifact(files: VersionFiles, *, has_manifest: bool) -> dict[str, Any]:
    name = files.artifacts[0].name
    with (files.path / name).open("rb") as file:
        digest = digest_of(file)
        size_bytes = file.tell()
    return {
        "file": name,
        "format": artifact_format(name),
        "digest": digest,
        "size_bytes": size_bytes,
        "has_manifest": has_manifest,
    }


def _described(manifest: Manifest) -> dict[str, Any]:
    serving = {name: _installed(name) for name in manifest.packages}
    here = {name: version for name, version in serving.items() if version is not None}
    return {
        "task": manifest.task.value,
        "estimator": manifest.estimator,
        "packages": {"trained": dict(manifest.packages), "serving": here},
        "samples": len(manifest.samples),
        "memory_bytes": manifest.memory_bytes or None,
        "created_at": manifest.created_at,
        "signature": manifest.signature.to_dict(),
        "plan": {**manifest.plan, "cached": True} if manifest.plan else None,
        "warnings": [
            f"packaged with {name} {version}, here is {serving[name] or 'none'}"
            for name, version in manifest.packages.items()
            if name != "python" and serving[name] != version
        ],
    }


def _installed(package: str) -> str | None:
    import platform

    if package == "python":
        return platform.python_version()
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _check_digest(artifact: dict[str, Any] | None, manifest: Manifest) -> None:
    expected = manifest.artifact
    found = None if artifact is None else (artifact["file"], artifact["digest"])
    if found != (expected.file, expected.digest):
        from skerry.core.errors import DigestMismatch

        there = "nothing" if found is None else f"{found[0]} with {found[1]}"
        raise DigestMismatch(
            f"the manifest says {expected.file} with {expected.digest}, there is {there}"
        )


def _loaded(files: VersionFiles, manifest: Manifest | None, options: LoadOptions) -> dict[str, Any]:
    """Load it as a server does, without regard to memory: that is another machine's."""
    loader = Loader(options, require_manifest=False, available_bytes=lambda: None)
    servable, facts = loader.load(files, None, lambda state: None)
    info = servable.info
    has_samples = manifest is not None and len(manifest.samples) > 0
    return {
        "task": info.task.value,
        "estimator": info.estimator,
        "warnings": list(info.warnings),
        "packages": {"trained": dict(facts.trained_packages), "serving": dict(info.packages)},
        "signature": info.signature.to_dict(),
        "plan": info.plan.to_dict(),
        "checks": [
            *(() if manifest is None else ("digest",)),
            "load",
            *(("samples",) if has_samples and not info.draws_at_random else ()),
        ],
    }
