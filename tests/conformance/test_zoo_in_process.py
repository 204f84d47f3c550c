"""Whatever scikit-learn predicts, the runtime predicts the same on the same rows in one call."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from typing import Any

import joblib
import numpy as np
import pytest

from skerry.core.errors import Unsupported
from skerry.core.plan import Parity
from skerry.core.row_values import to_rows
from skerry.core.servable import Servable
from skerry.runtimes.base import Known, LoadOptions
from skerry.runtimes.registry import runtime_for
from tests.zoo import DRAWS_AT_RANDOM, REFUSED, refused
from tests.zoo_answers import as_json, differences, scikit_learn_answers
from tests.zoo_specimens import specimens

_OPTIONS = LoadOptions(parity=Parity.NATIVE)


@pytest.fixture(scope="module")
def servables() -> Mapping[str, Servable]:
    formats = ("joblib", "pickle")
    return {
        name: _prepared(specimen.model, formats[i % 2])
        for i, (name, specimen) in enumerate(specimens().items())
    }


def test_every_model_answers_as_scikit_learn_does(servables: Mapping[str, Servable]) -> None:
    found: dict[str, list[str]] = {}
    for name, specimen in specimens().items():
        if name in DRAWS_AT_RANDOM:
            continue
        servable = servables[name]
        predictions = servable.predict(to_rows(servable.info.signature, specimen.rows))
        task = servable.info.task
        found[name] = differences(as_json(predictions), scikit_learn_answers(specimen), task)
    assert {name: each for name, each in found.items() if each} == {}


def test_one_row_at_a_time_has_the_same_labels(servables: Mapping[str, Servable]) -> None:
    found = []
    for name, servable in servables.items():
        if name in DRAWS_AT_RANDOM or servable.info.task != "classification":
            continue
        rows = specimens()[name].rows[:3]
        each = [servable.predict(to_rows(servable.info.signature, [row])).labels for row in rows]
        together = servable.predict(to_rows(servable.info.signature, rows)).labels
        if np.concatenate(each).tolist() != together.tolist():
            found.append(name)
    assert found == []


def test_every_output_has_as_many_classes_as_probabilities(
    servables: Mapping[str, Servable],
) -> None:
    wrong = []
    for name, servable in servables.items():
        signature = servable.info.signature
        predictions = servable.predict(to_rows(signature, specimens()[name].rows))
        widths = [each.shape[1] for each in predictions.probabilities or ()]
        if widths and widths != [len(output.classes or ()) for output in signature.outputs]:
            wrong.append(name)
    assert wrong == []


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_cannot_be_served_is_refused_at_load_with_a_reason(name: str) -> None:
    with pytest.raises(Unsupported, match=REFUSED[name]):
        _prepared(dict(refused())[name], "joblib")


def test_the_list_of_refusals_is_complete() -> None:
    assert {name for name, _ in refused()} == set(REFUSED)


def test_only_the_listed_ones_draw_at_random(servables: Mapping[str, Servable]) -> None:
    found = {name for name, servable in servables.items() if servable.info.draws_at_random}
    assert found == DRAWS_AT_RANDOM


def _prepared(model: Any, format: str) -> Servable:
    """Save, read and prepare a model as the loader does."""
    file = io.BytesIO()
    if format == "joblib":
        joblib.dump(model, file)
    else:
        pickle.dump(model, file)
    file.seek(0)
    runtime = runtime_for(format)
    return runtime.prepare(runtime.read(file, format, _OPTIONS), Known(), _OPTIONS)
