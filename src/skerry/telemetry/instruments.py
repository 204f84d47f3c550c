"""Counters and histograms that are cheap to count in, and become families at a scrape.

Plain dicts and lists, for the event loop's thread alone: prometheus_client's own instruments take
locks, and several times as long. Labels may be any values with a hash; they become text when read.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Set
from itertools import accumulate
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.samples import Exemplar

from skerry.telemetry.metrics import Metric
from skerry.telemetry.request_trace import RequestTrace

Labels = tuple[object, ...]
Versions = Set[tuple[str, str]]
"""Models and versions that exist."""


class Counter:
    """Counts by labels."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self._counts: dict[Labels, int] = {}

    def add(self, labels: Labels, amount: int = 1) -> None:
        """Count; labels in the order of the metric's."""
        self._counts[labels] = self._counts.get(labels, 0) + amount

    def family(self) -> Family:
        """Return what was counted."""
        family = self._metric.counter()
        for labels, count in self._counts.items():
            family.add_metric([text_of(label) for label in labels], count)
        return family

    def keep(self, versions: Versions) -> None:
        """Drop the series of all other models and versions."""
        for labels in _others(self._metric, list(self._counts), versions):
            del self._counts[labels]


class _Observed:
    """One series: counts by bucket, the last one for what is above all bounds, and the sum.

    exemplars: the latest by bucket.
    """

    __slots__ = ("counts", "exemplars", "sum")

    def __init__(self, n_bounds: int) -> None:
        self.counts = [0] * (n_bounds + 1)
        self.exemplars: dict[int, Exemplar] = {}
        self.sum = 0.0


class Histogram:
    """Counts values by labels and by buckets. bounds: upper, in ascending order."""

    def __init__(self, metric: Metric, bounds: tuple[float, ...]) -> None:
        self._metric = metric
        self._bounds = bounds
        self._array = np.array(bounds)
        self._names = [*(repr(float(bound)) for bound in bounds), "+Inf"]
        self._series: dict[Labels, _Observed] = {}

    def observe(self, labels: Labels, value: float, trace: RequestTrace | None = None) -> None:
        """Count one value; one that is not finite is left out, as it would spoil the sum.

        trace: of which this is an example; None where none is recorded.
        """
        if not isfinite(value):
            return
        series = self._series.get(labels)
        if series is None:
            series = self._series[labels] = _Observed(len(self._bounds))
        bucket = bisect_left(self._bounds, value)
        series.counts[bucket] += 1
        series.sum += value
        if trace is not None:
            ids = {"trace_id": trace.trace_hex, "span_id": trace.span_hex}
            series.exemplars[bucket] = Exemplar(ids, value, time.time())

    def observe_all(self, labels: Labels, values: NDArray[np.float64]) -> None:
        """Count many values, [n], as ``observe`` counts one."""
        finite = values[np.isfinite(values)]
        series = self._series.get(labels)
        if series is None:
            series = self._series[labels] = _Observed(len(self._bounds))
        found = np.bincount(np.searchsorted(self._array, finite), minlength=len(series.counts))
        series.counts = [a + b for a, b in zip(series.counts, found.tolist(), strict=True)]
        series.sum += float(finite.sum())

    def family(self) -> Family:
        """Return what was observed."""
        family = self._metric.histogram()
        for labels, series in self._series.items():
            found = series.exemplars
            buckets: list[Any] = [
                (name, count, found[bucket]) if bucket in found else (name, count)
                for bucket, (name, count) in enumerate(
                    zip(self._names, accumulate(series.counts), strict=True)
                )
            ]
            family.add_metric([text_of(label) for label in labels], buckets, series.sum)
        return family

    def keep(self, versions: Versions) -> None:
        """Drop the series of all other models and versions."""
        for labels in _others(self._metric, list(self._series), versions):
            del self._series[labels]


def text_of(label: object) -> str:
    """Return a label as it is sent: nothing for None, and what UTF-8 can't say escaped."""
    if label is None:
        return ""
    return str(label).encode("utf-8", "backslashreplace").decode()


def _others(metric: Metric, series: list[Labels], versions: Versions) -> list[Labels]:
    """Return the series that are of a model or version, but of none of these."""
    if "model" not in metric.labels:
        return []
    at = metric.labels.index("model")
    has_version = "version" in metric.labels
    models = {model for model, _ in versions}

    def is_other(labels: Labels) -> bool:
        if has_version and labels[at + 1] is not None:
            return labels[at : at + 2] not in versions
        return labels[at] is not None and labels[at] not in models

    return [labels for labels in series if is_other(labels)]
