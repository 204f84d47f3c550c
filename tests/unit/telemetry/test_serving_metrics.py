"""What requests and predictions count, and that nothing makes series without end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from skerry.core.evidence import MAX_CLASSES
from skerry.core.plan import Executor
from skerry.core.rows import Predictions
from skerry.core.signature import Task
from skerry.telemetry.serving_metrics import ServingCollector, ServingMetrics

Series = dict[tuple[str, ...], float]


def series(counted: ServingMetrics, name: str) -> Series:
    """Return one sample's values by their labels, in the metric's order."""
    return {
        tuple(sample.labels.values()): sample.value
        for family in counted.families()
        for sample in family.samples
        if sample.name == f"skerry_{name}"
    }


def ended(counted: ServingMetrics, **changes: Any) -> None:
    facts = {
        "route": "/api/v1/predict",
        "method": "POST",
        "status": 200,
        "model": "iris",
        "version": "v1",
        "track": "stable",
        "error": None,
        "duration_s": 0.001,
    }
    counted.count_request(**{**facts, **changes})


def test_a_request_is_counted_and_timed() -> None:
    counted = ServingMetrics()

    ended(counted)
    ended(counted, duration_s=0.25)

    key = ("/api/v1/predict", "iris", "v1", "stable")
    assert {("/api/v1/predict", "POST", "200", "iris", "v1", "stable"): 2} == series(
        counted, "http_requests_total"
    )
    assert {key: 2} == series(counted, "http_request_duration_seconds_count")
    assert {key: 0.251} == series(counted, "http_request_duration_seconds_sum")
    assert {} == series(counted, "http_requests_rejected_total")


def test_a_problem_is_counted_by_its_slug() -> None:
    counted = ServingMetrics()

    ended(counted, status=429, error="queue-full")
    ended(counted, status=404, error="model-not-found", model=None, version=None, track=None)

    assert {("queue-full", "iris"): 1, ("model-not-found", ""): 1} == series(
        counted, "http_requests_rejected_total"
    )


def test_what_is_made_up_is_other() -> None:
    counted = ServingMetrics()

    for number in range(1000):
        ended(counted, method=f"M{number}", route=None, model=None, version=None, track=None)

    assert {("other", "other", "200", "", "", ""): 1000} == series(counted, "http_requests_total")


def test_a_call_counts_its_rows_and_its_time() -> None:
    counted = ServingMetrics()

    counted.count_call("iris", "v1", Executor.NUMPY, 64, 0.002)
    counted.count_wait("iris", 0.5)

    assert {("iris", "v1", "numpy"): 0.002} == series(counted, "inference_duration_seconds_sum")
    assert {("iris", "v1"): 64} == series(counted, "inference_batch_rows_sum")
    assert {("iris",): 0.5} == series(counted, "queue_wait_seconds_sum")


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (np.array([1]), {"1": 1}),
        (np.array([0, 2, 2]), {"0": 1, "2": 2}),
        (np.array([True]), {"true": 1}),
        (np.array([False, True]), {"false": 1, "true": 1}),
        (np.array([np.nan, np.nan]), {"null": 2}),
        (np.array([1.5, 1.5]), {"1.5": 2}),
        (np.array(["setosa", "virginica"]), {"setosa": 1, "virginica": 1}),
        (np.array(["setosa", 3, None], dtype=object), {"setosa": 1, "3": 1, "null": 1}),
        (np.array([[0, 1]]), {}),
    ],
    ids=[
        "one",
        "batch",
        "bool",
        "bools",
        "no-number",
        "float",
        "text",
        "object",
        "several-outputs",
    ],
)
def test_predictions_are_counted_by_class(labels: NDArray[Any], expected: dict[str, int]) -> None:
    counted = ServingMetrics()

    counted.count_predictions("iris", "v1", Task.CLASSIFICATION, Predictions(labels))

    assert {("iris", "v1", label): count for label, count in expected.items()} == series(
        counted, "predictions_total"
    )


def test_labels_without_a_hash_are_counted_by_their_text() -> None:
    counted = ServingMetrics()
    labels = np.empty(2, dtype=object)
    labels[:] = [[1], {}]

    counted.count_predictions("odd", "v1", Task.CLUSTERING, Predictions(labels))
    counted.count_predictions("odd", "v1", Task.CLUSTERING, Predictions(labels[:1]))

    assert {("odd", "v1", "[1]"): 2, ("odd", "v1", "{}"): 1} == series(counted, "predictions_total")


def test_numbers_of_a_regressor_are_no_classes() -> None:
    counted = ServingMetrics()

    for labels in (np.array([1.5]), np.array([1.5, 2.5])):
        counted.count_predictions("price", "v1", Task.REGRESSION, Predictions(labels))

    assert {} == series(counted, "predictions_total")


@pytest.mark.parametrize("rows", [1, 7], ids=["row-by-row", "batches"])
def test_classes_beyond_the_first_hundred_are_other(rows: int) -> None:
    counted = ServingMetrics()
    labels = np.arange(700)

    for begin in range(0, len(labels), rows):
        part = Predictions(labels[begin : begin + rows])
        counted.count_predictions("many", "v1", Task.CLASSIFICATION, part)

    found = series(counted, "predictions_total")
    assert MAX_CLASSES + 1 == len(found)
    assert 600 == found["many", "v1", "other"]


def test_confidences_are_observed_and_what_is_no_number_is_left_out() -> None:
    counted = ServingMetrics()

    for confidences in (np.array([0.5]), np.array([np.nan]), np.array([0.97, np.nan, 0.25])):
        predictions = Predictions(np.zeros(len(confidences), dtype=np.int64), confidences)
        counted.count_predictions("iris", "v1", Task.CLASSIFICATION, predictions)

    assert {("iris", "v1"): 3} == series(counted, "prediction_confidence_ratio_count")
    assert {("iris", "v1"): 1.72} == series(counted, "prediction_confidence_ratio_sum")


def test_nothing_is_kept_of_a_version_that_is_gone() -> None:
    counted = ServingMetrics()
    labels = np.arange(MAX_CLASSES)
    counted.count_predictions("iris", "v1", Task.CLASSIFICATION, Predictions(labels))
    counted.count_call("iris", "v1", Executor.NUMPY, 1, 0.1)
    ended(counted)
    ended(counted, model=None, version=None, track=None)

    families = list(ServingCollector(counted, lambda: frozenset({("iris", "v2")})).collect())
    counted.count_predictions("iris", "v1", Task.CLASSIFICATION, Predictions(labels + 1000))

    assert {"", None} == {s.labels.get("model") for family in families for s in family.samples}
    assert ("iris", "v1", "other") not in series(counted, "predictions_total")


def test_requests_in_flight() -> None:
    counted = ServingMetrics()
    counted.in_flight += 2

    assert {(): 2} == series(counted, "http_requests_in_flight")
