"""Charts as geometry: lines in the coordinates of an SVG, from the history of versions.

Pure functions. The template draws what comes of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from skerry.core.evidence import TrackEvidence
from skerry.core.history import TrackHistory
from skerry.http.console.texts import duration, per_second

WIDTH, HEIGHT = 600, 100
"""The size of a chart's coordinates; it is drawn as wide as there is room."""

Values = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Line:
    """What one version did on one track.

    now: its value in the last seconds, as text.
    paths: points of polylines, ``x,y x,y``; there is a gap where nothing was to be measured.
    values: a text a step, for a reader who points at one.
    """

    version: str
    track: str
    now: str
    paths: tuple[str, ...]
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """One quantity of all versions over time. top: the value at its upper edge, as text."""

    key: str
    title: str
    top: str
    lines: tuple[Line, ...]

    @property
    def summary(self) -> str:
        """What somebody hears who can't see the chart."""
        said = ", ".join(f"{line.track} {line.version} {line.now}" for line in self.lines)
        return f"{self.title}, now: {said or 'no requests'}"


def _rates(history: TrackHistory, counts: Sequence[int]) -> Values:
    """Return counts a second, from the step before the first request to that after the last one.

    A version that had its time as a canary has no line along the bottom before and after it.
    """
    busy = [step for step, requests in enumerate(history.requests) if requests]
    first, last = (min(busy) - 1, max(busy) + 1) if busy else (0, -1)
    return [
        count / history.step_s if first <= step <= last else None
        for step, count in enumerate(counts)
    ]


@dataclass(frozen=True, slots=True)
class _Quantity:
    """What is drawn, of a history, and what is said, of the evidence of the last seconds."""

    key: str
    title: str
    text: Callable[[float | None], str]
    of_history: Callable[[TrackHistory], Values]
    of_recent: Callable[[TrackEvidence, float], float | None]


_QUANTITIES = (
    _Quantity(
        "rate",
        "Requests per second",
        per_second,
        lambda history: _rates(history, history.requests),
        lambda evidence, seconds: evidence.requests / seconds,
    ),
    _Quantity(
        "errors",
        "Errors per second",
        per_second,
        lambda history: _rates(history, history.errors),
        lambda evidence, seconds: evidence.errors / seconds,
    ),
    _Quantity(
        "p50",
        "Latency, median",
        duration,
        lambda history: history.p50_s,
        lambda evidence, _: evidence.latency_s["p50"],
    ),
    _Quantity(
        "p99",
        "Latency, 99th percentile",
        duration,
        lambda history: history.p99_s,
        lambda evidence, _: evidence.latency_s["p99"],
    ),
)


def charts_of(
    histories: Sequence[TrackHistory], recent: Sequence[TrackEvidence], recent_s: float
) -> tuple[Chart, ...]:
    """Return a model's charts; all lines of a chart share its scale.

    recent: the evidence of the last ``recent_s`` seconds, from which "now" is read.
    """
    now = {(each.version, each.track): each for each in recent}
    return tuple(_chart(quantity, histories, now, recent_s) for quantity in _QUANTITIES)


def _chart(
    quantity: _Quantity,
    histories: Sequence[TrackHistory],
    now: dict[tuple[str, str], TrackEvidence],
    recent_s: float,
) -> Chart:
    columns = [quantity.of_history(history) for history in histories]
    highest = max((v for values in columns for v in values if v is not None), default=0.0)
    top = nice_ceiling(highest)
    lines = []
    for history, values in zip(histories, columns, strict=True):
        evidence = now.get((history.version, history.track))
        latest = None if evidence is None else quantity.of_recent(evidence, recent_s)
        texts = tuple(quantity.text(value) for value in values)
        lines.append(
            Line(
                history.version, history.track, quantity.text(latest), paths_of(values, top), texts
            )
        )
    return Chart(quantity.key, quantity.title, quantity.text(top), tuple(lines))


def nice_ceiling(highest: float) -> float:
    """Return the least of 1, 2, 5 times a power of ten that is not below; 1 for nothing."""
    if not highest > 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(highest))
    return next((f * power for f in (1, 2, 5) if f * power >= highest), 10 * power)


def paths_of(values: Values, top: float) -> tuple[str, ...]:
    """Return the polylines through values that are evenly apart, from 0 to ``top``."""
    apart = WIDTH / max(1, len(values) - 1)
    paths: list[list[str]] = [[]]
    for step, value in enumerate(values):
        if value is None:
            paths.append([])
        else:
            y = HEIGHT * (1 - min(1.0, value / top))
            paths[-1].append(f"{step * apart:.1f},{y:.1f}")
    # A lone point would not be drawn: it becomes a line to itself, whose round ends are a dot.
    return tuple(" ".join(path if len(path) > 1 else path * 2) for path in paths if path)
