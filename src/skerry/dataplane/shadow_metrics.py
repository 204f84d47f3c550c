"""What shadows answered as metrics, read at each scrape."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from itertools import accumulate

from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from skerry.core.evidence import SHADOW_RESULTS
from skerry.dataplane.shadow import Shadows
from skerry.dataplane.shadow_tally import UPPER_BOUNDS, Tally
from skerry.telemetry.metrics import SHADOW_DIFFERENCE, SHADOW_REQUESTS

_BOUNDS = (*(repr(float(bound)) for bound in UPPER_BOUNDS), "+Inf")


class ShadowCollector(Collector):
    """Reads the counts of shadows. versions: tells which exist now; the others are left out."""

    def __init__(self, shadows: Shadows, versions: Callable[[], Set[tuple[str, str]]]) -> None:
        self._shadows = shadows
        self._versions = versions

    def collect(self) -> Iterator[Family]:
        """Yield the two families."""
        requests, differences = SHADOW_REQUESTS.counter(), SHADOW_DIFFERENCE.histogram()
        for model, version, tally in self._tallies():
            for result in SHADOW_RESULTS:
                requests.add_metric((model, version, result), getattr(tally, result))
            buckets = list(zip(_BOUNDS, accumulate(tally.counts), strict=True))
            differences.add_metric((model, version), buckets, tally.difference_sum)
        yield requests
        yield differences

    def _tallies(self) -> Iterator[tuple[str, str, Tally]]:
        known = self._versions()
        return (each for each in self._shadows.tallies() if each[:2] in known)
