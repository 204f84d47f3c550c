"""A model's traffic as the console shows it: who gets how much, and what may be changed.

Pure functions of the traffic as the API shows it, and of evidence.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skerry.core.evidence import Comparison, TrackEvidence
from skerry.core.names import natural_key
from skerry.http.console.texts import count, counted, percent, points, share, times

ROUTED = ("stable", "canary")
View = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Share:
    """One version's part of the requests. at, weight, live: percent; live is None without any.

    at: where its part of the bar begins.
    """

    version: str
    track: str
    at: float
    weight: float
    weight_text: str
    live_at: float
    live: float | None
    live_text: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A version that may be the canary. weight: percent, as declared."""

    version: str
    weight: float
    chosen: bool


@dataclass(frozen=True, slots=True)
class TrafficPanel:
    """The traffic of one model.

    policy: the JSON that a change begins with: as declared, or what the default amounts to.
    notes: sentences about what else decides: headers, sticky keys, the shadow.
    differences: sentences about what is in force and was not declared so.
    previous: the policy that a rollback returns to, in words; None for none.
    """

    shares: tuple[Share, ...]
    generation: str
    store: str
    writable: bool
    policy: str
    stable: str
    candidates: tuple[Candidate, ...]
    notes: tuple[str, ...]
    differences: tuple[str, ...]
    previous: str | None

    @property
    def chosen(self) -> Candidate | None:
        """The candidate that the controls are about at first."""
        return next((each for each in self.candidates if each.chosen), None)


def traffic_panel(
    view: View,
    weights: Mapping[tuple[str, str], float],
    recent: Sequence[TrackEvidence],
    ready: Sequence[str],
) -> TrafficPanel:
    """Return the panel.

    view: the traffic as the API shows it.
    weights: percent in force by version and track, in the order of the policy.
    ready: the versions that are READY.
    """
    policy = view["declared"] or view["in_force"]
    return TrafficPanel(
        _shares(weights, recent),
        str(view["generation"]),
        str(view["store"]),
        bool(view["writable"]),
        json.dumps(policy),
        "" if policy is None else str(policy["stable"]),
        () if policy is None else _candidates(policy, ready),
        () if policy is None else tuple(_notes(policy)),
        tuple(_difference(each) for each in view["differences"]),
        None if view["previous"] is None else in_words(view["previous"]),
    )


def canaries_of(policy: View) -> list[View]:
    """Return a policy's canaries; it may have one, several, or none."""
    return list(policy.get("canaries") or filter(None, [policy.get("canary")]))


def in_words(policy: View) -> str:
    """Return where a policy sends requests: ``v1, and 10 % to v2``."""
    parts = [f"{percent(float(c.get('weight', 0)))} to {c['version']}" for c in canaries_of(policy)]
    return ", and ".join([str(policy["stable"]), ", ".join(parts)]) if parts else policy["stable"]


def canary_sentence(
    recent: Sequence[TrackEvidence], comparison: Comparison, window: str
) -> str | None:
    """Return a canary's figures beside those of stable, None where there is none to compare."""
    found = [e for e in recent if e.track == "canary" and e.version == comparison.canary]
    if not found or comparison.stable is None:
        return None
    row = found[0]
    parts = [counted(row.requests, "request"), counted(row.errors, "error")]
    if comparison.p99_ratio is not None:
        parts.append(f"p99 {times(comparison.p99_ratio)} that of stable {comparison.stable}")
    if comparison.largest_shift is not None:
        label, shift = comparison.largest_shift
        parts.append(f"class {label} {points(shift)}")
    if comparison.disagreement_rate is not None:
        parts.append(f"disagrees on {share(comparison.disagreement_rate)}")
    return f"Canary {row.version} in the last {window}: {', '.join(parts)}."


def shadow_sentence(report: View) -> str | None:
    """Return what came of a model's shadow, None where it has had none."""
    if report["version"] is None:
        return None
    compared = report["agreed"] + report["disagreed"]
    rate = f" ({share(report['disagreed'] / compared)})" if compared else ""
    return (
        f"Shadow {report['version']} is asked {percent(report['sample'])} of the requests:"
        f" {count(compared)} compared, {count(report['disagreed'])} disagreed{rate},"
        f" {count(report['failed'])} failed, {count(report['dropped'])} dropped."
    )


def _shares(
    weights: Mapping[tuple[str, str], float], recent: Sequence[TrackEvidence]
) -> tuple[Share, ...]:
    """Return canaries first: the bar grows from the left as a canary's weight does."""
    seen = {(e.version, e.track): e.requests for e in recent if e.track in ROUTED}
    total = sum(seen.values())
    order = sorted({**weights, **seen}, key=lambda key: (key[1] != "canary", natural_key(key[0])))
    shares, at, live_at = [], 0.0, 0.0
    for key in order:
        weight = weights.get(key, 0.0)
        live = 100 * seen.get(key, 0) / total if total else None
        live_text = share(None if live is None else live / 100)
        shares.append(
            Share(*key, round(at, 2), weight, percent(weight), round(live_at, 2), live, live_text)
        )
        at, live_at = at + weight, live_at + (live or 0.0)
    return tuple(shares)


def _candidates(policy: View, ready: Sequence[str]) -> tuple[Candidate, ...]:
    declared = {c["version"]: float(c.get("weight", 0)) for c in canaries_of(policy)}
    others = sorted({*declared, *ready} - {policy["stable"]}, key=natural_key, reverse=True)
    chosen = next(iter(declared), others[0] if others else None)
    return tuple(Candidate(v, declared.get(v, 0.0), v == chosen) for v in others)


def _notes(policy: View) -> list[str]:
    notes = [
        f"Requests with {_headers(canary['headers'])} go to {canary['version']} as well."
        for canary in canaries_of(policy)
        if canary.get("headers")
    ]
    sticky = policy.get("sticky")
    if sticky:
        kind = "header" if sticky.get("header") else "cookie"
        notes.append(f"Callers are kept at one version by the {kind} {sticky[kind]}.")
    return notes


def _headers(headers: Sequence[View]) -> str:
    return " and ".join(f"{header['name']}: {header['value']}" for header in headers)


def _difference(difference: View) -> str:
    version = difference["version"]
    return difference["reason"] if version is None else f"{version}: {difference['reason']}"
