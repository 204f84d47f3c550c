"""Percentiles from buckets: never further from the true one than the bucket is wide."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from skerry.core.latency_buckets import (
    LONGEST_S,
    N_BUCKETS,
    SHORTEST_S,
    bucket_of,
    percentile,
    percentiles,
)


def bucketed(durations_s: Iterable[float]) -> NDArray[np.intp]:
    buckets = np.array([bucket_of(each) for each in durations_s], dtype=np.intp)
    return np.bincount(buckets, minlength=N_BUCKETS)


DURATIONS = st.lists(st.floats(SHORTEST_S, LONGEST_S), min_size=1, max_size=200)


@given(DURATIONS, st.sampled_from([0.001, 0.5, 0.9, 0.99, 1.0]))
def test_a_percentile_is_right_to_within_its_bucket(durations: list[float], share: float) -> None:
    true_s = sorted(durations)[math.ceil(share * len(durations)) - 1]

    found_s = percentile(bucketed(durations), share)

    assert found_s is not None
    assert found_s == pytest.approx(true_s, rel=0.0125)


@given(st.lists(st.floats(0, 1e9), max_size=50))
def test_every_duration_is_counted_once(durations: list[float]) -> None:
    assert len(durations) == bucketed(durations).sum()


def test_what_is_beyond_the_ends_is_counted_there() -> None:
    counts = bucketed([0.0, SHORTEST_S / 2, LONGEST_S, 3600.0])

    assert [2, 2] == counts[[0, N_BUCKETS - 1]].tolist()


def test_nothing_has_no_percentile() -> None:
    assert percentile(bucketed([]), 0.5) is None


def test_buckets_tell_apart_what_differs_by_a_fortieth() -> None:
    edges = SHORTEST_S * 1.025 ** np.arange(600)

    assert bucketed(list(edges)).max() == 1


@given(st.lists(st.lists(st.floats(SHORTEST_S, LONGEST_S), max_size=50), min_size=1, max_size=5))
def test_percentiles_of_many_are_those_of_each(rows: list[list[float]]) -> None:
    counts = np.array([bucketed(row) for row in rows])

    shares = (0.01, 0.5, 0.99, 1.0)
    for share, found in zip(shares, percentiles(counts, shares), strict=True):
        for row, duration_s in zip(counts, found, strict=True):
            one_s = percentile(row, share)
            assert (one_s is None) == (duration_s is None)
            assert duration_s is None or duration_s == pytest.approx(one_s)
