"""Makes the execution plan of one version: compile, prove, measure, choose."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from skerry.core.errors import SkerryError
from skerry.core.plan import (
    MEASURED_ROWS,
    Candidate,
    Executor,
    Parity,
    Plan,
    fastest_ranges,
)
from skerry.core.rows import Predictions, Rows
from skerry.core.signature import Signature
from skerry.runtimes.base import Known, LoadOptions
from skerry.runtimes.compiled.answering import Answer, Answered, answer_of
from skerry.runtimes.compiled.base import NotCompiled
from skerry.runtimes.compiled.registry import compile_estimator
from skerry.runtimes.native import Native
from skerry.runtimes.planning.cpu import cpu_kind
from skerry.runtimes.planning.measurement import measure
from skerry.runtimes.planning.probes import probe_groups
from skerry.runtimes.planning.proof import TOLERANCES, Proof
from skerry.runtimes.sklearn_servable import planned

_SINGLE_ROWS = 64
_VERIFIED_SAMPLES = 8


@dataclass(frozen=True, slots=True)
class Planner:
    """What a plan is made from.

    probes: rows that the model is known to answer.
    is_slow: one call takes so long that it is asked as little as possible.
    """

    native: Native
    signature: Signature
    probes: Rows
    known: Known
    options: LoadOptions
    packages: dict[str, str]
    is_slow: bool

    def plan(self) -> tuple[Plan, Answer | None]:
        """Return the plan, and the compiled answer that it may name."""
        parity = self.options.parity
        if parity is Parity.NATIVE:
            return self._measured(None, [], parity)
        try:
            executor, answer = self._compile()
        except NotCompiled as error:
            refused = Candidate(_named(self._model), accepted=False, reason=str(error))
            return self._measured(None, [refused], parity)
        cached = self._cached(executor, answer)
        if cached is not None:
            return cached, answer
        evidence = self._prove(executor, answer)
        if not evidence.accepted:
            return self._measured(None, [evidence], parity)
        return self._measured(answer, [evidence], parity)

    @property
    def _model(self) -> Any:
        return self.native.answers.model

    def _compile(self) -> tuple[Executor, Answer]:
        compiled = compile_estimator(self._model)
        executor = _named(self._model)
        if executor is not Executor.PIPELINE:
            executor = compiled.executor
        return executor, answer_of(compiled, self.native.answers.shape)

    def _cached(self, executor: Executor, answer: Answer) -> Plan | None:
        """Return the manifest's plan where it was made for this very place, and still holds."""
        plan = self.known.plan
        if (
            plan is None
            or plan.parity is not self.options.parity
            or plan.cpu != cpu_kind()
            or dict(self.known.packages) != self.packages
        ):
            return None
        chosen = {r.executor for r in plan.ranges} - {Executor.SKLEARN}
        if not chosen:
            return plan.as_cached()
        if chosen != {executor}:
            return None
        proof = Proof(self.signature, TOLERANCES[plan.parity])
        rows = self.probes.take(range(min(_VERIFIED_SAMPLES, self.probes.n_rows)))
        proof.compare(rows, self.native.ask(rows), self._asker(answer))
        return plan.as_cached() if proof.holds else None

    def _prove(self, executor: Executor, answer: Answer) -> Candidate:
        proof = Proof(self.signature, TOLERANCES[self.options.parity])
        deadline_s = time.monotonic() + self.options.plan_budget_s
        for rows in probe_groups(self._model, self.signature, self.known.samples, few=self.is_slow):
            if time.monotonic() > deadline_s:
                proof.failure = (
                    f"not proved within {self.options.plan_budget_s:g} s (SKERRY_PLAN_BUDGET_S)"
                )
                break
            for part, expected in self._answered_by_native(rows):
                proof.compare(part, expected, self._asker(answer))
            if not proof.holds:
                break
        return proof.evidence(executor)

    def _answered_by_native(self, rows: Rows) -> Iterator[tuple[Rows, Predictions]]:
        """Yield the rows with scikit-learn's answers; those it refuses are left out."""
        expected = _try(self.native.ask, rows)
        if expected is not None:
            yield rows, expected
            return
        for i in range(min(_SINGLE_ROWS, rows.n_rows)):
            one = rows.take([i])
            expected = _try(self.native.ask, one)
            if expected is not None:
                yield one, expected

    def _asker(self, answer: Answer) -> Callable[[Rows], Answered]:
        block = self.native.model_input.block
        return lambda rows: answer(block(rows))

    def _measured(
        self, answer: Answer | None, candidates: Sequence[Candidate], parity: Parity
    ) -> tuple[Plan, Answer | None]:
        """Time scikit-learn and what was accepted, and choose."""
        if self.is_slow and answer is None:
            return replace(
                Plan.of_one(Executor.SKLEARN, parity), candidates=tuple(candidates)
            ), None
        native, sizes = self.native, self._rows_of_size()
        deadline_s = time.monotonic() + self.options.plan_budget_s / 2
        own = Candidate(
            Executor.SKLEARN, accepted=True, duration_us=measure(native.ask, sizes, deadline_s)
        )
        accepted = {Executor.SKLEARN: own.duration_us}
        timed = []
        for candidate in candidates:
            if answer is not None and candidate.accepted:
                durations = measure(lambda rows: planned(native, answer, rows), sizes, deadline_s)
                candidate = replace(candidate, duration_us=durations)
                accepted[candidate.executor] = durations
            timed.append(candidate)
        ranges = fastest_ranges(accepted)
        plan = Plan(parity, ranges, (own, *timed), cpu=cpu_kind())
        return plan, answer if len({r.executor for r in ranges} | {Executor.SKLEARN}) > 1 else None

    def _rows_of_size(self) -> dict[int, Rows]:
        n = self.probes.n_rows
        sizes = MEASURED_ROWS[:1] if self.is_slow else MEASURED_ROWS
        return {size: self.probes.take([i % n for i in range(size)]) for size in sizes}


def _named(model: Any) -> Executor:
    return Executor.PIPELINE if hasattr(model, "steps") else Executor.NUMPY


def _try(ask: Callable[[Rows], Predictions], rows: Rows) -> Predictions | None:
    try:
        return ask(rows)
    except (SkerryError, Exception):  # noqa: BLE001 - whatever it raises, it does not take them
        return None
