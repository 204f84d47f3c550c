"""Numbers as the console says them: few digits, with their unit. Nothing else."""

from __future__ import annotations

from datetime import datetime

_NONE = "–"
_NARROW = "\u202f"  # A thin space that does not break: number and unit stay together.
_UNITS = ("B", "kB", "MB", "GB", "TB")


def count(number: float) -> str:
    """Return a count: ``1,204``."""
    return f"{number:,.0f}"


def counted(number: int, thing: str) -> str:
    """Return a count of things: ``1 error``, ``1,204 errors``."""
    return f"{number:,} {thing}" + ("" if number == 1 else "s")


def short(number: float) -> str:
    """Return a number with three digits that count, and no needless ones: ``0.052``, ``1,204``."""
    if number == 0 or abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:.3g}" if abs(number) >= 0.001 else f"{number:.1e}"


def percent(number: float | None) -> str:
    """Return percent, of a number that is one: ``24.8 %``."""
    return _NONE if number is None else f"{number:.4g}{_NARROW}%"


def share(ratio: float | None) -> str:
    """Return a ratio in percent, with one decimal where it is small: ``24.8 %``, ``100 %``."""
    if ratio is None:
        return _NONE
    value = ratio * 100
    return f"{value:.0f}{_NARROW}%" if value in (0, 100) else f"{value:.1f}{_NARROW}%"


def per_second(rate: float | None) -> str:
    """Return a rate: ``48.2/s``."""
    return _NONE if rate is None else f"{short(rate)}/s"


def duration(seconds: float | None) -> str:
    """Return a duration in the unit that suits it: ``27 µs``, ``3.2 ms``, ``1.2 s``."""
    if seconds is None:
        return _NONE
    if seconds < 0.001:
        return f"{short(seconds * 1e6)}{_NARROW}µs"
    if seconds < 1:
        return f"{short(seconds * 1e3)}{_NARROW}ms"
    return f"{short(seconds)}{_NARROW}s"


def size(n_bytes: int) -> str:
    """Return a size: ``96.3 kB``."""
    value, unit = float(n_bytes), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.3g}{_NARROW}{_UNITS[unit]}"


def times(ratio: float | None) -> str:
    """Return how many times as much: ``117×``, ``1.2×``."""
    if ratio is None:
        return _NONE
    return f"{ratio:,.0f}×" if ratio >= 10 else f"{ratio:.1f}×"


def points(difference: float) -> str:
    """Return a difference of two shares: ``+1.4 points``."""
    sign = "\u2212" if difference < 0 else "+"
    return f"{sign}{abs(difference) * 100:.1f} points"


def since(moment: datetime, now: datetime) -> str:
    """Return how long ago a moment was: ``for 3 min``."""
    passed = max(0, int((now - moment).total_seconds()))
    for unit_s, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if passed >= unit_s:
            return f"for {passed // unit_s}{_NARROW}{unit}"
    return f"for {passed}{_NARROW}s"
