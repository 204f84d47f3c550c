"""The memory limit as a metric, beside the process's own ``process_resident_memory_bytes``."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from skerry.telemetry.metrics import MEMORY_LIMIT


class MemoryCollector(Collector):
    """Reads the limit at each scrape, for it may be changed while the process runs.

    limit_bytes: returns None where there is no limit; then there is no series.
    """

    def __init__(self, limit_bytes: Callable[[], int | None]) -> None:
        self._limit_bytes = limit_bytes

    def collect(self) -> Iterator[Family]:
        """Yield the family."""
        family, limit = MEMORY_LIMIT.gauge(), self._limit_bytes()
        if limit is not None:
            family.add_metric((), limit)
        yield family
