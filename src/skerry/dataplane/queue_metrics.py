"""The executor's queue as a metric, read at each scrape."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from skerry.dataplane.executor import Executor
from skerry.serving.serving_map import ServingMap
from skerry.telemetry.metrics import QUEUE_ROWS


class QueueCollector(Collector):
    """Reads how many rows wait, for every model that is known."""

    def __init__(self, executor: Executor, serving_map: ServingMap) -> None:
        self._executor = executor
        self._serving_map = serving_map

    def collect(self) -> Iterator[Family]:
        """Yield the family."""
        family, waiting = QUEUE_ROWS.gauge(), self._executor.queue_rows_by_model()
        for model in self._serving_map.current.models:
            family.add_metric((model,), waiting.get(model, 0))
        yield family
