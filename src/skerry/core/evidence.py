"""What a decision about a canary rests on: counts of requests, and two versions compared by them.

Pure values. ``dataplane/evidence.py`` gathers them, and knows time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skerry.core.latency_buckets import N_BUCKETS, percentile

MAX_CLASSES = 100
OTHER = "other"
"""Stands for the classes beyond the first ``MAX_CLASSES``."""
SHADOW_RESULTS = ("agreed", "disagreed", "failed", "dropped")
"""What can come of a request that a shadow was to answer, too."""
CONFIDENCE_BOUNDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)

REQUESTS, ROWS, ERRORS = 0, 1, 2
CONFIDENCES = slice(3, 3 + len(CONFIDENCE_BOUNDS))
CLASSES = slice(CONFIDENCES.stop, CONFIDENCES.stop + MAX_CLASSES + 1)
LATENCIES = slice(CLASSES.stop, CLASSES.stop + N_BUCKETS)
N_COUNTS = LATENCIES.stop
"""Counts are one vector, so that adding two tallies is one addition; these are its parts."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Summary of numbers that can be joined. squares: sum of squared distances from the mean."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    min: float = math.inf
    max: float = -math.inf

    @classmethod
    def of(cls, numbers: NDArray[np.float64]) -> Moments:
        """Return the summary of those numbers, [n], that are finite."""
        finite = numbers[np.isfinite(numbers)]
        if not len(finite):
            return NO_NUMBERS
        with np.errstate(all="ignore"):  # Beyond float64 it is infinite, and shown as null.
            mean = float(finite.mean())
            squares = float(np.square(finite - mean).sum())
        return cls(len(finite), mean, squares, float(finite.min()), float(finite.max()))

    def joined(self, other: Moments) -> Moments:
        """Return the summary of the numbers of both.

        Source: Chan, Golub, LeVeque, Updating Formulae and a Pairwise Algorithm for Computing
            Sample Variances (1979), equation 2.1.
        """
        if not other.count:
            return self
        if not self.count:
            return other
        count = self.count + other.count
        difference = other.mean - self.mean
        share = other.count / count
        return Moments(
            count,
            self.mean + difference * share,
            self.squares + other.squares + difference * difference * self.count * share,
            min(self.min, other.min),
            max(self.max, other.max),
        )

    def to_dict(self) -> dict[str, float | None] | None:
        """Return the summary as the API shows it; None without numbers."""
        if not self.count:
            return None
        std = math.sqrt(self.squares / self.count) if self.squares >= 0 else math.nan
        values = {"mean": self.mean, "std": std, "min": self.min, "max": self.max}
        return {name: v if math.isfinite(v) else None for name, v in values.items()}


NO_NUMBERS = Moments()


@dataclass(slots=True, eq=False)
class Tally:
    """Counts of some requests, [N_COUNTS], and the numbers that a regressor answered."""

    counts: NDArray[np.signedinteger[Any]]
    numbers: Moments = NO_NUMBERS

    def add(self, other: Tally) -> None:
        """Count what the other has counted, too."""
        self.counts += other.counts
        if other.numbers.count:
            self.numbers = self.numbers.joined(other.numbers)


