"""What a panel is, and the PromQL that panels share.

Queries use the metrics alone, not the recording rules, so that they work without those.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PROCESS = 'namespace=~"$namespace",job=~"$job"'
MODEL = f'{PROCESS},model="$model"'
ASKED = f'{MODEL},version!=""'
"""Requests that a version answered; those on other routes have none."""
FAILED = f'{ASKED},status=~"5.."'
RATE = "[$__rate_interval]"


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel.

    queries: PromQL by how its series are called.
    kind: ``timeseries``, ``stat`` or ``table``, the last two of the newest values.
    unit: Grafana's name of it. width: of 24 columns. top: of the axis, None for what comes.
    steps: colours, and from which value on. names: texts that stand for values.
    """

    title: str
    meaning: str
    queries: Mapping[str, str]
    kind: str = "timeseries"
    unit: str = "short"
    width: int = 8
    height: int = 8
    top: float | None = None
    steps: Mapping[str, float] = field(default_factory=lambda: {"green": 0})
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """A heading and the panels below it."""

    title: str
    panels: tuple[Panel, ...]


def stat(title: str, meaning: str, expr: str, **more: Any) -> Panel:
    """Return a panel that shows one number."""
    return Panel(title, meaning, {"": expr}, kind="stat", width=3, height=4, **more)


def table(title: str, meaning: str, expr: str, **more: Any) -> Panel:
    """Return a panel that lists the labels of what is there now."""
    return Panel(title, meaning, {"": expr}, kind="table", **more)


def rate(metric: str, selector: str, by: str = "") -> str:
    """Return a counter's growth a second, summed."""
    return f"sum {by} (rate(skerry_{metric}{{{selector}}}{RATE}))"


def growth(metric: str, selector: str, by: str = "") -> str:
    """Return a counter's growth between two points of the panel, summed."""
    return f"sum {by} (increase(skerry_{metric}{{{selector}}}{RATE}))"


def share(part: str, whole: str) -> str:
    """Return a part of a whole by the same labels, 0 where the part has no series yet."""
    return f"({part} or 0 * {whole}) / {whole}"


def share_of_version(metric: str, metric_of_all: str, label: str) -> str:
    """Return what a counter has of another one of the same version, by this label."""
    part, whole = rate(metric, MODEL, f"by (version, {label})"), rate(metric_of_all, MODEL, VERSION)
    return f"{part} / on (version) group_left () {whole}"


def quantile(q: float, histogram: str, selector: str, *labels: str) -> str:
    """Return a quantile of a histogram, by these labels."""
    by = f"by ({', '.join((*labels, 'le'))})"
    return f"histogram_quantile({q}, {rate(f'{histogram}_bucket', selector, by)})"


def mean(histogram: str) -> str:
    """Return the mean of a histogram's values, by version."""
    total, count = (rate(f"{histogram}_{part}", MODEL, VERSION) for part in ("sum", "count"))
    return f"{total} / {count}"


VERSION = "by (version)"
