from __future__ import annotations

import weakref
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skerry.core.rows import Rows
from skerry.runtimes.base import Known, LoadOptions
from skerry.runtimes.registry import runtime_for
from skerry.runtimes.release import release

TABLE = {"kept": [1, 2, 3]}


class Holder:
    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


def test_nothing_of_a_model_is_left() -> None:
    x = np.arange(20.0).reshape(10, 2)
    forest = RandomForestClassifier(3).fit(x, [0, 1] * 5)
    parts = [weakref.ref(tree) for tree in forest.estimators_]
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(["a bb", "cc dd"], [0, 1])
    parts += [weakref.ref(step) for _, step in model.steps]
    owner = [forest, model]
    del forest, model
    release(owner)
    assert [part() for part in parts] == [None] * len(parts)


def test_what_something_else_refers_to_stays_as_it_is() -> None:
    shared = Holder(value=1)
    release([Holder(table=TABLE, inner=Holder(again=TABLE), shared=shared)])
    assert TABLE == {"kept": [1, 2, 3]}
    assert vars(shared) == {"value": 1}


def test_parts_that_hold_each_other_end_too() -> None:
    a = Holder()
    a.b = Holder(a=a)  # type: ignore[attr-defined]  # a cycle of two
    owner = [a]
    del a
    release(owner)
    assert owner == []


def test_a_released_servable_says_so() -> None:
    runtime, options = runtime_for("joblib"), LoadOptions()
    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    servable = runtime.prepare(model, Known(), options)
    servable.release()
    with pytest.raises(RuntimeError, match="released"):
        servable.predict(Rows(1, matrix=np.zeros((1, 1))))
