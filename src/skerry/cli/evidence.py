"""What was seen of each version of a model, and of a canary beside stable, as plain values.

The server's own figures, or the sums that Prometheus has of all pods; what is decided on them is
the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

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
RESULTS = ("agreed", "disagreed", "failed", "dropped")
"""What can come of a request to a shadow."""


@dataclass(frozen=True, slots=True)
class VersionEvidence:
    """What one version answered on one track, within the window.

    errors: answers 5xx, part of ``requests``.
    latency_ms: ``p50``, ``p90`` and ``p99``; None where nothing was answered.
    classes: label, as text, to predictions.
    """

    version: str
    track: str
    requests: int = 0
    errors: int = 0
    latency_ms: Mapping[str, float | None] = field(default_factory=dict)
    classes: Mapping[str, int] = field(default_factory=dict)

    @property
    def error_rate(self) -> float | None:
        """Errors among requests, 0..1."""
        return self.errors / self.requests if self.requests else None

    def class_shares(self) -> dict[str, float]:
        """Return each label's share of the predictions, 0..1; empty where there are none."""
        total = sum(self.classes.values())
        return {label: n / total for label, n in self.classes.items()} if total else {}


@dataclass(frozen=True, slots=True)
class Comparison:
    """A canary beside stable; None where there is nothing to compare.

    class_shift: label to the canary's share of it less stable's, -1..1.
    disagreement_rate: of the version's answers as a shadow, those unlike what was served.
    """

    p50_ratio: float | None = None
    p99_ratio: float | None = None
    error_rate_difference: float | None = None
    class_shift: Mapping[str, float] = field(default_factory=dict)
    max_class_shift: float | None = None
    disagreement_rate: float | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen of a model's versions within the last ``window_s`` seconds.

    scope: ``process``, or ``prometheus`` for the sum over all pods.
    generation: of the policy that was in the store when the evidence was read.
    comparisons: of each canary, by its version.
    shadows: by version, requests by result: ``agreed``, ``disagreed``, ``failed``, ``dropped``.
    """

    model: str
    scope: str
    window_s: float
    generation: str
    versions: tuple[VersionEvidence, ...]
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
            VersionEvidence(
                row["version"],
                row["track"],
                row["requests"],
                row["errors"],
                row["latency_ms"] or {},
                row["classes"] or {},
            )
            for row in data["versions"]
        )
        comparisons = compare_all(versions, stable, canaries, {})
        told = data["comparison"]
        if told["stable"] == stable and told["canary"] in canaries:
            known = {each.name: told[each.name] for each in fields(Comparison)}
            known["class_shift"] = known["class_shift"] or {}
            comparisons[told["canary"]] = Comparison(**known)
        facts = (data["model"], data["scope"], data["window_s"], data["generation"])
        shadows = {} if shadow is None else {shadow["version"]: {r: shadow[r] for r in RESULTS}}
        return cls(*facts, versions, comparisons, shadows)

    def row(self, version: str, track: str) -> VersionEvidence:
        """Return what a version answered on a track, which may be nothing."""
        return _row(self.versions, version, track)

    def condition_values(self, canary: str) -> dict[str, float | None]:
        """Return the values of ``CONDITION_NAMES`` for a canary; None where not known."""
        row = self.row(canary, "canary")
        comparison = self.comparisons.get(canary, Comparison())
        own = {"requests": row.requests, "errors": row.errors, "error_rate": row.error_rate}
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
            "versions": [asdict(row) for row in self.versions],
            "comparisons": {v: asdict(each) for v, each in self.comparisons.items()},
            "shadows": self.shadows,
        }


def compare_all(
    versions: Sequence[VersionEvidence],
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


def compare(
    canary: VersionEvidence, stable: VersionEvidence, disagreement_rate: float | None
) -> Comparison:
    """Compare what a canary and stable answered."""
    rates = (canary.error_rate, stable.error_rate)
    shares, beside = canary.class_shares(), stable.class_shares()
    shift = (
        {label: shares.get(label, 0.0) - beside.get(label, 0.0) for label in {**beside, **shares}}
        if shares and beside
        else {}
    )
    return Comparison(
        p50_ratio=_ratio(canary.latency_ms.get("p50"), stable.latency_ms.get("p50")),
        p99_ratio=_ratio(canary.latency_ms.get("p99"), stable.latency_ms.get("p99")),
        error_rate_difference=(
            None if rates[0] is None or rates[1] is None else rates[0] - rates[1]
        ),
        class_shift=shift,
        max_class_shift=max(map(abs, shift.values()), default=None),
        disagreement_rate=disagreement_rate,
    )


def _row(versions: Sequence[VersionEvidence], version: str, track: str) -> VersionEvidence:
    for row in versions:
        if (row.version, row.track) == (version, track):
            return row
    return VersionEvidence(version, track)


def _ratio(value: float | None, beside: float | None) -> float | None:
    return value / beside if value is not None and beside else None
