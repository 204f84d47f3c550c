"""An execution plan: which executor answers how many rows, and the evidence for that choice."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

MEASURED_ROWS = (1, 8, 64, 512, 1000)
"""Batch sizes at which candidates are timed."""
CHEAP_US = 300.0
"""A call that takes less costs less on the event loop than on its way to a thread and back."""

BATCH_US = 20_000.0
"""Longer than this, a batch would keep its first caller waiting for the last one's rows."""
_PAYS = 0.8


class Executor(StrEnum):
    """What computes an answer.

    SKLEARN: scikit-learn itself. NUMPY: array arithmetic. TREELITE: compiled trees.
    PIPELINE: a pipeline compiled step by step. ONNX: ONNX Runtime.
    """

    SKLEARN = "sklearn"
    NUMPY = "numpy"
    TREELITE = "treelite"
    PIPELINE = "pipeline"
    ONNX = "onnx"


class Parity(StrEnum):
    """How equal a candidate's answers must be to scikit-learn's.

    EXACT: the same labels, numbers within 1e-9. TOLERANT: the same labels, 1e-5.
    NATIVE: no candidate but scikit-learn itself.
    """

    EXACT = "exact"
    TOLERANT = "tolerant"
    NATIVE = "native"


@dataclass(frozen=True, slots=True)
class Candidate:
    """An executor that was tried, and what came of it.

    reason: why it was refused, None where it was accepted.
    probe_rows: rows on which it was compared with scikit-learn.
    labels_differ: how many of those had another label.
    max_relative_difference: the largest |a - b| / max(1, |b|) of all numbers.
    worst: the row that differs most, with both answers; None where none differs.
    duration_us: microseconds of one call, by number of rows.
    """

    executor: Executor
    accepted: bool
    reason: str | None = None
    probe_rows: int = 0
    labels_differ: int = 0
    max_relative_difference: float = 0.0
    worst: Mapping[str, Any] | None = None
    duration_us: Mapping[int, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the candidate as the API and the manifest show it."""
        return {
            "executor": self.executor.value,
            "accepted": self.accepted,
            "reason": self.reason,
            "probe_rows": self.probe_rows,
            "labels_differ": self.labels_differ,
            "max_relative_difference": self.max_relative_difference,
            "worst": None if self.worst is None else dict(self.worst),
            "duration_us": {str(rows): us for rows, us in self.duration_us.items()},
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Candidate:
        """Read what ``to_dict`` wrote; unknown keys are ignored.

        Raises:
            KeyError, TypeError, ValueError: a key is missing or of the wrong type.
        """
        return cls(
            executor=Executor(data["executor"]),
            accepted=bool(data["accepted"]),
            reason=data.get("reason"),
            probe_rows=int(data.get("probe_rows", 0)),
            labels_differ=int(data.get("labels_differ", 0)),
            max_relative_difference=float(data.get("max_relative_difference", 0.0)),
            worst=data.get("worst"),
            duration_us={int(rows): float(us) for rows, us in data["duration_us"].items()},
        )


@dataclass(frozen=True, slots=True)
class RowRange:
    """From ``min_rows`` to ``max_rows``, None for no end, ``executor`` answers."""

    min_rows: int
    max_rows: int | None
    executor: Executor


@dataclass(frozen=True)
class Plan:
    """The choice for one version.

    ranges: in ascending order, from one row to any number, without gaps.
    cached: it came with the manifest, and nothing was measured at this load.
    cpu: the kind of CPU that it was measured on.
    batch_rows: as many rows are answered by one call soon enough, and sooner than by one each; 1
        where that is never so, or was not measured.
    cheap_rows: as many rows, or fewer, are answered in less than ``CHEAP_US``; 0 if none are, or
        scikit-learn answers them: its own code may take any time for a row that was not tried.
    """

    parity: Parity
    ranges: tuple[RowRange, ...]
    candidates: tuple[Candidate, ...] = ()
    cached: bool = False
    cpu: str = ""
    batch_rows: int = field(init=False, repr=False, compare=False)
    cheap_rows: int = field(init=False, repr=False, compare=False)
    _starts: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Derive what every request asks for."""
        object.__setattr__(self, "_starts", tuple(each.min_rows for each in self.ranges))
        object.__setattr__(self, "batch_rows", self._batch_rows())
        object.__setattr__(self, "cheap_rows", self._cheap_rows())

    @classmethod
    def of_one(cls, executor: Executor, parity: Parity) -> Plan:
        """Return the plan that has one executor for everything, and no evidence."""
        return cls(parity, (RowRange(1, None, executor),))

    def executor_for(self, n_rows: int) -> Executor:
        """Return the executor that answers this many rows, at least one."""
        return self.ranges[bisect_right(self._starts, n_rows) - 1].executor

    def candidate(self, executor: Executor) -> Candidate | None:
        """Return the evidence about an executor, None where there is none."""
        return next((c for c in self.candidates if c.executor is executor), None)

    def duration_us(self, n_rows: int) -> float | None:
        """Return about how long one call takes, None where nothing was measured.

        Between two measured sizes it is the larger one's, beyond the last it grows in proportion.
        """
        candidate = self.candidate(self.executor_for(n_rows))
        if candidate is None or not candidate.duration_us:
            return None
        for rows, us in sorted(candidate.duration_us.items()):
            if n_rows <= rows:
                return us
        last = max(candidate.duration_us)
        return candidate.duration_us[last] * n_rows / last

    def _batch_rows(self) -> int:
        one_us = self.duration_us(1)
        if one_us is None:
            return 1
        return max(rows for rows in MEASURED_ROWS if rows == 1 or self._pays(rows, one_us))

    def _pays(self, rows: int, one_us: float) -> bool:
        duration_us = self.duration_us(rows)
        assert duration_us is not None  # noqa: S101 - one row was measured, so has some duration
        return duration_us <= BATCH_US and duration_us <= _PAYS * rows * one_us

    def _cheap_rows(self) -> int:
        cheap = 0
        for rows in MEASURED_ROWS:
            duration_us = self.duration_us(rows)
            if duration_us is None or duration_us > CHEAP_US:
                break
            if self.executor_for(rows) is Executor.SKLEARN:
                break
            cheap = rows
        return cheap

    def as_cached(self) -> Plan:
        """Return the same plan, marked as one that was not measured here."""
        return replace(self, cached=True)

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as the API shows it; the manifest adds ``cpu``."""
        return {
            "parity": self.parity.value,
            "cached": self.cached,
            "ranges": [
                {"min_rows": r.min_rows, "max_rows": r.max_rows, "executor": r.executor.value}
                for r in self.ranges
            ],
            "candidates": [candidate.to_dict() for candidate in self.candidates],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Plan:
        """Read what ``to_dict`` wrote; raises as ``Candidate.from_dict`` does."""
        ranges = tuple(
            RowRange(
                int(r["min_rows"]),
                None if r["max_rows"] is None else int(r["max_rows"]),
                Executor(r["executor"]),
            )
            for r in data["ranges"]
        )
        ends = [r.max_rows for r in ranges]
        starts = [1, *(end + 1 for end in ends[:-1] if end is not None)]
        if ends[-1:] != [None] or starts != [r.min_rows for r in ranges]:
            raise ValueError("the ranges of a plan go from 1 to no end, without gaps")
        return cls(
            parity=Parity(data["parity"]),
            ranges=ranges,
            candidates=tuple(Candidate.from_dict(c) for c in data.get("candidates", ())),
            cached=bool(data.get("cached", False)),
            cpu=str(data.get("cpu", "")),
        )


def fastest_ranges(accepted: Mapping[Executor, Mapping[int, float]]) -> tuple[RowRange, ...]:
    """Return the ranges in which each executor is the fastest, by what was measured.

    accepted: microseconds by number of rows, of each executor that may be chosen. The first one
        is chosen where nothing was measured, and where two are equally fast.
    """
    order = list(accepted)
    sizes = sorted({rows for durations in accepted.values() for rows in durations})
    choices: list[tuple[int, Executor]] = []
    for rows in sizes or [1]:
        measured = [e for e in order if rows in accepted[e]]
        best = min(measured, key=lambda e: accepted[e][rows]) if measured else order[0]
        if not choices or choices[-1][1] is not best:
            choices.append((rows if choices else 1, best))
    ends = [start - 1 for start, _ in choices[1:]]
    return tuple(
        RowRange(start, end, executor)
        for (start, executor), end in zip(choices, [*ends, None], strict=True)
    )
