"""The evidence about a model's versions that commands read: the server's, or Prometheus's sums.

What is compared, and what is decided on it, is the same for both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Self

from skerry.core.evidence import (
    NO_NUMBERS,
    SHADOW_RESULTS,
    Comparison,
    TrackEvidence,
    compare,
)

CONDITION_NAMES = (
    "requests",
    "errors",
    "error_rate",
    "p50_ratio",
    "p99_ratio",
    "error_rate_difference",
    "max_class_shift",
    "disagreement_rate",
)
"""What a condition may name."""
PERCENTILES = ("p50", "p90", "p99")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen of a model's versions within the last ``window_s`` seconds.

    scope: ``process``, or ``prometheus`` for the sum over all pods.
    generation: of the policy that was in the store when the evidence was read.
    comparisons: of each canary with stable, by the canary's version.
    shadows: by version, requests by result, as ``SHADOW_RESULTS``.
    """

    model: str
    scope: str
    window_s: float
    generation: str
    versions: tuple[TrackEvidence, ...]
    comparisons: Mapping[str, Comparison]
    shadows: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @classmethod
    def from_api(
        cls,
        data: Mapping[str, Any],
        stable: str | None,
        canaries: Sequence[str],
        shadow: Mapping[str, Any] | None = None,
    ) -> Self:
        """Read the server's answer, and the one about the shadow.

        It compares one canary with stable; where there are more, they are compared here.
        """
        versions = tuple(
            seen(
                row["version"],
                row["track"],
                requests=row["requests"],
                errors=row["errors"],
                latency_ms=row["latency_ms"],
                classes=row["classes"],
            )
            for row in data["versions"]
        )
        comparisons = compare_all(versions, stable, canaries, {})
        told = data["comparison"]
        if told["stable"] == stable and told["canary"] in canaries:
            known = {each.name: told[each.name] for each in fields(Comparison)}
            comparisons[told["canary"]] = Comparison(**known)
        facts = (data["model"], data["scope"], data["window_s"], data["generation"])
        shadows = (
            {}
            if shadow is None
            else {shadow["version"]: {key: shadow[key] for key in SHADOW_RESULTS}}
        )
        return cls(*facts, versions, comparisons, shadows)

    def row(self, version: str, track: str) -> TrackEvidence:
        """Return what a version did on a track, which may be nothing."""
        return _row(self.versions, version, track)

    def condition_values(self, canary: str) -> dict[str, float | None]:
        """Return the values of ``CONDITION_NAMES`` for a canary; None where not known."""
        row = self.row(canary, "canary")
        own = {
            "requests": row.requests,
            "errors": row.errors,
            "error_rate": row.errors / row.requests if row.requests else None,
        }
        comparison = self.comparisons.get(canary, Comparison())
        return {
            name: own[name] if name in own else getattr(comparison, name)
            for name in CONDITION_NAMES
        }

    def to_dict(self) -> dict[str, Any]:
        """Return the evidence as JSON values."""
        return {
            "scope": self.scope,
            "window_s": self.window_s,
            "generation": self.generation,
            "versions": [_shown(row) for row in self.versions],
            "comparisons": {v: each.to_dict() for v, each in self.comparisons.items()},
            "shadows": self.shadows,
        }


def seen(
    version: str,
    track: str,
    *,
    requests: int = 0,
    errors: int = 0,
    latency_ms: Mapping[str, float | None] | None = None,
    classes: Mapping[str, int] | None = None,
) -> TrackEvidence:
    """Return the evidence about one version on one track, with what commands use of it."""
    given_ms = latency_ms or {}
    return TrackEvidence(
        version=version,
        track=track,
        requests=requests,
        rows=0,
        errors=errors,
        latency_s={name: _seconds(given_ms.get(name)) for name in PERCENTILES},
        classes={label: n for label, n in (classes or {}).items() if n},
        predicted=NO_NUMBERS,
        confidences=(),
    )


def compare_all(
    versions: Sequence[TrackEvidence],
    stable: str | None,
    canaries: Sequence[str],
    disagreement_rates: Mapping[str, float],
) -> dict[str, Comparison]:
    """Return the comparison of each canary with stable."""
    beside = _row(versions, stable or "", "stable")
    return {
        canary: compare(_row(versions, canary, "canary"), beside, disagreement_rates.get(canary))
        for canary in canaries
    }


def _row(versions: Sequence[TrackEvidence], version: str, track: str) -> TrackEvidence:
    for row in versions:
        if (row.version, row.track) == (version, track):
            return row
    return seen(version, track)


def _seconds(milliseconds: float | None) -> float | None:
    """Return None for nothing, too: a ratio to it would be none."""
    return milliseconds / 1000 if milliseconds else None


def _shown(row: TrackEvidence) -> dict[str, Any]:
    names = ("version", "track", "requests", "errors", "latency_ms", "classes")
    shown = row.to_dict()
    return {name: shown[name] for name in names}
