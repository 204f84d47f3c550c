"""Counts requests and their answers one by one, for a second at the most: then it is a tally.

Each is counted while its values are at hand. To keep them and to count hundreds together is less
work, but took the event loop a millisecond at a time: by then no cache has them any more.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from math import isnan

import numpy as np
from numpy.typing import NDArray

from skerry.core.evidence import (
    CLASSES,
    CONFIDENCE_BOUNDS,
    CONFIDENCES,
    ERRORS,
    LATENCIES,
    N_COUNTS,
    NO_NUMBERS,
    REQUESTS,
    ROWS,
    Moments,
    Tally,
    class_text,
)
from skerry.core.latency_buckets import bucket_of
from skerry.core.rows import Predictions
from skerry.core.signature import Task
from skerry.dataplane.class_index import ClassIndex

# What exceeds the last bound by rounding belongs to its bin, which is why it has none here.
_BOUNDS = CONFIDENCE_BOUNDS[:-1]
_MANY_NUMBERS, _MANY_LABELS = 64, 256


class RequestCounts:
    """What one version did on one track. Nothing of an answer is kept, but its label."""

    __slots__ = (
        "_classes",
        "_confidences",
        "_errors",
        "_latencies",
        "_moments",
        "_numbers",
        "_requests",
        "_rows",
    )

    def __init__(self) -> None:
        self._requests = self._rows = self._errors = 0
        self._latencies: dict[int, int] = {}
        self._classes: dict[object, int] = {}
        self._confidences = [0] * len(CONFIDENCE_BOUNDS)
        self._numbers: list[float] = []
        self._moments = NO_NUMBERS

    @property
    def has_many_labels(self) -> bool:
        """Tell whether it is time for a tally, lest labels that all differ be kept for a second."""
        return len(self._classes) >= _MANY_LABELS

    def add(
        self,
        task: Task | None,
        rows: int,
        status: int,
        duration_s: float,
        predictions: Predictions | None,
    ) -> None:
        """Count a request that has ended; predictions: None where it was refused."""
        self._requests += 1
        self._rows += rows
        if status >= 300:
            self._errors += status >= 500
            return
        bucket = bucket_of(duration_s)
        self._latencies[bucket] = self._latencies.get(bucket, 0) + 1
        if predictions is None:
            return
        labels, confidences, _ = predictions
        # Several outputs have no one class, number or confidence to be compared.
        if confidences is not None and confidences.ndim == 1:
            self._add_confidences(confidences)
        if labels.ndim != 1:
            return
        if task is not Task.REGRESSION:
            self._add_classes(labels.tolist())
        elif labels.dtype.kind in "biuf":
            if len(labels) >= _MANY_NUMBERS:
                self._add_moments(labels.astype(np.float64, copy=False))
                return
            self._numbers += labels.tolist()
            if len(self._numbers) >= _MANY_NUMBERS:
                self._add_waiting_numbers()

    def tally(self, classes: ClassIndex, second: int) -> Tally:
        """Return the counts, with numbers of classes as of that second."""
        counts = np.zeros(N_COUNTS, np.int32)
        counts[REQUESTS], counts[ROWS], counts[ERRORS] = self._requests, self._rows, self._errors
        counts[LATENCIES][list(self._latencies)] = list(self._latencies.values())
        counts[CONFIDENCES] = self._confidences
        by_class = counts[CLASSES]
        for label, count in self._classes.items():
            by_class[classes.index_of(class_text(label), second)] += count
        self._add_waiting_numbers()
        return Tally(counts, self._moments)

    def _add_confidences(self, confidences: NDArray[np.float64]) -> None:
        if len(confidences) == 1:
            confidence = confidences.item()
            if not isnan(confidence):
                self._confidences[bisect_left(_BOUNDS, confidence)] += 1
            return
        bins = np.searchsorted(_BOUNDS, confidences[~np.isnan(confidences)])
        found = np.bincount(bins, minlength=len(CONFIDENCE_BOUNDS)).tolist()
        self._confidences = [a + b for a, b in zip(self._confidences, found, strict=True)]

    def _add_classes(self, labels: list[object]) -> None:
        known = self._classes
        try:
            if len(labels) == 1:
                known[labels[0]] = known.get(labels[0], 0) + 1
                return
            for label, count in Counter(labels).items():
                known[label] = known.get(label, 0) + count
        except TypeError:  # An estimator of a user's own may answer what has no hash.
            self._add_classes([class_text(label) for label in labels])

    def _add_waiting_numbers(self) -> None:
        numbers, self._numbers = self._numbers, []
        self._add_moments(np.array(numbers, np.float64))

    def _add_moments(self, numbers: NDArray[np.float64]) -> None:
        self._moments = self._moments.joined(Moments.of(numbers))
