"""Counts of requests, and what of their answers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from skerry.core.evidence import CLASSES, CONFIDENCES, ERRORS, LATENCIES, REQUESTS, ROWS, Tally
from skerry.core.rows import Predictions
from skerry.core.signature import Task
from skerry.dataplane.class_index import ClassIndex
from skerry.dataplane.request_counts import RequestCounts


def predictions(labels: Any, confidences: Any = None) -> Predictions:
    given = None if confidences is None else np.array(confidences, dtype=np.float64)
    return Predictions(np.array(labels), given, None)


def tally_of(task: Task, *answers: Predictions) -> Tally:
    counts = RequestCounts()
    for each in answers:
        counts.add(task, len(each.labels), 200, 0.001, each)
    return counts.tally(ClassIndex(), 7)


@pytest.mark.parametrize("task", [Task.CLASSIFICATION, Task.REGRESSION])
def test_a_batch_counts_as_its_rows_do(task: Task) -> None:
    labels = [i % 7 for i in range(100)]
    confidences = [i / 99 for i in range(99)] + [math.nan]

    batch = tally_of(task, predictions(labels, confidences))
    rows = tally_of(
        task, *(predictions([a], [b]) for a, b in zip(labels, confidences, strict=True))
    )

    for part in (CLASSES, CONFIDENCES):
        assert batch.counts[part].tolist() == rows.counts[part].tolist()
    assert 99 == batch.counts[CONFIDENCES].sum()
    assert batch.counts[ROWS] == rows.counts[ROWS] == 100
    assert batch.numbers.count == rows.numbers.count == (100 if task is Task.REGRESSION else 0)
    assert batch.numbers.mean == pytest.approx(rows.numbers.mean)


def test_only_successes_have_latencies_and_only_5xx_are_errors() -> None:
    counts = RequestCounts()
    for status in (200, 422, 429, 500, 503):
        counts.add(None, 1, status, 0.01, None)

    found = counts.tally(ClassIndex(), 7).counts

    assert [5, 2, 1] == [found[REQUESTS], found[ERRORS], found[LATENCIES].sum()]


def test_labels_without_a_hash_are_counted_by_their_text() -> None:
    labels = np.empty(1, dtype=object)
    labels[0] = [1, 2]

    found = tally_of(Task.CLASSIFICATION, Predictions(labels, None, None))

    assert 1 == found.counts[CLASSES].sum()


def test_tells_when_it_keeps_many_labels() -> None:
    counts = RequestCounts()
    for i in range(255):
        counts.add(Task.CLASSIFICATION, 1, 200, 0.001, predictions([i]))
    before = counts.has_many_labels
    counts.add(Task.CLASSIFICATION, 1, 200, 0.001, predictions([math.nan]))

    assert (False, True) == (before, counts.has_many_labels)
