"""What a traffic store holds, and what of it is in force for the versions that there are.

Pure values and rules. Where policies are kept and who may change them is the store's business.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from skerry.core.errors import InvalidPolicy
from skerry.core.names import natural_key, shown
from skerry.core.traffic_policy import (
    Canary,
    ShadowPolicy,
    Sticky,
    TrafficPolicy,
    mapping,
    name,
    or_empty,
    written_canaries,
)
from skerry.core.traffic_split import TrafficSplit, split_of
from skerry.core.version_state import VersionState

SCHEMA_VERSION = 1
DEFAULT_GENERATION = "default"


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
        data = mapping(value, "traffic", "schema_version and models")
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
    entries = mapping(or_empty(data.get(key), {}), f"traffic.{key}", "policies by model")
    return {
        name(model, f"traffic.{key}", "a model as key"): TrafficPolicy.from_value(
            value, f"{key}.{model}"
        )
        for model, value in entries.items()
    }


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
    """Where a model's requests go now; ``stable`` is None while no version may answer.

    canaries, shadow: those that are READY.
    split: how requests are dealt out; None without a stable version.
    """

    stable: str | None
    canaries: tuple[Canary, ...] = ()
    sticky: Sticky | None = None
    shadow: ShadowPolicy | None = None
    split: TrafficSplit | None = None
    differences: tuple[Difference, ...] = ()

    def to_dict(self) -> dict[str, Any] | None:
        """Return the policy in force as the API shows it."""
        if self.stable is None:
            return None
        data: dict[str, Any] = {"stable": self.stable} | written_canaries(self.canaries)
        if self.sticky is not None:
            data["sticky"] = self.sticky.to_dict()
        if self.shadow is not None:
            data["shadow"] = self.shadow.to_dict()
        return data

    def tracks_of(self, version: str) -> list[str]:
        """Return the tracks that a version has now: stable, canary, shadow."""
        tracks = {
            "stable": version == self.stable,
            "canary": any(version == canary.version for canary in self.canaries),
            "shadow": self.shadow is not None and version == self.shadow.version,
        }
        return [track for track, has in tracks.items() if has]

    def weights(self) -> dict[tuple[str, str], float]:
        """Return percent of the requests by version and track."""
        if self.stable is None:
            return {}
        weights = {(canary.version, "canary"): canary.weight for canary in self.canaries}
        return {(self.stable, "stable"): round(100 - sum(weights.values()), 2), **weights}


@dataclass(frozen=True, slots=True)
class Standing:
    """How a version stands: its state, and what is to be said about it."""

    state: VersionState
    reason: str | None = None


def resolve_traffic(
    model: str,
    declared: TrafficPolicy | None,
    standings: Mapping[str, Standing],
    last: TrafficInForce,
    store_error: str | None = None,
) -> TrafficInForce:
    """Decide what is in force, from what was declared and what is READY.

    Without a policy, stable is the highest READY version in natural order.
    A declared stable that is not READY leaves the last stable in force while that one is READY.
    A canary or a shadow that is not READY gets nothing; stable answers in its place.
    While the store can't be read, ``declared`` is its last good policy and nothing else applies.
    """
    ready = frozenset(v for v, each in standings.items() if each.state is VersionState.READY)
    trouble = () if store_error is None else (Difference(None, None, store_error),)
    kept = last.stable if last.stable in ready else None
    if declared is None:
        if store_error is None:
            kept = max(ready, key=natural_key, default=None)
        split = None if kept is None else TrafficSplit(kept)
        return TrafficInForce(kept, split=split, differences=trouble)
    then = f"{kept} goes on" if kept else "nothing is served"
    stable = declared.stable if declared.stable in ready else kept
    differences = [_difference("stable", declared.stable, standings, then)]
    differences += [
        _difference("canary", canary.version, standings, "no traffic")
        for canary in declared.canaries
    ]
    shadow = declared.shadow
    if shadow is not None:
        differences.append(_difference("shadow", shadow.version, standings, "no traffic"))
        if shadow.version == stable:
            why = "shadow is stable: there is nothing to compare"
            differences.append(Difference(stable, VersionState.READY, why))
    found = (*(each for each in differences if each is not None), *trouble)
    if stable is None:
        return TrafficInForce(None, differences=found)
    others = ready - {stable}
    return TrafficInForce(
        stable,
        tuple(canary for canary in declared.canaries if canary.version in others),
        declared.sticky,
        shadow if shadow is not None and shadow.version in others else None,
        split_of(model, stable, declared.canaries, declared.sticky, others),
        found,
    )


def _difference(
    track: str, version: str, standings: Mapping[str, Standing], then: str
) -> Difference | None:
    standing = standings.get(version)
    if standing is None:
        return Difference(version, None, f"{track} is not on the volume: {then}")
    if standing.state is VersionState.READY:
        return None
    why = f" ({standing.reason})" if standing.reason else ""
    return Difference(version, standing.state, f"{track} is not READY: {then}{why}")
