"""What requests and predictions are counted in, on their way; read at a scrape.

For the event loop's thread alone. Of a version that is gone nothing is kept.
"""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Callable, Iterator

from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from skerry.core.evidence import MAX_CLASSES, class_text
from skerry.core.plan import Executor
from skerry.core.rows import Predictions
from skerry.core.signature import Task
from skerry.telemetry import metrics
from skerry.telemetry.instruments import Counter, Histogram, Versions
from skerry.telemetry.metrics import OTHER
from skerry.telemetry.request_trace import RequestTrace

METHODS = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"}
)
# fmt: off
REQUEST_S = (
    5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0,
    30.0,
)
"""Upper bounds of buckets for whole requests, in seconds."""
INFERENCE_S = (1e-5, 2e-5, *REQUEST_S)
"""The same for calls of a model, the quickest of which take some microseconds."""
BATCH_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
CONFIDENCES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
# fmt: on


class ServingMetrics:
    """Counts requests, calls of models, and predictions. in_flight: requests not answered yet."""

    def __init__(self) -> None:
        self.in_flight = 0
        self._requests = Counter(metrics.HTTP_REQUESTS)
        self._request_durations = Histogram(metrics.HTTP_REQUEST_DURATION, REQUEST_S)
        self._rejected = Counter(metrics.HTTP_REQUESTS_REJECTED)
        self._inference_durations = Histogram(metrics.INFERENCE_DURATION, INFERENCE_S)
        self._batch_rows = Histogram(metrics.INFERENCE_BATCH_ROWS, BATCH_ROWS)
        self._queue_waits = Histogram(metrics.QUEUE_WAIT, INFERENCE_S)
        self._predictions = Counter(metrics.PREDICTIONS)
        self._confidences = Histogram(metrics.PREDICTION_CONFIDENCE, CONFIDENCES)
        self._classes: dict[tuple[str, str], set[object]] = {}
        self._instruments = (
            self._requests,
            self._request_durations,
            self._rejected,
            self._inference_durations,
            self._batch_rows,
            self._queue_waits,
            self._predictions,
            self._confidences,
        )

    def count_request(
        self,
        route: str | None,
        method: str,
        status: int,
        model: str | None,
        version: str | None,
        track: str | None,
        error: str | None,
        duration_s: float,
        trace: RequestTrace | None = None,
    ) -> None:
        """Count a request that has ended.

        route: its template, None where no route has its path.
        model, version, track: what answered, where that was found out; never what was asked for.
        error: slug of the problem that it was answered with.
        trace: where it is recorded.
        """
        if route is None:
            route = OTHER
        if method not in METHODS:
            method = OTHER
        self._requests.add((route, method, status, model, version, track))
        self._request_durations.observe((route, model, version, track), duration_s, trace)
        if error is not None:
            self._rejected.add((error, model))

    def count_call(
        self, model: str, version: str, executor: Executor, n_rows: int, duration_s: float
    ) -> None:
        """Count one call of a model, with the rows of all requests that it was made for."""
        self._inference_durations.observe((model, version, executor), duration_s)
        self._batch_rows.observe((model, version), n_rows)

    def count_wait(self, model: str, duration_s: float) -> None:
        """Count the time that a request waited for a thread."""
        self._queue_waits.observe((model,), duration_s)

    def count_predictions(
        self, model: str, version: str, task: Task | None, predictions: Predictions
    ) -> None:
        """Count what was answered: classes, unless it is a regressor's numbers, and confidences.

        Several outputs are left out: they have no one class, and no one confidence.
        """
        labels, confidences, _ = predictions
        if labels.ndim != 1:
            return
        owner = (model, version)
        if len(labels) == 1:
            if task is not Task.REGRESSION:
                self._count_class(owner, labels.item(), 1)
            if confidences is not None:
                self._confidences.observe(owner, confidences.item())
            return
        if task is not Task.REGRESSION:
            listed = labels.tolist()
            if labels.dtype.kind == "O":  # Whatever these are, they may have no hash.
                listed = [_plain(label) for label in listed]
            for label, count in Counts(listed).items():
                self._count_class(owner, label, count)
        if confidences is not None:
            self._confidences.observe_all(owner, confidences)

    def _count_class(self, owner: tuple[str, str], label: object, count: int) -> None:
        label = _plain(label)
        known = self._classes.get(owner)
        if known is None:
            known = self._classes[owner] = set()
        if label not in known:
            if len(known) < MAX_CLASSES:
                known.add(label)
            else:
                label = OTHER
        self._predictions.add((*owner, label), count)

    def keep(self, versions: Versions) -> None:
        """Drop what was counted for all other models and versions."""
        for instrument in self._instruments:
            instrument.keep(versions)
        for owner in self._classes.keys() - versions:
            del self._classes[owner]

    def families(self) -> Iterator[Family]:
        """Yield one family after the other; between two, more may be counted."""
        for instrument in self._instruments:
            yield instrument.family()
        in_flight = metrics.HTTP_REQUESTS_IN_FLIGHT.gauge()
        in_flight.add_metric((), self.in_flight)
        yield in_flight


class ServingCollector(Collector):
    """Reads what was counted. versions: tells which exist now; the others are forgotten."""

    def __init__(self, counted: ServingMetrics, versions: Callable[[], Versions]) -> None:
        self._counted = counted
        self._versions = versions

    def collect(self) -> Iterator[Family]:
        """Yield the families."""
        self._counted.keep(self._versions())
        yield from self._counted.families()


def _plain(label: object) -> object:
    """Return a class as something with a hash; an estimator of a user's own may answer a list."""
    return label if type(label) is int else class_text(label)
