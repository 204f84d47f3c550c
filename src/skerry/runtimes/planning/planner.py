"""Makes the execution plan of one version: compile, prove, measure, choose."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

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
from skerry.runtimes.planning.onnx_candidate import onnx_answer
from skerry.runtimes.planning.probes import probe_groups
from skerry.runtimes.planning.proof import TOLERANCES, Proof
from skerry.runtimes.sklearn_servable import compiled_answer, planned

_SINGLE_ROWS = 64
_VERIFIED_ROWS = 8
_ROWS_ALONE = 16


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

    def plan(self) -> tuple[Plan, Mapping[Executor, Answer]]:
        """Return the plan, and the answer of each executor that it may name."""
        if self.options.parity is Parity.NATIVE:
            return self._measured({}, [])
        answers, refused = self._candidates()
        cached = self._cached(answers)
        if cached is not None:
            return cached, answers
        evidence = [self._prove(executor, answer) for executor, answer in answers.items()]
        accepted = {c.executor: answers[c.executor] for c in evidence if c.accepted}
        return self._measured(accepted, [*evidence, *refused])

    @property
    def _model(self) -> Any:
        return self.native.answers.model

    def _candidates(self) -> tuple[dict[Executor, Answer], list[Candidate]]:
        """Return what can be compiled, and what can't with the reason."""
        found: dict[Executor, Answer] = {}
        refused: list[Candidate] = []
        chosen = getattr(self._model, "best_estimator_", self._model)
        whole = Executor.PIPELINE if hasattr(chosen, "steps") else None
        try:
            compiled = compile_estimator(self._model)
            answer = answer_of(compiled, self.native.answers.shape)
            found[whole or compiled.executor] = answer
        except NotCompiled as error:
            name = whole or Executor.NUMPY
            refused.append(Candidate(name, accepted=False, reason=str(error)))
        if self.options.onnx_executor:
            try:
                found[Executor.ONNX] = onnx_answer(self.native, self.signature)
            except NotCompiled as error:
                refused.append(Candidate(Executor.ONNX, accepted=False, reason=str(error)))
        return found, refused

    def _cached(self, answers: Mapping[Executor, Answer]) -> Plan | None:
        """Return the manifest's plan where it was made for this very place, and still holds."""
        plan = self.known.plan
        if (
            plan is None
            or plan.parity is not self.options.parity
            or plan.cpu != cpu_kind()
            or dict(self.known.packages) != self.packages
        ):
            return None
        tried = {c.executor for c in plan.candidates if c.accepted} - {Executor.SKLEARN}
        chosen = {r.executor for r in plan.ranges} - {Executor.SKLEARN}
        if not chosen <= set(answers) or Executor.ONNX in set(answers) - tried:
            return None
        rows = self.probes.take(range(min(_VERIFIED_ROWS, self.probes.n_rows)))
        expected = self.native.ask(rows) if chosen else None
        for executor in chosen:
            proof = Proof(self.signature, TOLERANCES[plan.parity])
            if expected is not None:
                proof.compare(rows, expected, self._asker(answers[executor]))
            if not proof.holds:
                return None
        return plan.as_cached()

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
        self, answers: Mapping[Executor, Answer], candidates: Sequence[Candidate]
    ) -> tuple[Plan, Mapping[Executor, Answer]]:
        """Time scikit-learn and what was accepted, and choose."""
        parity, native = self.options.parity, self.native
        if self.is_slow and not answers:
            return Plan(parity, fastest_ranges({Executor.SKLEARN: {}}), tuple(candidates)), {}
        sizes = self._rows_of_size(answers)
        deadline_s = time.monotonic() + self.options.plan_budget_s / 2
        own = Candidate(
            Executor.SKLEARN, accepted=True, duration_us=measure(native.ask, sizes, deadline_s)
        )
        accepted = {Executor.SKLEARN: own.duration_us}
        for executor, answer in answers.items():
            ask = partial(planned, native, answer)
            accepted[executor] = measure(ask, sizes, deadline_s)
        timed = [
            replace(candidate, duration_us=accepted.get(candidate.executor, {}))
            for candidate in candidates
        ]
        ranges = fastest_ranges(accepted)
        chosen = {each.executor for each in ranges}
        plan = Plan(parity, ranges, (own, *timed), cpu=cpu_kind())
        return plan, {e: answer for e, answer in answers.items() if e in chosen}

    def _rows_of_size(self, answers: Mapping[Executor, Answer]) -> dict[int, list[Rows]]:
        n = self.probes.n_rows
        sizes = MEASURED_ROWS[:1] if self.is_slow else MEASURED_ROWS
        found = {size: [self._rows(size)] for size in sizes}
        alone = [self.probes.take([i]) for i in range(min(_ROWS_ALONE, n))]
        # Where a candidate leaves a row to scikit-learn, both take as long.
        own = [rows for rows in alone if all(self._decides(a, rows) for a in answers.values())]
        found[1] = own or alone
        return found

    def _rows(self, n_rows: int) -> Rows:
        """Return rows of which few are alike: a processor learns the way of those that repeat."""
        mixed = self.probes.mixed(n_rows, np.random.default_rng(0))
        if _try(self.native.ask, mixed) is not None:
            return mixed
        return self.probes.take([i % self.probes.n_rows for i in range(n_rows)])

    def _decides(self, answer: Answer, rows: Rows) -> bool:
        answered = compiled_answer(self.native, answer, rows)
        return answered is not None and answered.uncertain is None


def _try(ask: Callable[[Rows], Predictions], rows: Rows) -> Predictions | None:
    try:
        return ask(rows)
    except Exception:  # noqa: BLE001 - whatever it raises, it does not take them
        return None
