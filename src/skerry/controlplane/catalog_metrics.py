"""The catalog as metrics, read at each scrape: a version that is gone leaves no series behind."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from skerry.controlplane.catalog import Catalog
from skerry.core.plan import Executor, Plan
from skerry.core.version_state import VersionState
from skerry.telemetry import metrics

LOAD_FAILURE_REASONS = (
    "digest_mismatch",
    "unreadable",
    "unsupported",
    "samples_differ",
    "memory",
    "timeout",
)
"""Categories of the errors that end a load. Each has a series from the beginning, at 0: the first
failure is an increase then."""
_IN_MEMORY = (VersionState.READY, VersionState.DRAINING)


class CatalogCollector(Collector):
    """Reads states, loads and traffic off the catalog. For the event loop's thread."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def collect(self) -> Iterator[Family]:
        """Yield one family after the other; between two, the catalog may change."""
        yield self._states()
        yield self._load_failures()
        yield self._load_durations()
        yield self._memory()
        yield self._speedups()
        yield self._weights()
        yield self._generations()
        yield self._in_force()
        yield self._store_errors()

    def _states(self) -> Family:
        family = metrics.VERSION_STATE.gauge()
        for harness in self._catalog.harnesses():
            for state in VersionState:
                labels = (harness.model, harness.version, state)
                family.add_metric(labels, float(harness.state is state))
        return family

    def _load_failures(self) -> Family:
        family = metrics.VERSION_LOAD_FAILURES.counter()
        for harness in self._catalog.harnesses():
            for reason in LOAD_FAILURE_REASONS:
                labels = (harness.model, harness.version, reason)
                family.add_metric(labels, harness.failed_loads[reason])
        return family

    def _load_durations(self) -> Family:
        family = metrics.VERSION_LOAD_DURATION.gauge()
        for harness in self._catalog.harnesses():
            if harness.loaded is not None:
                family.add_metric((harness.model, harness.version), harness.loaded.duration_s)
        return family

    def _memory(self) -> Family:
        family = metrics.VERSION_MEMORY.gauge()
        for harness in self._catalog.harnesses():
            if harness.loaded is not None and harness.state in _IN_MEMORY:
                family.add_metric((harness.model, harness.version), harness.loaded.memory_bytes)
        return family

    def _speedups(self) -> Family:
        family = metrics.PLAN_SPEEDUP.gauge()
        for harness in self._catalog.harnesses():
            ratio = None if harness.info is None else speedup_of(harness.info.plan)
            if ratio is not None:
                family.add_metric((harness.model, harness.version), ratio)
        return family

    def _weights(self) -> Family:
        family = metrics.TRAFFIC_WEIGHT.gauge()
        for model, in_force in self._catalog.traffic.items():
            for (version, track), weight in in_force.weights().items():
                family.add_metric((model, version, track), round(weight / 100, 4))
        return family

    def _generations(self) -> Family:
        family = metrics.TRAFFIC_INFO.gauge()
        for model in self._catalog.traffic:
            family.add_metric((model, self._catalog.generation), 1)
        return family

    def _in_force(self) -> Family:
        family = metrics.TRAFFIC_IN_FORCE.gauge()
        for model, in_force in self._catalog.traffic.items():
            family.add_metric((model,), float(not in_force.differences))
        return family

    def _store_errors(self) -> Family:
        family = metrics.TRAFFIC_STORE_ERRORS.counter()
        family.add_metric((), self._catalog.store_errors)
        return family


def speedup_of(plan: Plan) -> float | None:
    """Return scikit-learn's time for one row by the plan's, None where it was not measured."""
    reference, plan_us = plan.candidate(Executor.SKLEARN), plan.duration_us(1)
    if reference is None or not plan_us or 1 not in reference.duration_us:
        return None
    return reference.duration_us[1] / plan_us
