"""Tallies by time: fine slots for what is recent, coarser ones for what is older, then nothing.

A slot exists only where something was counted.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from skerry.core.evidence import N_COUNTS, Tally

LONGEST_WINDOW_S = 3600
_TIERS = ((1, 60), (10, 600), (60, LONGEST_WINDOW_S))
"""Seconds that a slot is wide, and seconds that it stays in its tier."""


class _Slot:
    """What was counted from ``first`` to ``last``, seconds of a monotonic clock."""

    __slots__ = ("first", "last", "tally")

    def __init__(self, first: int, last: int, tally: Tally) -> None:
        self.first = first
        self.last = last
        self.tally = tally


class TimeSlots:
    """The tallies of the last hour. Seconds are given in ascending order."""

    def __init__(self) -> None:
        self._tiers: tuple[deque[_Slot], ...] = tuple(deque() for _ in _TIERS)

    def __len__(self) -> int:
        """Return the number of slots."""
        return sum(len(tier) for tier in self._tiers)

    def add(self, second: int, tally: Tally) -> None:
        """Count a tally of one second, and move what has grown older than its tier."""
        _put(self._tiers[0], 1, _Slot(second, second, tally))
        for number, (_, kept_s) in enumerate(_TIERS):
            tier = self._tiers[number]
            while tier and tier[0].last < second - kept_s:
                slot = tier.popleft()
                if number + 1 < len(_TIERS):
                    _put(self._tiers[number + 1], _TIERS[number + 1][0], slot)

    def total(self, now_s: float, window_s: float) -> Tally:
        """Return what was counted in the window before now.

        All of it, and nothing that is older than the window and one slot: 1 s for a window of
        less than a minute, 10 s for one of less than ten, 60 s for others.
        """
        total = Tally(np.zeros(N_COUNTS, np.int64))
        for tier in self._tiers:
            for slot in tier:
                if slot.last + 1 > now_s - window_s:
                    total.add(slot.tally)
        return total

    def steps(self, now_s: float, step_s: int, n_steps: int) -> NDArray[np.int32]:
        """Return the counts of the latest whole steps, [n_steps, N_COUNTS], the oldest first.

        A step begins at a multiple of ``step_s``; the one that ``now_s`` lies in is left out.
        step_s: 1 for at most the last minute, 10 for the last ten, 60 for the hour: slots are no
            finer than that.
        """
        counts = np.zeros((n_steps, N_COUNTS), np.int32)
        first_step = int(now_s) // step_s - n_steps
        for tier in self._tiers:
            for slot in tier:
                step = slot.first // step_s - first_step
                if 0 <= step < n_steps:
                    counts[step] += slot.tally.counts
        return counts


def _put(tier: deque[_Slot], width_s: int, slot: _Slot) -> None:
    newest = tier[-1] if tier else None
    if newest is not None and newest.first // width_s == slot.first // width_s:
        newest.last = slot.last
        newest.tally.add(slot.tally)
    else:
        tier.append(slot)