@dataclass(frozen=True, slots=True)
class TrackEvidence:
    """What one version did on one track.

    rows: of the requests whose body could be read, whatever became of them.
    errors: answers of status 5xx.
    latency_s: percentiles, by their name; of answers of status 2xx alone. An error that comes
        quickly must not make a canary look fast, nor a refusal (429), nor a caller's mistake.
    classes: rows by class, as text; empty for regressors and for several outputs.
    confidences: rows by ``CONFIDENCE_BOUNDS``; empty where the model has no probabilities.
    """

    version: str
    track: str
    requests: int
    rows: int
    errors: int
    latency_s: Mapping[str, float | None]
    classes: Mapping[str, int]
    predicted: Moments
    confidences: tuple[int, ...]

    @classmethod
    def of(
        cls, version: str, track: str, tally: Tally, class_names: Mapping[int, str]
    ) -> TrackEvidence:
        """Return what a tally says. class_names: by index within its counts of classes."""
        counts = tally.counts
        by_class = counts[CLASSES]
        confidences = tuple(counts[CONFIDENCES].tolist())
        named: dict[str, int] = {}
        for index in by_class.nonzero()[0].tolist():
            name = class_names.get(index, OTHER)
            named[name] = named.get(name, 0) + int(by_class[index])
        return cls(
            version=version,
            track=track,
            requests=int(counts[REQUESTS]),
            rows=int(counts[ROWS]),
            errors=int(counts[ERRORS]),
            latency_s={
                f"p{percent}": percentile(counts[LATENCIES], percent / 100)
                for percent in (50, 90, 99)
            },
            classes=named,
            predicted=tally.numbers,
            confidences=confidences if any(confidences) else (),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the evidence as the API shows it."""
        confidences = list(self.confidences)
        bounds = list(CONFIDENCE_BOUNDS)
        return {
            "version": self.version,
            "track": self.track,
            "requests": self.requests,
            "rows": self.rows,
            "errors": self.errors,
            "latency_ms": {name: _milliseconds(s) for name, s in self.latency_s.items()},
            "classes": dict(self.classes),
            "predicted": self.predicted.to_dict(),
            "confidence": {"upper_bounds": bounds, "counts": confidences} if confidences else None,
        }

    def shares(self) -> dict[str, float]:
        """Return each class's share of the rows that have one."""
        total = sum(self.classes.values())
        return {name: count / total for name, count in self.classes.items()}


@dataclass(frozen=True, slots=True)
class Comparison:
    """A canary held against the stable version; None where a side has nothing to compare.

    canary, stable: the versions that were compared.
    p50_ratio, p99_ratio: the canary's latency by stable's.
    class_shift: the canary's share of a class minus stable's, of classes that were seen.
    disagreement_rate: of the shadow, for the canary's version.
    """

    canary: str | None = None
    stable: str | None = None
    p50_ratio: float | None = None
    p99_ratio: float | None = None
    error_rate_difference: float | None = None
    class_shift: Mapping[str, float] | None = None
    max_class_shift: float | None = None
    disagreement_rate: float | None = None

    @property
    def largest_shift(self) -> tuple[str, float] | None:
        """The class whose share differs most, and by how much."""
        if not self.class_shift:
            return None
        return max(self.class_shift.items(), key=lambda item: abs(item[1]))

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as the API shows it."""
        shift = self.class_shift
        return {
            "canary": self.canary,
            "stable": self.stable,
            "p50_ratio": self.p50_ratio,
            "p99_ratio": self.p99_ratio,
            "error_rate_difference": self.error_rate_difference,
            "class_shift": None if shift is None else dict(shift),
            "max_class_shift": self.max_class_shift,
            "disagreement_rate": self.disagreement_rate,
        }


def compare(
    canary: TrackEvidence, stable: TrackEvidence, disagreement_rate: float | None
) -> Comparison:
    """Hold the canary against the stable version."""
    shift = _class_shift(canary, stable)
    return Comparison(
        canary=canary.version,
        stable=stable.version,
        p50_ratio=_ratio(canary.latency_s["p50"], stable.latency_s["p50"]),
        p99_ratio=_ratio(canary.latency_s["p99"], stable.latency_s["p99"]),
        error_rate_difference=_error_rate_difference(canary, stable),
        class_shift=shift,
        max_class_shift=None if shift is None else max(map(abs, shift.values())),
        disagreement_rate=disagreement_rate,
    )


def class_text(label: object) -> str:
    """Return a class label as text; null, truth and bytes as the answer's JSON has them."""
    if type(label) is int:  # Most are, and the questions below cost more than the answer.
        return str(label)
    if isinstance(label, str):
        return label
    if label is None or (isinstance(label, float) and math.isnan(label)):
        return "null"
    if isinstance(label, (bool, np.bool_)):
        return "true" if label else "false"
    return label.decode(errors="replace") if isinstance(label, bytes) else str(label)


def _class_shift(canary: TrackEvidence, stable: TrackEvidence) -> dict[str, float] | None:
    if not (canary.classes and stable.classes):
        return None
    ours, theirs = canary.shares(), stable.shares()
    return {name: ours.get(name, 0.0) - theirs.get(name, 0.0) for name in {**theirs, **ours}}


def _error_rate_difference(canary: TrackEvidence, stable: TrackEvidence) -> float | None:
    if not (canary.requests and stable.requests):
        return None
    return canary.errors / canary.requests - stable.errors / stable.requests


def _ratio(canary_s: float | None, stable_s: float | None) -> float | None:
    return None if canary_s is None or stable_s is None else canary_s / stable_s


def _milliseconds(seconds: float | None) -> float | None:
    """Round to what the buckets can tell."""
    return None if seconds is None else float(f"{seconds * 1000:.4g}")
