"""Whether a query's metrics and labels exist is found out by reading it, not by luck."""

from __future__ import annotations

import pytest

from tests.chart.promql import TARGET_LABELS, UnknownName, labels_of, series_of

RATE = "rate(skerry_http_requests_total[5m])"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("skerry_queue_rows", TARGET_LABELS | {"model"}),
        ("process_resident_memory_bytes / 2", TARGET_LABELS),
        ("sum(skerry_queue_rows)", set()),
        (f"sum by (version, status) ({RATE})", {"version", "status"}),
        ("sum without (instance, pod) (skerry_queue_rows)", {"namespace", "job", "model"}),
        ("vector(1)", set()),
        (
            "histogram_quantile(1, sum by (model, le) (skerry_queue_wait_seconds_bucket))",
            {"model"},
        ),
        ("skerry_queue_rows unless on (job) up", TARGET_LABELS | {"model"}),
        ("process_open_fds / on (job, instance) process_max_fds", {"job", "instance"}),
        ("skerry_queue_rows > on (job) group_left () sum by (job) (up)", TARGET_LABELS | {"model"}),
        ("recorded:sum > 1 / 60", {"model"}),
    ],
)
def test_labels_of_a_result(query: str, expected: set[str]) -> None:
    assert expected == labels_of(query, {"recorded:sum": "sum by (model) (skerry_queue_rows)"})


@pytest.mark.parametrize(
    "query",
    [
        "skerry_no_such_metric",
        "skerry_queue_wait_seconds",
        "skerry_queue_rows_total",
        'skerry_queue_rows{version="v1"}',
        "sum by (version) (skerry_queue_rows)",
        f"sum by (le) ({RATE})",
        f"histogram_quantile(0.5, {RATE})",
        "skerry_queue_rows / skerry_version_memory_bytes",
        "skerry_queue_rows / on (version) skerry_version_memory_bytes",
        "sum by (model) (sum(skerry_queue_rows))",
        "go_goroutines",
    ],
)
def test_what_there_is_not_is_refused(query: str) -> None:
    with pytest.raises(UnknownName):
        labels_of(query)


def test_series_of_a_query() -> None:
    assert {"up", "skerry_http_requests_total"} == series_of(f"sum(up) + sum({RATE})")
