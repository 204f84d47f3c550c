"""``manifest.json``: what a version is, written once by ``skerry package`` beside the artifact."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from skerry.core.errors import Unreadable
from skerry.core.signature import Signature, Task

SCHEMA_VERSION = 1
FORMATS = {
    "joblib": "joblib",
    "pkl": "pickle",
    "pickle": "pickle",
    "skops": "skops",
    "onnx": "onnx",
}
"""Suffix of the artifact to its format."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """The model file: name in the version directory, format, ``sha256:…`` and size."""

    file: str
    format: str
    digest: str
    size_bytes: int

    def to_dict(self) -> dict[str, Any]:
        """Return the artifact as the manifest shows it."""
        return {
            "file": self.file,
            "format": self.format,
            "digest": self.digest,
            "size_bytes": self.size_bytes,
        }


@dataclass(frozen=True, slots=True)
class Sample:
    """A golden sample: one row in signature order and what scikit-learn answered for it.

    confidence and probabilities are None where the model gives none; lists for several outputs.
    """

    features: tuple[Any, ...]
    prediction: Any
    confidence: Any
    probabilities: Any

    def to_dict(self) -> dict[str, Any]:
        """Return the sample as the manifest shows it."""
        return {
            "features": list(self.features),
            "prediction": self.prediction,
            "confidence": self.confidence,
            "probabilities": self.probabilities,
        }


@dataclass(frozen=True, slots=True)
class Manifest:
    """One version, described. ``memory_bytes``: resident memory its load took, 0 if not known."""

    model: str
    version: str
    created_at: str
    skerry_version: str
    artifact: Artifact
    task: Task
    estimator: str
    packages: Mapping[str, str]
    signature: Signature
    samples: tuple[Sample, ...] = ()
    training: Mapping[str, Any] | None = None
    plan: Mapping[str, Any] = field(default_factory=dict)
    memory_bytes: int = 0

    def to_json(self) -> str:
        """Return the file's text; ``from_json`` reads it back as an equal value."""
        data: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "model": self.model,
            "version": self.version,
            "created_at": self.created_at,
            "skerry_version": self.skerry_version,
            "artifact": self.artifact.to_dict(),
            "task": self.task.value,
            "estimator": self.estimator,
            "packages": dict(self.packages),
            "memory_bytes": self.memory_bytes,
            "signature": self.signature.to_dict(),
        }
        if self.training is not None:
            data["training"] = dict(self.training)
        data["samples"] = [sample.to_dict() for sample in self.samples]
        data["plan"] = dict(self.plan)
        return json.dumps(data, indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Manifest:
        """Read a manifest; unknown keys are ignored.

        Raises:
            Unreadable: not JSON, a higher schema version, or a key that is missing or wrong.
        """
        try:
            data = json.loads(text)
            schema_version = data["schema_version"]
            if not isinstance(schema_version, int) or schema_version > SCHEMA_VERSION:
                raise Unreadable(
                    f"manifest.json: expected schema_version {SCHEMA_VERSION},"
                    f" got {schema_version!r} (a newer Skerry wrote it)"
                )
            artifact = data["artifact"]
            return cls(
                model=str(data["model"]),
                version=str(data["version"]),
                created_at=str(data["created_at"]),
                skerry_version=str(data["skerry_version"]),
                artifact=Artifact(
                    str(artifact["file"]),
                    str(artifact["format"]),
                    str(artifact["digest"]),
                    int(artifact["size_bytes"]),
                ),
                task=Task(data["task"]),
                estimator=str(data["estimator"]),
                packages={str(k): str(v) for k, v in data["packages"].items()},
                signature=Signature.from_dict(data["signature"]),
                samples=tuple(
                    Sample(
                        tuple(s["features"]), s["prediction"], s["confidence"], s["probabilities"]
                    )
                    for s in data.get("samples", ())
                ),
                training=data.get("training"),
                plan=data.get("plan") or {},
                memory_bytes=int(data.get("memory_bytes", 0)),
            )
        except (
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            OverflowError,
            RecursionError,
        ) as error:
            reason = f"key {error} is missing" if isinstance(error, KeyError) else str(error)
            raise Unreadable(f"manifest.json can't be read: {reason}") from error
