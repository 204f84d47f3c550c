"""Counts what each version answers, so that a canary can be held against the stable version.

Of this process alone, for the last hour. Nothing here knows HTTP, or the traffic policy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from skerry.core.evidence import REQUESTS, Comparison, TrackEvidence, compare
from skerry.core.history import TrackHistory
from skerry.core.names import natural_key
from skerry.core.rows import Predictions
from skerry.core.signature import Task
from skerry.dataplane.class_index import ClassIndex
from skerry.dataplane.request_counts import RequestCounts
from skerry.dataplane.time_slots import LONGEST_WINDOW_S, TimeSlots

MAX_SERIES = 128
"""Models, versions and tracks that are counted at a time; a series has 0.6 MB at the most."""
_IDLE_S = 60
_TRACKS = ("stable", "canary", "pinned")

_Key = tuple[str, str, str]


class _Series:
    """What one version does on one track. latest: of ``second``, not among the slots yet."""

    __slots__ = ("classes", "latest", "second", "slots")

    def __init__(self, classes: ClassIndex, second: int) -> None:
        self.classes = classes
        self.slots = TimeSlots()
        self.second = second
        self.latest: RequestCounts | None = None

    def fold(self, next_second: int | None = None) -> None:
        """Put the latest counts among the slots; what comes then is of the next second, if any."""
        latest, self.latest, second = self.latest, None, self.second
        if next_second is not None:
            self.second = next_second
        if latest is not None:
            self.slots.add(second, latest.tally(self.classes, second))


@dataclass(frozen=True, slots=True)
class EvidenceReport:
    """The evidence about a model's versions: in natural order, and by track."""

    versions: tuple[TrackEvidence, ...]
    comparison: Comparison


class Evidence:
    """Counts requests, and reports on them. For the event loop's thread alone.

    clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._series: dict[_Key, _Series] = {}
        self._full_at: int | None = None
        self._sweep_at = -math.inf

    def record(
        self,
        model: str,
        version: str,
        track: str,
        *,
        task: Task | None,
        rows: int | None,
        status: int,
        duration_s: float,
        predictions: Predictions | None,
    ) -> None:
        """Count a request that has ended.

        rows: those that could be read, None if none could.
        predictions: what was answered, None where it was refused; nothing may change it later.
        """
        second = int(self._clock())
        series = self._series.get((model, version, track))
        if series is None:
            series = self._open((model, version, track), second)
            if series is None:
                return
        if second != series.second:
            series.fold(second)
            if second >= self._sweep_at:
                self._sweep(second)
        elif series.latest is not None and series.latest.has_many_labels:
            series.fold()
        if series.latest is None:
            series.latest = RequestCounts()
        series.latest.add(task, rows or 0, status, duration_s, predictions)

    def report(
        self,
        model: str,
        window_s: float,
        *,
        stable: str | None,
        canary: str | None,
        disagreement_rates: Mapping[str, float] | None = None,
    ) -> EvidenceReport:
        """Return what the model's versions did in the window, and how the canary compares.

        window_s: 1 to 3600.
        stable, canary: the versions of the policy in force. Where it has no canary, the one that
            had the most requests on that track is compared. Where it has no stable version, or
            the canary has become it, the one that had the most of the others is compared with.
        disagreement_rates: of the shadow, by version.
        """
        now_s = self._clock()
        self._sweep(int(now_s))
        found = [self._evidence(key, now_s, window_s) for key in self._series if key[0] == model]
        seen = [each for each in found if each.requests]
        return EvidenceReport(
            tuple(sorted(seen, key=_order)),
            _comparison(seen, stable, canary, disagreement_rates or {}),
        )

    def history(self, model: str, step_s: int, n_steps: int) -> tuple[TrackHistory, ...]:
        """Return what the model's versions did over time; those that did nothing are left out.

        step_s: 1, 10 or 60, of which the last minute, ten minutes and hour are known.
        """
        now_s = self._clock()
        found = []
        for key in self._series:
            if key[0] != model:
                continue
            series = self._series[key]
            series.fold()
            counts = series.slots.steps(now_s, step_s, n_steps)
            if counts[:, REQUESTS].any():
                found.append(TrackHistory.of(key[1], key[2], step_s, counts))
        return tuple(sorted(found, key=_order))

    def _evidence(self, key: _Key, now_s: float, window_s: float) -> TrackEvidence:
        series = self._series[key]
        series.fold()
        _, version, track = key
        total = series.slots.total(now_s, window_s)
        return TrackEvidence.of(version, track, total, series.classes.names())

    def _open(self, key: _Key, second: int) -> _Series | None:
        """Return a new series; None where all are in use, and the request is not counted."""
        if len(self._series) >= MAX_SERIES:
            if second == self._full_at:
                return None
            idlest = min(self._series, key=lambda k: self._series[k].second)
            if self._series[idlest].second > second - _IDLE_S:
                self._full_at = second
                return None
            del self._series[idlest]
        same_model = (s.classes for (model, _, _), s in self._series.items() if model == key[0])
        series = self._series[key] = _Series(next(same_model, None) or ClassIndex(), second)
        return series

    def _sweep(self, second: int) -> None:
        """Drop the series that no window reaches any more: their versions are long gone."""
        oldest = second - LONGEST_WINDOW_S - 1
        for key in [k for k, series in self._series.items() if series.second < oldest]:
            del self._series[key]
        self._sweep_at = second + _IDLE_S


def _comparison(
    seen: Sequence[TrackEvidence],
    stable: str | None,
    canary: str | None,
    disagreement_rates: Mapping[str, float],
) -> Comparison:
    of_canary = _busiest([e for e in seen if e.track == "canary"], canary)
    name = canary if of_canary is None else of_canary.version
    others = [e for e in seen if e.track == "stable" and e.version != name]
    of_stable = _busiest(others, None if stable == name else stable)
    rate = None if name is None else disagreement_rates.get(name)
    if of_canary is None or of_stable is None:
        return Comparison(canary=name, stable=stable, disagreement_rate=rate)
    return compare(of_canary, of_stable, rate)


def _busiest(found: Sequence[TrackEvidence], version: str | None) -> TrackEvidence | None:
    """Return the evidence about the version, or where none is named, that of most requests."""
    named = [e for e in found if version is None or e.version == version]
    return max(named, key=lambda e: e.requests, default=None)


def _order(evidence: TrackEvidence | TrackHistory) -> tuple[object, int]:
    track = evidence.track
    return natural_key(evidence.version), _TRACKS.index(track) if track in _TRACKS else len(_TRACKS)
