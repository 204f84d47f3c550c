"""What has come of the requests that a shadow was asked, in numbers, and the last that differed."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np

from skerry.core.rows import Predictions
from skerry.core.times import rfc3339
from skerry.dataplane.comparison import SAME, Floats

UPPER_BOUNDS = (SAME, 1e-6, 1e-3, 0.1)
"""Of the differences that are counted together; one more count is of those beyond."""


class Answer(NamedTuple):
    """What one version said of one row; lists, one entry an output, where it has several."""

    version: str
    prediction: Any
    confidence: Any

    @classmethod
    def of(cls, version: str, predictions: Predictions, row: int) -> Answer:
        """Return the answer for a row, as plain values that keep no array alive."""
        labels, confidences, _ = predictions.between(row, row + 1)
        (prediction,) = labels.tolist()
        return cls(version, prediction, None if confidences is None else confidences.tolist()[0])

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as the API shows it."""
        return {
            "version": self.version,
            "prediction": _shown(self.prediction),
            "confidence": _shown(self.confidence),
        }


class Disagreement(NamedTuple):
    """A request whose answers differ. time_s: since the epoch, of the served answer.

    row: the first one that differs. difference: the request's largest.
    features: that row's, where inputs are to be kept.
    """

    time_s: float
    request_id: str
    row: int
    difference: float
    served: Answer
    shadow: Answer
    features: tuple[Any, ...] | None

    def to_dict(self) -> dict[str, Any]:
        """Return the disagreement as the API shows it."""
        shown: dict[str, Any] = {
            "time": _time(self.time_s),
            "request_id": self.request_id,
            "row": self.row,
            "difference": _shown(self.difference),
            "served": self.served.to_dict(),
            "shadow": self.shadow.to_dict(),
        }
        if self.features is not None:
            shown["features"] = _shown(self.features)
        return shown


class Failure(NamedTuple):
    """A request that the shadow did not answer, and why. time_s: since the epoch.

    detail: text of what was raised, which may tell of inputs: for the log, not for the API.
    """

    time_s: float
    request_id: str
    reason: str
    detail: str

    def to_dict(self) -> dict[str, Any]:
        """Return the failure as the API shows it."""
        return {
            "time": _time(self.time_s),
            "request_id": self.request_id,
            "reason": self.reason,
        }


@dataclass(slots=True)
class Tally:
    """Counts of requests; one with several rows is one.

    agreed, disagreed: were compared. failed: the shadow raised, or can't be compared.
    dropped: it was not asked, because it was not quick enough.
    counts: of those compared, by ``UPPER_BOUNDS``. difference_sum: of the finite differences.
    recent: the last disagreements, the newest at the end.
    """

    keep: int
    agreed: int = 0
    disagreed: int = 0
    failed: int = 0
    dropped: int = 0
    counts: list[int] = field(default_factory=lambda: [0] * (len(UPPER_BOUNDS) + 1))
    difference_sum: float = 0.0
    recent: deque[Disagreement] = field(init=False)
    last_failure: Failure | None = None

    def __post_init__(self) -> None:
        """Bound what is kept."""
        self.recent = deque(maxlen=self.keep)

    @property
    def requests(self) -> int:
        """All whose fate is known."""
        return self.agreed + self.disagreed + self.failed + self.dropped

    @property
    def disagreement_rate(self) -> float | None:
        """Share of those compared that disagreed; None where none was."""
        compared = self.agreed + self.disagreed
        return self.disagreed / compared if compared else None

    def count_compared(self, n_agreed: int, differences: Floats) -> None:
        """Count requests that were compared. differences: one a request."""
        self.agreed += n_agreed
        self.disagreed += len(differences) - n_agreed
        at = np.searchsorted(UPPER_BOUNDS, differences)
        for i, count in enumerate(np.bincount(at, minlength=len(self.counts)).tolist()):
            self.counts[i] += count
        self.difference_sum += float(differences[np.isfinite(differences)].sum())

    def count_failed(self, n: int, last: Failure) -> None:
        """Count requests that failed."""
        self.failed += n
        self.last_failure = last

    def add(self, other: Tally) -> None:
        """Add what was counted later."""
        self.agreed += other.agreed
        self.disagreed += other.disagreed
        self.failed += other.failed
        self.dropped += other.dropped
        self.counts = [a + b for a, b in zip(self.counts, other.counts, strict=True)]
        self.difference_sum += other.difference_sum
        self.recent += other.recent
        self.last_failure = other.last_failure or self.last_failure

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as the API shows them, newest disagreement first."""
        return {
            "requests": self.requests,
            "agreed": self.agreed,
            "disagreed": self.disagreed,
            "failed": self.failed,
            "dropped": self.dropped,
            "differences": {"upper_bounds": [*UPPER_BOUNDS, None], "counts": list(self.counts)},
            "recent": [each.to_dict() for each in reversed(self.recent)],
            "last_failure": None if self.last_failure is None else self.last_failure.to_dict(),
        }


def _time(time_s: float) -> str:
    return rfc3339(datetime.fromtimestamp(time_s, UTC))


def _shown(value: Any) -> Any:
    """Return a value as JSON has it: what is no finite number is null."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [_shown(each) for each in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
