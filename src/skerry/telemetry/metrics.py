"""Every metric there is: name, type, labels, meaning. docs/metrics.md has the same table.

Values come from elsewhere: ``instruments.py`` counts, collectors read other parts at a scrape.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)

PREFIX = "skerry_"
OTHER = "other"
"""Label value for what is not told apart, so that nobody can make series without end."""
_UNITS = ("seconds", "bytes", "rows", "ratio")


class Kind(StrEnum):
    """The type of a metric, as Prometheus has it."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. name: without the prefix. labels: a value that does not apply is empty."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    meaning: str

    @property
    def unit(self) -> str:
        """The unit that the name ends in, empty for a plain number."""
        base = self.name.removesuffix("_total")
        return next((unit for unit in _UNITS if base.endswith(f"_{unit}")), "")

    def counter(self) -> CounterMetricFamily:
        """Return an empty family of this metric, a counter."""
        name = (PREFIX + self.name).removesuffix("_total")
        return CounterMetricFamily(name, self.meaning, labels=self.labels, unit=self.unit)

    def gauge(self) -> GaugeMetricFamily:
        """Return an empty family of this metric, a gauge."""
        return GaugeMetricFamily(
            PREFIX + self.name, self.meaning, labels=self.labels, unit=self.unit
        )

    def histogram(self) -> HistogramMetricFamily:
        """Return an empty family of this metric, a histogram."""
        return HistogramMetricFamily(
            PREFIX + self.name, self.meaning, labels=self.labels, unit=self.unit
        )


_VERSION = ("model", "version")
_FEATURE = (*_VERSION, "feature")
_ANSWERED = (*_VERSION, "track")

HTTP_REQUESTS = Metric(
    "http_requests_total",
    Kind.COUNTER,
    ("route", "method", "status", *_ANSWERED),
    "Requests that have ended",
)
HTTP_REQUEST_DURATION = Metric(
    "http_request_duration_seconds",
    Kind.HISTOGRAM,
    ("route", *_ANSWERED),
    "Time from a request's head to the end of its answer",
)
HTTP_REQUESTS_IN_FLIGHT = Metric(
    "http_requests_in_flight",
    Kind.GAUGE,
    (),
    "Requests that are being answered, the scrape among them",
)
HTTP_REQUESTS_REJECTED = Metric(
    "http_requests_rejected_total",
    Kind.COUNTER,
    ("reason", "model"),
    "Requests that were answered with a problem, by its slug",
)
INFERENCE_DURATION = Metric(
    "inference_duration_seconds",
    Kind.HISTOGRAM,
    (*_VERSION, "executor"),
    "Time that one call of a model takes",
)
INFERENCE_BATCH_ROWS = Metric(
    "inference_batch_rows",
    Kind.HISTOGRAM,
    _VERSION,
    "Rows of one call of a model, of all requests that it answers",
)
QUEUE_ROWS = Metric("queue_rows", Kind.GAUGE, ("model",), "Rows that wait for a thread")
QUEUE_WAIT = Metric(
    "queue_wait_seconds",
    Kind.HISTOGRAM,
    ("model",),
    "Time that a request waits for a thread, where it needs one",
)
PREDICTIONS = Metric(
    "predictions_total", Kind.COUNTER, (*_VERSION, "class"), "Rows answered, by class"
)
PREDICTION_CONFIDENCE = Metric(
    "prediction_confidence_ratio",
    Kind.HISTOGRAM,
    _VERSION,
    "Highest class probability of the rows answered",
)
FEATURE_ROWS = Metric(
    "feature_rows_total",
    Kind.COUNTER,
    _VERSION,
    "Rows whose features were looked at: a sample, where there are many",
)
FEATURE_OUT_OF_RANGE = Metric(
    "feature_out_of_range_total",
    Kind.COUNTER,
    _FEATURE,
    "Of these rows, those with a number below or above all of training",
)
FEATURE_MISSING = Metric(
    "feature_missing_total", Kind.COUNTER, _FEATURE, "Of these rows, those without the value"
)
FEATURE_UNSEEN_CATEGORY = Metric(
    "feature_unseen_category_total",
    Kind.COUNTER,
    _FEATURE,
    "Of these rows, those with a category that training did not have",
)
FEATURE_STABILITY = Metric(
    "feature_stability_index",
    Kind.GAUGE,
    _FEATURE,
    "Population stability index of about the last 10,000 of these rows against training",
)

SHADOW_REQUESTS = Metric(
    "shadow_requests_total",
    Kind.COUNTER,
    (*_VERSION, "result"),
    "Requests that were mirrored to a shadow, by what came of it",
)
SHADOW_DIFFERENCE = Metric(
    "shadow_difference_ratio",
    Kind.HISTOGRAM,
    _VERSION,
    "Largest difference between a shadow's answer and the served one, a request",
)

VERSION_STATE = Metric(
    "version_state", Kind.GAUGE, (*_VERSION, "state"), "1 for the state that the version is in"
)
VERSION_LOAD_FAILURES = Metric(
    "version_load_failures_total",
    Kind.COUNTER,
    (*_VERSION, "reason"),
    "Loads that failed, by reason",
)
VERSION_LOAD_DURATION = Metric(
    "version_load_duration_seconds", Kind.GAUGE, _VERSION, "How long the last good load took"
)
VERSION_MEMORY = Metric(
    "version_memory_bytes",
    Kind.GAUGE,
    _VERSION,
    "Resident memory that the load took, while the version is in memory",
)
PLAN_SPEEDUP = Metric(
    "plan_speedup_ratio",
    Kind.GAUGE,
    _VERSION,
    "How long scikit-learn takes for one row, divided by what the plan's executor takes",
)
TRAFFIC_WEIGHT = Metric(
    "traffic_weight_ratio",
    Kind.GAUGE,
    _ANSWERED,
    "Part of the requests that pin no version, 0 to 1, in force",
)
TRAFFIC_INFO = Metric(
    "traffic_info", Kind.GAUGE, ("model", "generation"), "1; the generation is the store's"
)
TRAFFIC_IN_FORCE = Metric(
    "traffic_in_force",
    Kind.GAUGE,
    ("model",),
    "1 while the policy in force is the declared one, 0 while they differ",
)
TRAFFIC_STORE_ERRORS = Metric(
    "traffic_store_errors_total",
    Kind.COUNTER,
    (),
    "Times that the traffic store became unreadable or invalid",
)
MEMORY_LIMIT = Metric(
    "memory_limit_bytes", Kind.GAUGE, (), "Memory limit of the cgroup; not there without a limit"
)
BUILD_INFO = Metric(
    "build_info",
    Kind.GAUGE,
    ("version", "python", "sklearn"),
    "1; the versions of Skerry, Python and scikit-learn",
)

ALL = tuple(value for value in tuple(globals().values()) if isinstance(value, Metric))
