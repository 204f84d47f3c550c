from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.core.plan import MEASURED_ROWS, Candidate, Executor, Parity, Plan, fastest_ranges

SKLEARN, NUMPY = Executor.SKLEARN, Executor.NUMPY


def ranges(accepted: Mapping[Executor, Mapping[int, float]]) -> list[tuple[int, int | None, str]]:
    return [(r.min_rows, r.max_rows, r.executor.value) for r in fastest_ranges(accepted)]


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        ({SKLEARN: {1: 9.0, 8: 9.0}}, [(1, None, "sklearn")]),
        ({SKLEARN: {}}, [(1, None, "sklearn")]),
        ({SKLEARN: {1: 9.0, 8: 9.0}, NUMPY: {1: 1.0, 8: 2.0}}, [(1, None, "numpy")]),
        (
            {SKLEARN: {1: 9.0, 8: 9.0, 64: 9.0}, NUMPY: {1: 1.0, 8: 8.0, 64: 64.0}},
            [(1, 63, "numpy"), (64, None, "sklearn")],
        ),
        (
            {SKLEARN: {1: 9.0, 8: 1.0, 64: 9.0}, NUMPY: {1: 1.0, 8: 8.0, 64: 1.0}},
            [(1, 7, "numpy"), (8, 63, "sklearn"), (64, None, "numpy")],
        ),
        ({SKLEARN: {1: 5.0}, NUMPY: {1: 5.0}}, [(1, None, "sklearn")]),
        ({SKLEARN: {1: 9.0, 8: 9.0}, NUMPY: {1: 1.0}}, [(1, 7, "numpy"), (8, None, "sklearn")]),
    ],
)
def test_the_fastest_is_chosen_for_each_range(
    accepted: Mapping[Executor, Mapping[int, float]],
    expected: list[tuple[int, int | None, str]],
) -> None:
    assert expected == ranges(accepted)


DURATIONS = st.dictionaries(st.sampled_from(MEASURED_ROWS), st.floats(0.1, 1e6))


@given(st.dictionaries(st.sampled_from(Executor), DURATIONS, min_size=1))
def test_ranges_have_no_gaps_and_name_only_what_was_accepted(
    accepted: dict[Executor, dict[int, float]],
) -> None:
    found = fastest_ranges(accepted)
    plan = Plan.from_dict(Plan(Parity.EXACT, found).to_dict())  # refuses gaps

    assert {r.executor for r in found} <= set(accepted)
    for n_rows in (1, 2, 7, 8, 9, 63, 64, 511, 512, 999, 1000, 10_000):
        chosen = next(
            r
            for r in found
            if r.min_rows <= n_rows and (r.max_rows is None or n_rows <= r.max_rows)
        )
        assert chosen.executor is plan.executor_for(n_rows)


def a_plan() -> Plan:
    refused = Candidate(NUMPY, accepted=False, reason="other labels", worst={"row": [1.0]})
    own = Candidate(SKLEARN, accepted=True, duration_us={1: 10.0, 8: 20.0, 64: 64.0})
    return Plan(Parity.TOLERANT, fastest_ranges({SKLEARN: {}}), (own, refused), cpu="a CPU")


def test_a_plan_survives_its_json() -> None:
    plan = a_plan()
    data = json.loads(json.dumps({**plan.to_dict(), "cpu": plan.cpu}))
    assert plan == Plan.from_dict(data)


@pytest.mark.parametrize(
    ("n_rows", "expected"), [(1, 10.0), (2, 20.0), (8, 20.0), (9, 64.0), (64, 64.0), (640, 640.0)]
)
def test_a_call_takes_as_long_as_the_next_larger_size_that_was_measured(
    n_rows: int, expected: float
) -> None:
    assert expected == a_plan().duration_us(n_rows)


def test_nothing_measured_is_no_duration() -> None:
    assert Plan.of_one(SKLEARN, Parity.NATIVE).duration_us(1) is None


@pytest.mark.parametrize(
    "bounds", [[], [(2, None)], [(1, 7)], [(1, 7), (9, None)], [(1, None), (8, None)]]
)
def test_ranges_with_gaps_are_no_plan(bounds: list[tuple[int, int | None]]) -> None:
    ranges = [{"min_rows": a, "max_rows": b, "executor": "sklearn"} for a, b in bounds]
    with pytest.raises(ValueError, match="without gaps"):
        Plan.from_dict({"parity": "exact", "ranges": ranges})
