"""Answered by its plan, every model of the zoo answers what scikit-learn answers.

Each candidate that was accepted is asked, whether or not it is the fastest on this machine.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest

from skerry.core.plan import Candidate, Executor
from skerry.core.row_values import to_rows
from skerry.core.rows import Predictions
from skerry.runtimes.base import Known, LoadOptions
from skerry.runtimes.registry import runtime_for
from skerry.runtimes.sklearn_servable import ScikitServable
from tests.zoo import DRAWS_AT_RANDOM
from tests.zoo_answers import as_json, differences, scikit_learn_answers
from tests.zoo_specimens import specimens

TOLERANCE = 1e-9
ROWS_ALONE = 12
FEWEST_COMPILED, FEWEST_PIPELINES = 150, 12


@dataclass(frozen=True, slots=True)
class Planned:
    """A model with its plan, and the evidence about its compiled form."""

    servable: ScikitServable
    candidate: Candidate | None


@cache
def planned() -> Mapping[str, Planned]:
    found = {}
    for name, specimen in specimens().items():
        if name in DRAWS_AT_RANDOM:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what scikit-learn is about to drop
            model = deepcopy(specimen.model)
        servable = runtime_for("joblib").prepare(model, Known(), LoadOptions())
        assert isinstance(servable, ScikitServable)
        others = [c for c in servable.info.plan.candidates if c.executor is not Executor.SKLEARN]
        found[name] = Planned(servable, others[0] if others else None)
    return found


@pytest.mark.slow
def test_answers_are_those_of_scikit_learn_for_one_row_and_for_many() -> None:
    wrong = {}
    for name, each in planned().items():
        specimen, servable = specimens()[name], each.servable
        signature, task = servable.info.signature, servable.info.task
        expected = scikit_learn_answers(specimen)
        together = servable.predict(to_rows(signature, specimen.rows))
        rows = specimen.rows[:ROWS_ALONE]
        alone = _joined([servable.predict(to_rows(signature, [row])) for row in rows])
        first = {key: None if v is None else v[:ROWS_ALONE] for key, v in expected.items()}
        found = [
            *differences(as_json(together), expected, task, TOLERANCE),
            *differences(as_json(alone), first, task, TOLERANCE),
        ]
        if found:
            wrong[name] = found
    assert {} == wrong


@pytest.mark.slow
def test_most_of_the_zoo_has_a_compiled_form_that_was_proved() -> None:
    accepted = {
        n: p.candidate for n, p in planned().items() if p.candidate and p.candidate.accepted
    }
    pipelines = [n for n, c in accepted.items() if c.executor is Executor.PIPELINE]
    assert len(accepted) >= FEWEST_COMPILED, sorted(set(planned()) - set(accepted))
    assert len(pipelines) >= FEWEST_PIPELINES, pipelines


@pytest.mark.slow
def test_no_compiled_form_was_refused_by_the_proof() -> None:
    """What differs from scikit-learn must not be compiled at all; a refusal here is a defect."""
    refused = {
        n: (p.candidate.reason, p.candidate.worst)
        for n, p in planned().items()
        if p.candidate and not p.candidate.accepted and p.candidate.probe_rows
    }
    assert {} == refused


def _joined(each: list[Predictions]) -> Predictions:
    confidences = [p.confidences for p in each if p.confidences is not None]
    probabilities = [p.probabilities for p in each if p.probabilities is not None]
    return Predictions(
        np.concatenate([p.labels for p in each]),
        np.concatenate(confidences) if confidences else None,
        tuple(np.concatenate(outputs) for outputs in zip(*probabilities, strict=True))
        if probabilities
        else None,
    )
