"""A version's execution plan as the console shows it: what answers, and how much sooner."""

from __future__ import annotations

from dataclasses import dataclass

from skerry.core.plan import Candidate, Executor, Plan
from skerry.http.console.texts import count, counted, duration, short, times

NAMES = {
    Executor.SKLEARN: "scikit-learn",
    Executor.NUMPY: "numpy",
    Executor.TREELITE: "Treelite",
    Executor.PIPELINE: "compiled pipeline",
    Executor.ONNX: "ONNX Runtime",
}


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A number of rows that was measured. time, sklearn: of one call, as text."""

    rows: str
    executor: str
    time: str
    sklearn: str
    speedup: str


@dataclass(frozen=True, slots=True)
class PlanTable:
    """A plan. headline: what answers one row; verdicts: a sentence for each candidate."""

    headline: str
    speedup: str | None
    parity: str
    rows: tuple[PlanRow, ...]
    verdicts: tuple[str, ...]


def plan_table(plan: Plan) -> PlanTable:
    """Return the table for a plan."""
    sizes = sorted({rows for candidate in plan.candidates for rows in candidate.duration_us})
    first = plan.executor_for(1)
    ratio = _speedup(plan, 1)
    one_us = plan.duration_us(1)
    time = "" if one_us is None else f", {duration(one_us / 1e6)} a row"
    return PlanTable(
        f"{NAMES[first]}{time}",
        None if ratio is None or first is Executor.SKLEARN else times(ratio),
        plan.parity,
        tuple(_row(plan, rows) for rows in sizes),
        tuple(_verdict(candidate) for candidate in plan.candidates),
    )


def _row(plan: Plan, rows: int) -> PlanRow:
    executor = plan.executor_for(rows)
    return PlanRow(
        count(rows),
        NAMES[executor],
        duration(_measured_s(plan, executor, rows)),
        duration(_measured_s(plan, Executor.SKLEARN, rows)),
        times(_speedup(plan, rows)),
    )


def _speedup(plan: Plan, rows: int) -> float | None:
    chosen_s = _measured_s(plan, plan.executor_for(rows), rows)
    sklearn_s = _measured_s(plan, Executor.SKLEARN, rows)
    return sklearn_s / chosen_s if chosen_s and sklearn_s else None


def _measured_s(plan: Plan, executor: Executor, rows: int) -> float | None:
    candidate = plan.candidate(executor)
    us = None if candidate is None else candidate.duration_us.get(rows)
    return None if us is None else us / 1e6


def _verdict(candidate: Candidate) -> str:
    name = NAMES[candidate.executor]
    if candidate.executor is Executor.SKLEARN and candidate.accepted:
        return f"{name}: the reference"
    if not candidate.accepted:
        return f"{name}: refused ({candidate.reason or 'no reason was given'})"
    if not candidate.probe_rows:
        return f"{name}: accepted"
    largest = candidate.max_relative_difference
    numbers = "every number equal" if largest == 0 else f"numbers within {short(largest)}"
    labels = counted(candidate.labels_differ, "label") + " differ"
    labels = "the same labels" if candidate.labels_differ == 0 else labels
    return f"{name}: {labels}, {numbers} on {counted(candidate.probe_rows, 'probe row')}"
