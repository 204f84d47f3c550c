"""What a scrape is answered: the right format, whole families, in turns."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Iterable

import pytest
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.registry import Collector

from skerry.telemetry import metrics
from skerry.telemetry.exposition import (
    OPENMETRICS,
    TEXT,
    BuildCollector,
    Exposition,
    prefers_openmetrics,
)
from skerry.telemetry.metrics import Kind, Metric

PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", False),
        ("*/*", False),
        ("text/html,application/xhtml+xml", False),
        ("text/plain", False),
        ("application/openmetrics-text", True),
        ("Application/OpenMetrics-Text; version=1.0.0", True),
        (PROMETHEUS_2, True),
        (PROMETHEUS_3, True),
        ("text/plain;q=0.9,application/openmetrics-text;q=0.1", False),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;q=x", False),
        ("application/openmetrics-text;q=nan", False),
        ("application/openmetrics-text;version=x", True),
        (";;;,,q=,=", False),
    ],
)
def test_openmetrics_is_sent_where_it_is_asked_for(accept: str, expected: bool) -> None:
    assert expected is prefers_openmetrics(accept)


def rendered(exposition: Exposition, accept: str = "") -> tuple[str, str]:
    text, content_type = asyncio.run(exposition.render(accept))
    return text.decode(), content_type


@pytest.mark.parametrize(
    ("accept", "content_type", "parse"),
    [("", TEXT, parse_text), (PROMETHEUS_3, OPENMETRICS, parse_openmetrics)],
    ids=["text", "openmetrics"],
)
def test_both_formats_have_the_build_and_the_process(
    accept: str, content_type: str, parse: object
) -> None:
    exposition = Exposition([BuildCollector("0.1.0", "1.9.1")])

    text, found_type = rendered(exposition, accept)

    assert callable(parse)
    families = {family.name: family for family in parse(text)}
    assert content_type == found_type
    assert {
        "version": "0.1.0",
        "python": platform.python_version(),
        "sklearn": "1.9.1",
    } == families["skerry_build_info"].samples[0].labels
    assert {"process_resident_memory_bytes", "python_gc_collections", "python_info"} <= set(
        families
    )


def test_the_loop_runs_between_two_families() -> None:
    class Many(Collector):
        def collect(self) -> Iterable[Family]:
            for number in range(100):
                yield Metric(f"metric_{number}", Kind.GAUGE, (), "A number").gauge()

    async def run() -> int:
        exposition = Exposition([Many()])
        scrape = asyncio.create_task(exposition.render(""))
        turns = 0
        while not scrape.done():
            turns += 1
            await asyncio.sleep(0)
        return turns

    assert asyncio.run(run()) >= 100


def test_scrapes_take_turns() -> None:
    class Watchful(Collector):
        running = 0
        most = 0

        def collect(self) -> Iterable[Family]:
            self.running += 1
            self.most = max(self.most, self.running)
            yield Metric("one", Kind.GAUGE, (), "A number").gauge()
            self.running -= 1

    collector = Watchful()

    async def run() -> None:
        exposition = Exposition([collector])
        await asyncio.gather(*(exposition.render("") for _ in range(10)))

    asyncio.run(run())

    assert 1 == collector.most


@pytest.mark.parametrize("metric", metrics.ALL, ids=lambda metric: str(metric.name))
def test_a_metric_is_named_after_its_unit_and_type(metric: Metric) -> None:
    """As Prometheus recommends; ``info`` and ``state`` are numbers without a unit."""
    assert (metric.kind is Kind.COUNTER) is metric.name.endswith("_total")
    assert not metric.meaning.endswith(".")
    assert len(set(metric.labels)) == len(metric.labels)
    made = {
        Kind.COUNTER: Metric.counter,
        Kind.GAUGE: Metric.gauge,
        Kind.HISTOGRAM: Metric.histogram,
    }
    family = made[metric.kind](metric)
    assert (metric.kind, f"skerry_{metric.name.removesuffix('_total')}") == (
        family.type,
        family.name,
    )


def test_no_two_metrics_share_a_name() -> None:
    names = [metric.name for metric in metrics.ALL]

    assert sorted(set(names)) == sorted(names)
