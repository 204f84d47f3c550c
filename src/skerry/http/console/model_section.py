"""One model as the console shows it: everything that the templates need, gathered at one moment.

Reads the catalog, evidence, drift and shadows; for the event loop's thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from skerry.controlplane.views import describe_model
from skerry.core.drift import VersionDrift
from skerry.core.evidence import TrackEvidence
from skerry.core.history import TrackHistory
from skerry.core.names import natural_key
from skerry.core.traffic import TrafficInForce
from skerry.core.version_state import VersionState
from skerry.dataplane.evidence import EvidenceReport
from skerry.http.console.charts import Chart, charts_of
from skerry.http.console.drift_table import DriftTable, drift_table
from skerry.http.console.texts import count, duration, per_second, points, share
from skerry.http.console.traffic_panel import (
    TrafficPanel,
    canary_sentence,
    shadow_sentence,
    traffic_panel,
)
from skerry.http.console.try_form import TryForm, try_form
from skerry.http.console.version_card import VersionCard, version_card
from skerry.http.context import ServerContext
from skerry.http.models import default_model_of

RECENT_S = 10
"""Seconds that "now" and "live" are about."""
_STEPS = 60
_MOST_CLASSES = 8


@dataclass(frozen=True, slots=True)
class Window:
    """How far back the page looks. step_s: seconds between two points of a chart."""

    key: str
    text: str
    step_s: int

    @property
    def seconds(self) -> int:
        """How long it is."""
        return self.step_s * _STEPS


WINDOWS = (
    Window("1m", "minute", 1),
    Window("10m", "10 minutes", 10),
    Window("1h", "hour", 60),
)


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """What one version did on one track in the window, as texts."""

    version: str
    track: str
    requests: str
    rate: str
    errors: str
    failing: bool
    p50: str
    p90: str
    p99: str


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One class. stable, canary: percent of the rows, None where that side has none."""

    label: str
    stable: float | None
    stable_text: str
    canary: float | None
    canary_text: str
    shift: str


@dataclass(frozen=True, slots=True)
class ModelSection:
    """Everything about one model. recent: the evidence of the last ``RECENT_S`` seconds."""

    name: str
    ready: bool
    default: bool
    traffic: TrafficPanel
    histories: tuple[TrackHistory, ...]
    recent: tuple[TrackEvidence, ...]
    evidence: tuple[EvidenceRow, ...]
    classes: tuple[ClassRow, ...]
    sentences: tuple[str, ...]
    versions: tuple[VersionCard, ...]
    drift: tuple[DriftTable, ...]
    form: TryForm | None

    @property
    def charts(self) -> tuple[Chart, ...]:
        """The charts; they are drawn by whoever asks, and that need not be the loop's thread."""
        return charts_of(self.histories, self.recent, RECENT_S)


def model_section(
    context: ServerContext, name: str, window: Window, drift: Mapping[str, VersionDrift]
) -> ModelSection:
    """Return a model as it is now. drift: what was counted of its versions."""
    view = context.traffic.describe(name)
    model = describe_model(context.catalog, name, view)
    in_force = context.catalog.traffic.get(name, TrafficInForce(None))
    harnesses = context.catalog.versions(name)
    ready = [v for v, h in harnesses.items() if h.state is VersionState.READY]
    report, recent = (_report(context, name, in_force, s) for s in (window.seconds, RECENT_S))
    moment = datetime.now(UTC)
    sentences = (
        canary_sentence(report.versions, report.comparison, window.text),
        shadow_sentence(context.shadows.report(name)),
    )
    return ModelSection(
        name,
        bool(model["ready"]),
        name == default_model_of(context),
        traffic_panel(view, in_force.weights(), recent.versions, ready),
        context.evidence.history(name, window.step_s, _STEPS),
        recent.versions,
        tuple(_evidence_row(each, window.seconds) for each in report.versions),
        _classes(report),
        tuple(filter(None, sentences)),
        tuple(version_card(harnesses[v["version"]], v, moment) for v in model["versions"]),
        tuple(
            drift_table(version, drift[version]) for version in _tracked(in_force, drift, harnesses)
        ),
        _form(context, name, in_force.stable, ready),
    )


def _report(
    context: ServerContext, name: str, in_force: TrafficInForce, window_s: int
) -> EvidenceReport:
    canaries = [canary.version for canary in in_force.canaries]
    rates = {
        version: context.shadows.disagreement_rate(name, version)
        for version in context.catalog.versions(name)
    }
    return context.evidence.report(
        name,
        window_s,
        stable=in_force.stable,
        canary=next(iter(canaries), None),
        disagreement_rates={v: rate for v, rate in rates.items() if rate is not None},
    )


def _evidence_row(each: TrackEvidence, window_s: int) -> EvidenceRow:
    return EvidenceRow(
        each.version,
        each.track,
        count(each.requests),
        per_second(each.requests / window_s),
        count(each.errors),
        each.errors > 0,
        *(duration(each.latency_s[name]) for name in ("p50", "p90", "p99")),
    )


def _classes(report: EvidenceReport) -> tuple[ClassRow, ...]:
    """Return the most frequent classes, in natural order, of the two versions that are compared."""
    stable = _shares(report.versions, "stable", report.comparison.stable)
    canary = _shares(report.versions, "canary", report.comparison.canary)
    both = {**stable, **canary}
    largest = sorted(both, key=lambda label: -stable.get(label, 0.0) - canary.get(label, 0.0))
    rows = []
    for label in sorted(largest[:_MOST_CLASSES], key=natural_key):
        ours, theirs = canary.get(label, 0.0), stable.get(label, 0.0)
        rows.append(
            ClassRow(
                label,
                round(theirs * 100, 1) if stable else None,
                share(theirs) if stable else "–",
                round(ours * 100, 1) if canary else None,
                share(ours) if canary else "–",
                points(ours - theirs) if stable and canary else "–",
            )
        )
    return tuple(rows)


def _shares(versions: Sequence[TrackEvidence], track: str, version: str | None) -> dict[str, float]:
    found = [e for e in versions if e.track == track and e.version == version]
    return found[0].shares() if found else {}


def _tracked(
    in_force: TrafficInForce, drift: Mapping[str, VersionDrift], harnesses: Mapping[str, object]
) -> list[str]:
    """Return the versions whose drift is shown: those that have traffic by the policy, first."""
    counted = [version for version in drift if version in harnesses]
    return sorted(counted, key=lambda v: (not in_force.tracks_of(v), natural_key(v)))[:2]


def _form(
    context: ServerContext, name: str, stable: str | None, ready: Sequence[str]
) -> TryForm | None:
    harnesses = context.catalog.versions(name)
    info = None if stable is None else harnesses[stable].info
    if info is None:
        return None
    names = [feature.name for feature in info.signature.features]
    alike = [
        version
        for version in sorted(ready, key=natural_key)
        if (other := harnesses[version].info) is not None
        and names == [feature.name for feature in other.signature.features]
    ]
    return try_form(info.signature, tuple(alike))
