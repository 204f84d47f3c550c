"""Counters and histograms: what goes in comes out as prometheus_client's own would say it."""

from __future__ import annotations

import math

import numpy as np
import prometheus_client
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.metrics_core import Metric as Family

from skerry.telemetry.instruments import Counter, Histogram, text_of
from skerry.telemetry.metrics import Kind, Metric
from skerry.telemetry.request_trace import RequestTrace

COUNTER = Metric("things_total", Kind.COUNTER, ("model", "version", "class"), "Things")
HISTOGRAM = Metric("waits_seconds", Kind.HISTOGRAM, ("model",), "Waits")
BOUNDS = (0.001, 0.01, 0.1, 1.0)
numbers = st.one_of(
    st.floats(-10, 10), st.sampled_from([*BOUNDS, 0.0, math.nan, math.inf, -math.inf])
)


def values(family: Family) -> dict[tuple[str, tuple[str, ...]], float]:
    return {(s.name, tuple(s.labels.values())): s.value for s in family.samples}


def test_a_counter_counts_by_labels() -> None:
    counter = Counter(COUNTER)

    counter.add(("iris", "v1", 0))
    counter.add(("iris", "v1", 0), 3)
    counter.add(("iris", "v2", None))

    name = "skerry_things_total"
    expected = {(name, ("iris", "v1", "0")): 4, (name, ("iris", "v2", "")): 1}
    assert expected == values(counter.family())


def test_a_bucket_has_the_latest_recorded_trace_as_an_example() -> None:
    histogram = Histogram(HISTOGRAM, BOUNDS)
    first, second = (RequestTrace(n, n, is_sampled=True) for n in (1, 2))

    histogram.observe(("iris",), 0.05, first)
    histogram.observe(("iris",), 0.06, second)
    histogram.observe(("iris",), 0.07)
    histogram.observe(("iris",), 5.0, first)

    found = {s.labels["le"]: s.exemplar for s in histogram.family().samples if "le" in s.labels}
    assert {"0.1", "+Inf"} == {bound for bound, exemplar in found.items() if exemplar}
    shown = found["0.1"]
    assert shown is not None
    assert ({"trace_id": f"{2:032x}", "span_id": f"{2:016x}"}, 0.06) == (
        shown.labels,
        shown.value,
    )
    assert shown.timestamp is not None


@given(st.lists(numbers))
def test_a_histogram_has_the_buckets_of_prometheus_client(observed: list[float]) -> None:
    finite = [value for value in observed if math.isfinite(value)]
    registry = prometheus_client.CollectorRegistry()
    reference = prometheus_client.Histogram(
        "skerry_waits_seconds", "Waits", ["model"], registry=registry, buckets=BOUNDS
    )
    one_by_one, at_once = Histogram(HISTOGRAM, BOUNDS), Histogram(HISTOGRAM, BOUNDS)

    reference.labels("iris")
    one_by_one.observe(("iris",), 0.5)
    at_once.observe(("iris",), 0.5)
    reference.labels("iris").observe(0.5)
    for value in finite:
        reference.labels("iris").observe(value)
    for value in observed:
        one_by_one.observe(("iris",), value)
    at_once.observe_all(("iris",), np.array(observed, dtype=np.float64))

    expected = {
        (s.name, tuple(s.labels.values())): pytest.approx(s.value)
        for family in registry.collect()
        for s in family.samples
        if not s.name.endswith("_created")
    }
    assert expected == values(one_by_one.family())
    assert expected == values(at_once.family())


def test_only_what_exists_is_kept() -> None:
    counter, histogram = Counter(COUNTER), Histogram(HISTOGRAM, BOUNDS)
    kept = (("iris", "v1", 0), ("iris", None, 0), (None, None, None))
    for labels in (*kept, ("iris", "v2", 0), ("wine", "v1", 0), ("wine", None, 0)):
        counter.add(labels)
    for model in ("iris", "wine", None):
        histogram.observe((model,), 1.0)

    for instrument in (counter, histogram):
        instrument.keep({("iris", "v1")})

    found = {labels for _, labels in values(counter.family())}
    assert {("iris", "v1", "0"), ("iris", "", "0"), ("", "", "")} == found
    assert {"iris", ""} == {labels[0] for _, labels in values(histogram.family())}


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        (None, ""),
        (0, "0"),
        ("setosa", "setosa"),
        ("für", "für"),
        ("\ud800", "\\ud800"),
    ],
)
def test_labels_become_text(label: object, expected: str) -> None:
    assert expected == text_of(label)
