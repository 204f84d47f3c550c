"""Time slots: a window has all of what it should, and hardly more; memory is bounded."""

from __future__ import annotations

from itertools import accumulate

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from skerry.core.evidence import N_COUNTS, REQUESTS, Tally
from skerry.dataplane.time_slots import LONGEST_WINDOW_S, TimeSlots

GAPS = st.lists(st.integers(0, 400) | st.integers(0, 3), min_size=1, max_size=60)


def one() -> Tally:
    counts = np.zeros(N_COUNTS, np.int32)
    counts[REQUESTS] = 1
    return Tally(counts)


def counted(slots: TimeSlots, now_s: float, window_s: float) -> int:
    return int(slots.total(now_s, window_s).counts[REQUESTS])


@given(GAPS, st.integers(0, 4000), st.integers(1, LONGEST_WINDOW_S))
def test_a_window_has_all_and_at_most_one_slot_more(
    gaps: list[int], idle_s: int, window_s: int
) -> None:
    seconds = list(accumulate(gaps))
    slots = TimeSlots()
    for second in seconds:
        slots.add(second, one())
    now_s = seconds[-1] + idle_s + 0.5
    # While a version is idle its slots stay as they are, so that they are finer than promised.
    width_s = 1 if window_s <= 60 else 10 if window_s <= 600 else 60

    found = counted(slots, now_s, window_s)

    at_least = sum(now_s - second <= window_s for second in seconds)
    at_most = sum(now_s - second < window_s + width_s for second in seconds)
    assert at_least <= found <= at_most


@given(GAPS)
def test_nothing_is_counted_twice_or_lost_within_the_hour(gaps: list[int]) -> None:
    seconds = list(accumulate(gaps))
    slots = TimeSlots()
    for second in seconds:
        slots.add(second, one())
    inside = sum(second > seconds[-1] - LONGEST_WINDOW_S for second in seconds)

    assert inside <= counted(slots, seconds[-1], LONGEST_WINDOW_S) <= len(seconds)


def test_an_hour_and_more_keeps_no_more_slots_than_its_tiers_have() -> None:
    slots = TimeSlots()
    for second in range(2 * LONGEST_WINDOW_S):
        slots.add(second, one())

    assert 61 + 55 + 51 >= len(slots)
    assert 60 == counted(slots, 2 * LONGEST_WINDOW_S, 60)
    assert 0 <= counted(slots, 2 * LONGEST_WINDOW_S, 3600) - 3600 <= 60


def test_what_is_rare_takes_few_slots() -> None:
    slots = TimeSlots()
    for second in range(0, 3600, 600):
        slots.add(second, one())

    assert 6 == len(slots)


@given(GAPS, st.integers(0, 30), st.sampled_from([(1, 60), (10, 60), (60, 60)]))
def test_steps_have_what_each_whole_step_had(
    gaps: list[int], idle_s: int, size: tuple[int, int]
) -> None:
    step_s, n_steps = size
    seconds = list(accumulate(gaps))
    slots = TimeSlots()
    for second in seconds:
        slots.add(second, one())
    now_s = seconds[-1] + idle_s + 0.5
    first_step = int(now_s) // step_s - n_steps
    expected = [
        sum(second // step_s == first_step + step for second in seconds) for step in range(n_steps)
    ]

    # The hour's oldest step may have lost some already.
    assert expected[1:] == slots.steps(now_s, step_s, n_steps)[1:, REQUESTS].tolist()
