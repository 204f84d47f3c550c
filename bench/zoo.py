"""Times one row through every model of the tests' zoo: scikit-learn's own call, and the plan's.

``python -m bench.zoo`` prints a table and the geometric means; ``--write`` puts the table into
docs/performance.md. ``python -m bench.zoo NAME …`` takes only models whose names contain one.
"""

from __future__ import annotations

import argparse
import copy
import math
import re
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from skerry.core.plan import Executor, Plan
from skerry.core.row_values import to_rows
from skerry.core.rows import Rows
from skerry.runtimes.base import Known, LoadOptions
from skerry.runtimes.model_input import Form
from skerry.runtimes.registry import runtime_for
from tests.zoo import DRAWS_AT_RANDOM, Specimen
from tests.zoo_specimens import specimens

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
_MARKS = ("<!-- zoo: begin -->", "<!-- zoo: end -->")
_ROUNDS, _ROUND_S = 7, 0.004


@dataclass(frozen=True, slots=True)
class Timed:
    """One model: microseconds of scikit-learn's own call and of the plan's, for one row."""

    name: str
    executor: Executor
    native_us: float
    planned_us: float
    reason: str | None

    @property
    def speed_up(self) -> float:
        """How many times sooner the plan answers."""
        return self.native_us / self.planned_us


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print or write."""
    parser = argparse.ArgumentParser(prog="python -m bench.zoo", description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args(arguments)
    found = [
        timed(specimen)
        for name, specimen in sorted(specimens().items())
        if name not in DRAWS_AT_RANDOM
        and (not options.names or any(part in name for part in options.names))
    ]
    text = f"{summary(found)}\n\n{table(found)}"
    print(text)
    if options.write:
        page = PAGE.read_text()
        begin, end = (page.index(mark) for mark in _MARKS)
        PAGE.write_text(f"{page[:begin]}{_MARKS[0]}\n{text}\n{page[end:]}")


def timed(specimen: Specimen) -> Timed:
    """Return both times of one model, taken in turns."""
    model = copy.deepcopy(specimen.model)
    servable = runtime_for("joblib").prepare(copy.deepcopy(specimen.model), Known(), LoadOptions())
    rows = to_rows(servable.info.signature, specimen.rows[:1])
    call = getattr(model, "predict_proba", None) or model.predict
    given = given_to_model(servable, rows)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            call(given)
        except AttributeError:
            call = model.predict
        times = [
            (_once(lambda: call(given)), _once(lambda: servable.predict(rows)))
            for _ in range(_ROUNDS)
        ]
    native_s, planned_s = (sorted(each)[_ROUNDS // 2] for each in zip(*times, strict=True))
    plan = servable.info.plan
    return Timed(
        specimen.name, plan.executor_for(1), native_s * 1e6, planned_s * 1e6, refusal(plan)
    )


def given_to_model(servable: Any, rows: Rows) -> Any:
    """Return one row as the model's user would give it: an array, or a data frame of one row."""
    model_input = servable._native.model_input  # noqa: SLF001 - the form has no public name
    if model_input.form is Form.MATRIX:
        return rows.matrix if rows.matrix is not None else model_input.of(rows)
    return model_input.of(rows)


def refusal(plan: Plan) -> str | None:
    """Return why scikit-learn itself answers one row, None where something else does."""
    if plan.executor_for(1) is not Executor.SKLEARN:
        return None
    reasons = [c.reason for c in plan.candidates if c.reason is not None]
    return reasons[0] if reasons else "scikit-learn is as fast"


def summary(found: Sequence[Timed]) -> str:
    """Return the numbers of the table in a sentence or two."""
    planned = [each for each in found if each.executor is not Executor.SKLEARN]
    pipelines = sum(each.executor is Executor.PIPELINE for each in planned)
    slowest = min(found, key=lambda each: each.speed_up)
    return (
        f"{len(planned)} of {len(found)} models have a compiled plan for one row,"
        f" {pipelines} of them pipelines.\n"
        f"Geometric mean of the speed-up: {geometric_mean(planned):.1f} over those,"
        f" {geometric_mean(found):.1f} over all.\n"
        f"The smallest is {slowest.speed_up:.2f} ({slowest.name})."
    )


def geometric_mean(found: Sequence[Timed]) -> float:
    """Return the geometric mean of the speed-ups, 1 of none."""
    return math.exp(sum(math.log(each.speed_up) for each in found) / max(1, len(found)))


def table(found: Sequence[Timed]) -> str:
    """Return a Markdown table, fastest first."""
    lines = [
        "| model | executor | scikit-learn, µs | plan, µs | times sooner | why not compiled |",
        "|---|---|--:|--:|--:|---|",
    ]
    for each in sorted(found, key=lambda each: -each.speed_up):
        reason = re.sub(r"\s+", " ", each.reason or "").replace("|", "\\|")
        lines.append(
            f"| {each.name} | {each.executor.value} | {each.native_us:.0f} |"
            f" {each.planned_us:.1f} | {each.speed_up:.1f} | {reason[:100]} |"
        )
    return "\n".join(lines)


def _once(call: Callable[[], object]) -> float:
    """Return seconds of a call: the mean of as many as fit into a few milliseconds."""
    started_s = time.perf_counter()
    calls = 0
    while True:
        call()
        calls += 1
        spent_s = time.perf_counter() - started_s
        if spent_s > _ROUND_S:
            return spent_s / calls


if __name__ == "__main__":
    main()
