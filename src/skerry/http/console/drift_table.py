"""Drift as the console shows it: the features that moved furthest, first."""

from __future__ import annotations

from dataclasses import dataclass

from skerry.core.drift import MIN_ROWS, FeatureDrift, VersionDrift
from skerry.http.console.texts import count, share

SHOWN_FEATURES = 12
MOST_FEATURES = 200
"""More are not looked at: it would hold up the event loop, and the metrics name no more either."""
_MOVED, _OTHER = 0.1, 0.25
_FULL = 0.5
"""The index at which the bar is full."""


@dataclass(frozen=True, slots=True)
class DriftRow:
    """One feature. bar: 0 to 100; verdict: ``steady``, ``moving``, ``moved`` or ``unknown``."""

    feature: str
    index: str
    bar: float
    verdict: str
    out_of_range: str
    missing: str
    unseen: str


@dataclass(frozen=True, slots=True)
class DriftTable:
    """The features of one version. more: how many are left out."""

    version: str
    rows: str
    features: tuple[DriftRow, ...]
    more: int
    note: str


def drift_table(version: str, drift: VersionDrift) -> DriftTable:
    """Return the table for what was counted of a version."""
    features = drift.features[:MOST_FEATURES]
    indices = {feature.name: feature.stability_index() for feature in features}
    furthest = sorted(features, key=lambda f: -_weight(f, indices[f.name], drift.rows))
    shown = furthest[:SHOWN_FEATURES]
    known = any(index is not None for index in indices.values())
    return DriftTable(
        version,
        count(drift.rows),
        tuple(_row(feature, indices[feature.name], drift.rows) for feature in shown),
        len(drift.features) - len(shown),
        "" if known else _why_unknown(drift.rows),
    )


def _weight(feature: FeatureDrift, index: float | None, rows: int) -> float:
    strange = (feature.out_of_range or 0) + (feature.missing or 0) + (feature.unseen or 0)
    return (index or 0.0) + strange / max(1, rows)


def _row(feature: FeatureDrift, index: float | None, rows: int) -> DriftRow:
    return DriftRow(
        feature.name,
        "–" if index is None else f"{index:.2f}",
        0.0 if index is None else round(min(1.0, index / _FULL) * 100, 1),
        _verdict(index),
        _part(feature.out_of_range, rows),
        _part(feature.missing, rows),
        _part(feature.unseen, rows),
    )


def _verdict(index: float | None) -> str:
    if index is None:
        return "unknown"
    return "steady" if index < _MOVED else "moving" if index < _OTHER else "moved"


def _part(number: int | None, rows: int) -> str:
    return "–" if number is None or not rows else share(number / rows)


def _why_unknown(rows: int) -> str:
    if rows < MIN_ROWS:
        return f"The stability index needs {MIN_ROWS} rows."
    return "The stability index needs training data: skerry package --data."
