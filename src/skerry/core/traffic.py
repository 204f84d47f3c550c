"""Traffic policies: how they are written, and which version a model's requests go to.

Pure values and rules. Where a policy is kept and who may change it is the store's business.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from skerry.core.errors import InvalidPolicy
from skerry.core.names import is_name, natural_key, shown
from skerry.core.version_policy import VersionPolicy
from skerry.core.version_state import VersionState

SCHEMA_VERSION = 1
DEFAULT_GENERATION = "default"
_POLICY_KEYS = ("stable", "versions", "digests")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class TrafficPolicy:
    """What one model's traffic should be.

    versions: which versions are to be loaded; None leaves it to the server's setting.
    digests: version to the only ``sha256:…`` its artifact may have.
    """

    stable: str
    versions: VersionPolicy | None = None
    digests: Mapping[str, str] = field(default_factory=dict)

    def named_versions(self) -> frozenset[str]:
        """Return the versions that the policy sends traffic to."""
        return frozenset({self.stable})

    def to_dict(self) -> dict[str, Any]:
        """Return the policy as it is written, without keys that were left out."""
        data: dict[str, Any] = {"stable": self.stable}
        if self.versions is not None:
            data["versions"] = self.versions.to_value()
        if self.digests:
            data["digests"] = dict(self.digests)
        return data

    @classmethod
    def from_value(cls, value: Any, where: str) -> TrafficPolicy:
        """Validate a policy as it was written.

        Raises:
            InvalidPolicy: with a sentence that names the place, what was expected and what came.
        """
        data = _mapping(value, where, "a policy such as {stable: v1}")
        unknown = [key for key in data if key not in _POLICY_KEYS]
        if unknown:
            raise InvalidPolicy(
                f"{where}: expected the keys {', '.join(_POLICY_KEYS)}, got {shown(unknown[0])}"
            )
        if "stable" not in data:
            raise InvalidPolicy(f"{where}.stable: expected a version, got none")
        stable = _name(data["stable"], f"{where}.stable", "a version")
        versions = data.get("versions")
        digests = _or_empty(data.get("digests"))
        digests = _mapping(digests, f"{where}.digests", "digests by version")
        for version, digest in digests.items():
            _name(version, f"{where}.digests", "a version as key")
            if not isinstance(digest, str) or _DIGEST.fullmatch(digest) is None:
                raise InvalidPolicy(
                    f"{where}.digests.{version}: expected sha256: and 64 hex digits,"
                    f" got {shown(digest)}"
                )
        return cls(
            stable,
            None if versions is None else VersionPolicy.from_value(versions, f"{where}.versions"),
            dict(digests),
        )


@dataclass(frozen=True, slots=True)
class TrafficDocument:
    """Everything a traffic store holds: the policy of each model, and the one before it."""

    models: Mapping[str, TrafficPolicy] = field(default_factory=dict)
    previous: Mapping[str, TrafficPolicy] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the document as it is written to the file."""
        data: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "models": {name: policy.to_dict() for name, policy in self.models.items()},
        }
        if self.previous:
            data["previous"] = {name: policy.to_dict() for name, policy in self.previous.items()}
        return data

    @classmethod
    def from_value(cls, value: Any) -> TrafficDocument:
        """Validate a parsed document; None (an empty file) has no policies.

        Raises:
            InvalidPolicy: as ``TrafficPolicy.from_value``.
        """
        if value is None:
            return cls()
        data = _mapping(value, "traffic", "schema_version and models")
        for key in data:
            if key not in ("schema_version", "models", "previous"):
                raise InvalidPolicy(
                    f"traffic: expected the keys schema_version, models, previous, got {shown(key)}"
                )
        version = data.get("schema_version")
        if version != SCHEMA_VERSION or isinstance(version, bool):
            raise InvalidPolicy(
                f"traffic.schema_version: expected {SCHEMA_VERSION}, got {shown(version)}"
            )
        return cls(_policies(data, "models"), _policies(data, "previous"))


def _policies(data: Mapping[str, Any], key: str) -> dict[str, TrafficPolicy]:
    entries = _mapping(_or_empty(data.get(key)), f"traffic.{key}", "policies by model")
    return {
        _name(model, f"traffic.{key}", "a model as key"): TrafficPolicy.from_value(
            value, f"{key}.{model}"
        )
        for model, value in entries.items()
    }


def _or_empty(value: Any) -> Any:
    """Return an empty mapping for null: YAML writes a key without entries like that."""
    return {} if value is None else value


def _mapping(value: Any, where: str, expected: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidPolicy(f"{where}: expected {expected}, got {shown(value)}")
    for key in value:
        if not isinstance(key, str):
            raise InvalidPolicy(f"{where}: expected text as key, got {shown(key)} (quote it)")
    return value


def _name(value: Any, where: str, expected: str) -> str:
    if not isinstance(value, str) or not is_name(value):
        raise InvalidPolicy(f"{where}: expected {expected}, got {shown(value)}")
    return value


def generation_of(content: bytes | None) -> str:
    """Return the generation of a store's bytes: 12 hex digits, so that ``sha256sum`` shows it too.

    None stands for a store that holds nothing.
    """
    if content is None:
        return DEFAULT_GENERATION
    return hashlib.sha256(content).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which the policy in force is not the declared one, and why."""

    version: str | None
    state: VersionState | None
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return the difference as the API shows it."""
        return {"version": self.version, "state": self.state, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class TrafficInForce:
    """Where a model's requests go now; ``stable`` is None while no version may answer."""

    stable: str | None
    differences: tuple[Difference, ...] = ()

    def to_dict(self) -> dict[str, Any] | None:
        """Return the policy in force as the API shows it."""
        return None if self.stable is None else {"stable": self.stable}


def resolve_traffic(
    declared: TrafficPolicy | None,
    states: Mapping[str, VersionState],
    last: TrafficInForce,
    store_error: str | None = None,
) -> TrafficInForce:
    """Decide what is in force, from what was declared and what is READY.

    Without a policy, stable is the highest READY version in natural order.
    A declared stable that is not READY leaves the last stable in force while that one is READY.
    While the store can't be read, ``declared`` is its last good policy and nothing else applies.
    """
    ready = [v for v, state in states.items() if state is VersionState.READY]
    trouble = () if store_error is None else (Difference(None, None, store_error),)
    if declared is None:
        if store_error is not None:
            kept = last.stable if last.stable in ready else None
            return TrafficInForce(kept, trouble)
        return TrafficInForce(max(ready, key=natural_key, default=None))
    if declared.stable in ready:
        return TrafficInForce(declared.stable, trouble)
    state = states.get(declared.stable)
    what = "not on the volume" if state is None else "not READY"
    kept = last.stable if last.stable in ready else None
    then = f"{kept} goes on" if kept else "nothing is served"
    difference = Difference(declared.stable, state, f"stable is {what}: {then}")
    return TrafficInForce(kept, (difference, *trouble))
