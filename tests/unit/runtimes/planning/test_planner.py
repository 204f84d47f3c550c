"""Plans of fitted models, made as a load makes them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from skerry.core.plan import Executor, Parity, Plan
from skerry.core.rows import Rows
from skerry.runtimes.base import Known, LoadOptions
from skerry.runtimes.planning.cpu import cpu_kind
from skerry.runtimes.planning.measurement import measure
from skerry.runtimes.registry import runtime_for
from skerry.runtimes.sklearn_servable import ScikitServable

X = np.random.default_rng(0).normal(size=(200, 4))
Y = (X[:, 0] + X[:, 1] ** 2 > 0.5).astype(int) + (X[:, 2] > 1)


def served(
    model: Any, known: Known | None = None, parity: Parity = Parity.EXACT, budget_s: float = 10.0
) -> ScikitServable:
    options = LoadOptions(parity=parity, plan_budget_s=budget_s)
    servable = runtime_for("joblib").prepare(model, known or Known(), options)
    assert isinstance(servable, ScikitServable)
    return servable


def fitted() -> LogisticRegression:
    return LogisticRegression(max_iter=1000).fit(X, Y)


def known_of(plan: Plan, servable: ScikitServable) -> Known:
    return Known(servable.info.signature, (), plan, servable.info.packages)


def test_one_row_is_answered_by_the_compiled_form_with_its_evidence() -> None:
    plan = served(fitted()).info.plan
    candidate = plan.candidate(Executor.NUMPY)
    assert Executor.NUMPY is plan.executor_for(1)
    assert candidate is not None
    assert candidate.accepted
    assert candidate.probe_rows > 500
    assert {1, 8, 64, 512, 1000} == set(candidate.duration_us)


def test_rows_that_are_timed_differ_from_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    timed: dict[int, int] = {}

    def keep(ask: Any, rows: Any, deadline_s: float) -> dict[int, float]:
        timed.update({n: len(np.unique(each[0].matrix, axis=0)) for n, each in rows.items()})
        return measure(ask, rows, deadline_s)

    monkeypatch.setattr("skerry.runtimes.planning.planner.measure", keep)
    served(fitted())

    assert {1: 1, 8: 8, 64: 64, 512: 512, 1000: 1000} == timed


def test_the_compiled_form_answers_what_scikit_learn_does() -> None:
    model = fitted()
    expected = model.predict_proba(X)
    found = served(model).predict(Rows(len(X), matrix=X))
    assert found.probabilities is not None
    assert np.allclose(expected, found.probabilities[0], rtol=0, atol=1e-12)
    assert model.classes_[expected.argmax(axis=1)].tolist() == found.labels.tolist()


def test_native_parity_tries_nothing() -> None:
    plan = served(fitted(), parity=Parity.NATIVE).info.plan
    assert [Executor.SKLEARN] == [c.executor for c in plan.candidates]
    assert Executor.SKLEARN is plan.executor_for(1)


def test_what_has_no_compiled_form_says_so() -> None:
    class Louder(Ridge):  # type: ignore[misc]  # scikit-learn has no types
        def predict(self, x: Any) -> Any:
            return super().predict(x) * 2

    plan = served(Louder().fit(X, Y)).info.plan
    assert Executor.SKLEARN is plan.executor_for(1)
    assert ["no compiled form" in str(c.reason) for c in plan.candidates] == [False, True]


def test_an_attribute_that_lies_is_found_out() -> None:
    """The compiled form reads ``coef_``; this model predicts with something else."""
    model = Ridge().fit(X, Y)
    model.predict = lambda x: np.asarray(x).sum(axis=1)
    plan = served(model).info.plan
    candidate = plan.candidate(Executor.NUMPY)
    assert Executor.SKLEARN is plan.executor_for(1)
    assert candidate is not None
    assert candidate.worst is not None
    assert {"row", "expected", "got"} == set(candidate.worst)


def test_a_budget_that_is_used_up_refuses_the_candidate() -> None:
    plan = served(fitted(), budget_s=1e-9).info.plan
    candidate = plan.candidate(Executor.NUMPY)
    assert candidate is not None
    assert "SKERRY_PLAN_BUDGET_S" in str(candidate.reason)


def test_a_plan_of_the_same_kind_of_machine_is_taken_over() -> None:
    first = served(fitted())
    second = served(fitted(), known_of(first.info.plan, first))
    assert second.info.plan.cached
    assert first.info.plan.ranges == second.info.plan.ranges


@pytest.mark.parametrize(
    "change",
    [
        lambda known: replace(known, plan=replace(known.plan, cpu="another")),
        lambda known: replace(known, plan=replace(known.plan, parity=Parity.TOLERANT)),
        lambda known: replace(known, packages={**known.packages, "numpy": "1.0"}),
    ],
    ids=["cpu", "parity", "packages"],
)
def test_a_plan_that_was_made_elsewhere_is_made_anew(change: Any) -> None:
    first = served(fitted())
    again = served(fitted(), change(known_of(first.info.plan, first)))
    assert not again.info.plan.cached
    assert cpu_kind() == again.info.plan.cpu


def test_a_cached_plan_that_no_longer_holds_is_made_anew() -> None:
    first = served(Ridge().fit(X, Y))
    liar = Ridge().fit(X, Y)
    liar.predict = lambda x: np.asarray(x).sum(axis=1)
    plan = served(liar, known_of(first.info.plan, first)).info.plan
    assert not plan.cached
    assert Executor.SKLEARN is plan.executor_for(1)


def test_rows_that_rounding_may_decide_are_scikit_learns() -> None:
    model = fitted()
    model.coef_ = np.zeros_like(model.coef_)
    model.intercept_ = np.zeros_like(model.intercept_)
    rows = Rows(5, matrix=X[:5].copy())
    assert model.predict(X[:5]).tolist() == served(model).predict(rows).labels.tolist()


def test_numbers_that_may_overflow_are_scikit_learns() -> None:
    servable = served(Ridge().fit(X, Y))
    huge = np.full((1, 4), 1e300)
    expected = Ridge().fit(X, Y).predict(huge)
    with np.errstate(all="ignore"):  # as in every thread of the server
        found = servable.predict(Rows(1, matrix=huge))
    assert expected.tolist() == found.labels.tolist()
