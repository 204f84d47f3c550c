"""What a scrape is answered: the metrics of one registry, in the format that was asked for.

Values are read on the event loop, which owns them, a family at a time; text is made of them in a
thread: that takes five times as long, and requests must not wait for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from platform import python_version

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector

from skerry.telemetry.metrics import BUILD_INFO

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class BuildCollector(Collector):
    """Tells which versions run."""

    def __init__(self, version: str, sklearn_version: str) -> None:
        self._labels = [version, python_version(), sklearn_version]

    def collect(self) -> Iterable[Family]:
        """Return the one series."""
        family = BUILD_INFO.gauge()
        family.add_metric(self._labels, 1)
        return [family]


class Exposition:
    """The process's registry: the given collectors, and what prometheus_client knows of Python."""

    def __init__(self, collectors: Iterable[Collector]) -> None:
        self._registry = CollectorRegistry()
        for collector in collectors:
            self._registry.register(collector)
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self._one_at_a_time = asyncio.Lock()

    async def render(self, accept: str) -> tuple[bytes, str]:
        """Return the metrics and their content type; ``accept``: the header of that name.

        Scrapes take turns, so that many at once cost requests no more than one does.
        """
        wants_openmetrics = prefers_openmetrics(accept)
        encode = generate_openmetrics if wants_openmetrics else generate_latest
        async with self._one_at_a_time:
            families: list[Family] = []
            for family in self._registry.collect():
                families.append(family)
                await asyncio.sleep(0)
            text = await asyncio.to_thread(encode, _Collected(families))
        return text, OPENMETRICS if wants_openmetrics else TEXT


class _Collected(CollectorRegistry):
    """Families that were read, in the place of the registry that the encoders ask."""

    def __init__(self, families: list[Family]) -> None:
        super().__init__()
        self._families = families

    def collect(self) -> Iterable[Family]:
        return self._families


def prefers_openmetrics(accept: str) -> bool:
    """Tell whether an Accept header names OpenMetrics, and no plain text that it likes better."""
    weights = {"application/openmetrics-text": 0.0, "text/plain": 0.0}
    for item in accept.split(","):
        media_type, *parameters = [part.strip() for part in item.lower().split(";")]
        if media_type in weights:
            weights[media_type] = max(weights[media_type], _weight(parameters))
    wanted = weights["application/openmetrics-text"]
    return wanted > 0 and wanted >= weights["text/plain"]


def _weight(parameters: Iterable[str]) -> float:
    """Return the media type's ``q``; what is no number counts as 0."""
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0
