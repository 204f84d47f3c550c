"""Durations in buckets of equal ratio, and the percentiles that can be read from their counts.

A bucket is 2.43 % wide, so that a percentile is right to within 1.25 % whatever its size is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

SHORTEST_S = 1e-5
LONGEST_S = 100.0
_A_DECADE = 96
N_BUCKETS = _A_DECADE * round(math.log10(LONGEST_S / SHORTEST_S))


def bucket_of(duration_s: float) -> int:
    """Return the bucket that a duration falls into, from 0 to ``N_BUCKETS`` - 1.

    Durations beyond the shortest and the longest are counted in the first and the last bucket.
    """
    if duration_s <= SHORTEST_S:
        return 0
    return min(int(math.log10(duration_s / SHORTEST_S) * _A_DECADE), N_BUCKETS - 1)


def percentile(counts: NDArray[np.integer[Any]], share: float) -> float | None:
    """Return the duration in seconds that this share of all does not exceed; None without any.

    It is the middle, by ratio, of the bucket that holds the duration of that rank.
    share: above 0, at most 1.
    """
    cumulated = np.cumsum(counts)
    total = int(cumulated[-1])
    if not total:
        return None
    index = int(np.searchsorted(cumulated, math.ceil(share * total)))
    return float(SHORTEST_S * 10 ** ((index + 0.5) / _A_DECADE))


def percentiles(
    counts: NDArray[np.integer[Any]], shares: Sequence[float]
) -> list[list[float | None]]:
    """Return ``percentile`` of every row of counts, [n, N_BUCKETS], for each share, in one go."""
    used = np.flatnonzero(counts.any(axis=0))  # A tenth of all, so the rest is left alone.
    if not len(used):
        return [[None] * len(counts) for _ in shares]
    cumulated = np.cumsum(counts[:, used], axis=1)
    totals = cumulated[:, -1]
    # Laid end to end with a growing offset, all rows are one ascending sequence to search.
    starts = np.concatenate(([0], np.cumsum(totals)[:-1]))
    ascending = (cumulated + starts[:, None]).ravel()
    before = np.arange(len(counts)) * len(used)
    by_share = []
    for share in shares:
        ranks = np.ceil(share * totals).astype(np.int64)
        found_at = np.searchsorted(ascending, starts + ranks) - before
        indices = used[np.clip(found_at, 0, len(used) - 1)]
        durations = SHORTEST_S * 10 ** ((indices + 0.5) / _A_DECADE)
        by_share.append(
            [
                duration if total else None
                for duration, total in zip(durations.tolist(), totals.tolist(), strict=True)
            ]
        )
    return by_share
