"""What ``skerry traffic watch`` sees: a table, and sentences about each canary and shadow.

Functions from plain values to text; nothing is asked and nothing printed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from skerry.cli.console import plain
from skerry.cli.evidence import Evidence, seen
from skerry.cli.policy import canaries_of, canary_versions
from skerry.cli.traffic_table import difference_sentences
from skerry.core.evidence import SHADOW_RESULTS, Comparison, TrackEvidence
from skerry.core.names import natural_key

_SHOWN_CLASSES = 5
_ROUTED = ("stable", "canary")
_ORDER = (*_ROUTED, "pinned", "shadow")
_RIGHT = ("weight", "share", "requests", "req/s", "errors", "p50 ms", "p99 ms")
_COLUMNS = ("version", "track", *_RIGHT, "classes")

View = Mapping[str, Any]


def table(view: View, evidence: Evidence) -> Table:
    """Return a row for each version and track that has, or should have, requests."""
    shown = Table(*_COLUMNS, title=plain(title(evidence)), title_justify="left")
    for column in shown.columns:
        if column.header in _RIGHT:
            column.justify = "right"
    for cells in rows(view, evidence):
        shown.add_row(*map(plain, cells))
    return shown


def title(evidence: Evidence) -> str:
    """Return what was looked at."""
    scopes = {"process": "one process", "prometheus": "all pods (Prometheus)"}
    scope = scopes.get(evidence.scope, evidence.scope)
    window = f"last {evidence.window_s:g} s"
    return f"{evidence.model}: {window}, {scope}, generation {evidence.generation}"


def rows(view: View, evidence: Evidence) -> list[tuple[str, ...]]:
    """Return the cells of the table."""
    weights = _weights(view["declared"] or view["in_force"])
    found = {(row.version, row.track): row for row in evidence.versions}
    due = {key: seen(*key) for key in weights if key[1] != "shadow"}
    routed = sum(row.requests for row in evidence.versions if row.track in _ROUTED)
    lines = [
        _cells(row, weights.get(key), routed, evidence.window_s)
        for key, row in sorted((due | found).items(), key=_position)
    ]
    shadows = [version for version, track in weights if track == "shadow"]
    lines += [
        _shadow_cells(version, evidence.shadows.get(version, {}), weights.get((version, "shadow")))
        for version in dict.fromkeys((*shadows, *evidence.shadows))
    ]
    return lines


def sentences(view: View, evidence: Evidence) -> list[str]:
    """Return what there is to say of each canary and shadow, and of what is not as declared."""
    said = [
        canary_sentence(evidence.row(version, "canary"), evidence.comparisons[version])
        for version in canary_versions(view["declared"])
        if version in evidence.comparisons
    ]
    said += [shadow_sentence(*each) for each in evidence.shadows.items()]
    return said + difference_sentences(view)


def canary_sentence(row: TrackEvidence, comparison: Comparison) -> str:
    """Return a canary's figures beside those of stable."""
    if not row.requests:
        return f"canary {row.version}: no requests"
    parts = [_counted(row.requests, "request"), _counted(row.errors, "error")]
    if comparison.p99_ratio is not None:
        parts.append(f"p99 {comparison.p99_ratio:.1f}× of stable")
    if comparison.largest_shift is not None:
        label, shift = comparison.largest_shift
        parts.append(f"class {label} {shift * 100:+.1f} points")
    if comparison.disagreement_rate is not None:
        parts.append(f"disagrees on {comparison.disagreement_rate:.1%}")
    return f"canary {row.version}: {', '.join(parts)}"


def shadow_sentence(version: str, results: Mapping[str, int]) -> str:
    """Return what a shadow answered, beside what was served."""
    agreed, disagreed, failed, dropped = (results.get(name, 0) for name in SHADOW_RESULTS)
    total = agreed + disagreed + failed + dropped
    if not total:
        return f"shadow {version}: no requests"
    compared = agreed + disagreed
    share = f" ({disagreed / compared:.1%})" if compared else ""
    return (
        f"shadow {version}: {_counted(total, 'request')}, {disagreed:,} disagreed{share},"
        f" {failed:,} failed, {dropped:,} dropped"
    )


def _weights(policy: View | None) -> dict[tuple[str, str], float]:
    """Return the percent of requests that a policy gives to each version and track."""
    if policy is None:
        return {}
    canaries = {(c["version"], "canary"): float(c.get("weight", 0)) for c in canaries_of(policy)}
    weights = {(policy["stable"], "stable"): 100 - sum(canaries.values()), **canaries}
    if shadow := policy.get("shadow"):
        weights[shadow["version"], "shadow"] = float(shadow.get("sample", 100))
    return weights


def _position(item: tuple[tuple[str, str], TrackEvidence]) -> tuple[int, str]:
    (version, track), _ = item
    return (_ORDER.index(track) if track in _ORDER else len(_ORDER), version)


def _cells(
    row: TrackEvidence, weight: float | None, routed: int, window_s: float
) -> tuple[str, ...]:
    share = f"{row.requests / routed:.1%}" if routed and row.track in _ROUTED else ""
    return (
        row.version,
        row.track,
        "" if weight is None else f"{weight:g}%",
        share,
        f"{row.requests:,}",
        f"{row.requests / window_s:,.1f}",
        f"{row.errors:,}",
        _milliseconds(row.latency_s["p50"]),
        _milliseconds(row.latency_s["p99"]),
        _classes(row.shares()),
    )


def _shadow_cells(
    version: str, results: Mapping[str, int], sample: float | None
) -> tuple[str, ...]:
    weight = "" if sample is None else f"{sample:g}%"
    requests, failed = sum(results.values()), results.get("failed", 0)
    return (version, "shadow", weight, "", f"{requests:,}", "", f"{failed:,}", "", "", "")


def _classes(shares: Mapping[str, float]) -> str:
    """Return the largest shares, in the natural order of the labels."""
    largest = sorted(shares, key=lambda label: -shares[label])[:_SHOWN_CLASSES]
    shown = [f"{label}: {shares[label]:.0%}" for label in sorted(largest, key=natural_key)]
    return ", ".join(shown) + (f" and {n} more" if (n := len(shares) - len(largest)) else "")


def _milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1000:,.2f}"


def _counted(n: int, thing: str) -> str:
    return f"{n:,} {thing}" + ("" if n == 1 else "s")
