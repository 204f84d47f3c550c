"""Keeps a sample of the rows that were answered, and counts it aside from their requests.

A request costs an entry in a list. Every few seconds the sample is counted in a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from skerry.core.drift import VersionDrift
from skerry.core.rows import Rows
from skerry.core.signature import Signature
from skerry.telemetry import metrics
from skerry.telemetry.instruments import text_of
from skerry.telemetry.logs import EventLog

SAMPLED_REQUESTS = 200
"""Requests of one version that are kept until they are counted."""
SAMPLED_ROWS = 5
"""Rows of one request that are kept: a batch's are often alike."""
MAX_CHARACTERS = 200
"""Rows with a longer text are passed over: it is no category, and may take megabytes."""
MAX_FEATURES = 200
INTERVAL_S = 5.0

Key = tuple[str, str]
Reference = tuple[Signature, Mapping[str, Any] | None]
"""A version's signature, and what its manifest tells of its training."""


class _Sample:
    """Requests of one version, each with the same chance to be among those that are kept."""

    __slots__ = ("kept", "seen")

    def __init__(self) -> None:
        self.kept: list[Rows] = []
        self.seen = 0


class _Counted(NamedTuple):
    """Counts, and the signature they are of: another load of the version has another."""

    signature: Signature
    drift: VersionDrift


class Drift:
    """Counts how far rows are from training, by model and version. For the event loop's thread.

    reference: of a model and version; None where it is gone.
    draw: from [0, 1), evenly.
    """

    def __init__(
        self,
        reference: Callable[[Key], Reference | None],
        draw: Callable[[], float],
        log: EventLog,
    ) -> None:
        self._reference = reference
        self._draw = draw
        self._log = log
        self._samples: dict[Key, _Sample] = {}
        self._counted: dict[Key, _Counted] = {}
        self._given_up: set[Key] = set()

    def add(self, model: str, version: str, rows: Rows) -> None:
        """Take in the rows of a request that was answered; nothing may change them later.

        Source: Vitter, Random Sampling with a Reservoir (1985), algorithm R.
        """
        sample = self._samples.get((model, version))
        if sample is None:
            sample = self._samples[model, version] = _Sample()
        sample.seen += 1
        at = sample.seen - 1
        if at >= SAMPLED_REQUESTS:
            at = int(self._draw() * sample.seen)
            if at >= SAMPLED_REQUESTS:
                return
        few = _few(rows)
        if few.columns is not None and _has_long_text(few):
            few = _NONE
        if at < len(sample.kept):
            sample.kept[at] = few
        else:
            sample.kept.append(few)

    async def run(self) -> None:
        """Count what was sampled, every few seconds, until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL_S)
            await self.count()

    async def count(self) -> None:
        """Count what was sampled so far."""
        samples, self._samples = self._samples, {}
        for key in [key for key, counted in self._counted.items() if not self._is_of(key, counted)]:
            del self._counted[key]
        for key, sample in samples.items():
            reference = self._reference(key)
            if reference is None:
                continue
            parts = [rows for rows in sample.kept if rows.n_rows]
            try:
                if key not in self._counted:
                    self._counted[key] = _Counted(reference[0], VersionDrift(*reference))
                await asyncio.to_thread(self._counted[key].drift.count, parts)
            except Exception as error:  # noqa: BLE001 - a manifest may hold anything
                self._give_up(key, error)

    def counted(self) -> Iterable[tuple[Key, VersionDrift]]:
        """Return what was counted of the versions that exist."""
        return [(key, each.drift) for key, each in self._counted.items() if self._is_of(key, each)]

    def _is_of(self, key: Key, counted: _Counted) -> bool:
        reference = self._reference(key)
        return reference is not None and reference[0] is counted.signature

    def _give_up(self, key: Key, error: Exception) -> None:
        self._counted.pop(key, None)
        if key not in self._given_up:
            self._given_up.add(key)
            model, version = key
            self._log.warning(
                "drift_not_counted", model=model, version=version, exception=repr(error)
            )


class DriftCollector(Collector):
    """Reads the counts as metrics."""

    def __init__(self, drift: Drift) -> None:
        self._drift = drift

    def collect(self) -> Iterator[Family]:
        """Yield one family after the other."""
        rows = metrics.FEATURE_ROWS.counter()
        for key, counted in self._drift.counted():
            rows.add_metric(key, counted.rows)
        yield rows
        yield self._counts(metrics.FEATURE_OUT_OF_RANGE, "out_of_range")
        yield self._counts(metrics.FEATURE_MISSING, "missing")
        yield self._counts(metrics.FEATURE_UNSEEN_CATEGORY, "unseen")
        index = metrics.FEATURE_STABILITY.gauge()
        for key, counted in self._drift.counted():
            for feature in counted.features[:MAX_FEATURES]:
                value = feature.stability_index()
                if value is not None:
                    index.add_metric((*key, text_of(feature.name)), value)
        yield index

    def _counts(self, metric: metrics.Metric, attribute: str) -> Family:
        family = metric.counter()
        for key, counted in self._drift.counted():
            values = [(f.name, getattr(f, attribute)) for f in counted.features]
            for name, value in values[:MAX_FEATURES]:
                if value is not None:
                    family.add_metric((*key, text_of(name)), value)
            rest = [value for _, value in values[MAX_FEATURES:] if value is not None]
            if rest:
                family.add_metric((*key, metrics.OTHER), sum(rest))
        return family


_NONE = Rows(0)


def _has_long_text(rows: Rows) -> bool:
    return any(
        value is not None and len(value) > MAX_CHARACTERS
        for column in rows.columns or ()
        if column.dtype.kind == "O"
        for value in column.tolist()
    )


def _few(rows: Rows) -> Rows:
    n_rows = rows.n_rows
    if n_rows <= SAMPLED_ROWS:
        return rows
    return rows.take([i * n_rows // SAMPLED_ROWS for i in range(SAMPLED_ROWS)])
