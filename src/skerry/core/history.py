"""What one version did over time, step by step: what a chart of it needs.

Pure values. ``dataplane/evidence.py`` gathers the counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from skerry.core.evidence import ERRORS, LATENCIES, REQUESTS
from skerry.core.latency_buckets import percentiles


@dataclass(frozen=True, slots=True)
class TrackHistory:
    """Requests, errors and latency of one version on one track, a value a step, the oldest first.

    step_s: seconds that a step is long. Only whole steps are in it, so the last one may have ended
        up to that long ago.
    p50_s, p99_s: of answers of status 2xx; None for a step without any.
    """

    version: str
    track: str
    step_s: int
    requests: tuple[int, ...]
    errors: tuple[int, ...]
    p50_s: tuple[float | None, ...]
    p99_s: tuple[float | None, ...]

    @classmethod
    def of(cls, version: str, track: str, step_s: int, counts: NDArray[Any]) -> TrackHistory:
        """Read the history off counts, [n_steps, N_COUNTS]."""
        p50_s, p99_s = percentiles(counts[:, LATENCIES], (0.5, 0.99))
        return cls(
            version,
            track,
            step_s,
            tuple(counts[:, REQUESTS].tolist()),
            tuple(counts[:, ERRORS].tolist()),
            tuple(p50_s),
            tuple(p99_s),
        )
