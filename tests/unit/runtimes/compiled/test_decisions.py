"""The highest of a row is found alike for one row and many, few columns and many."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.runtimes.compiled.decisions import by_probability, by_score
from skerry.runtimes.compiled.links import softmax

_VALUES = st.sampled_from([0.0, 0.25, 0.5, 0.5 + 1e-14, 1.0, -3.0, float("nan")])


@given(st.integers(2, 20), st.data())
def test_many_rows_are_decided_as_each_alone(n_columns: int, data: st.DataObject) -> None:
    row = st.lists(_VALUES, min_size=n_columns, max_size=n_columns)
    scores = np.array(data.draw(st.lists(row, min_size=2, max_size=5)))
    classes = np.arange(n_columns) * 10
    labels, best, uncertain = by_probability(scores, classes)
    decided, unsure = by_score(scores, classes)
    for i in range(len(scores)):
        alone = by_probability(scores[i : i + 1], classes)
        assert (alone[2] is not None) == (uncertain is not None and bool(uncertain[i]))
        single = by_score(scores[i : i + 1], classes)
        assert (single.uncertain is not None) == (unsure is not None and bool(unsure[i]))
        if alone[2] is None:
            assert alone[0][0] == labels[i]
            assert alone[1][0] == best[i]
        if single.uncertain is None:
            assert single.labels[0] == decided[i]


@pytest.mark.parametrize("n_columns", [2, 3, 16, 17, 40])
def test_softmax_of_many_rows_is_that_of_each(n_columns: int) -> None:
    scores = np.random.default_rng(0).normal(size=(9, n_columns)) * 50
    together = softmax(scores)
    alone = np.concatenate([softmax(scores[i : i + 1]) for i in range(len(scores))])
    assert np.allclose(together, alone, rtol=1e-13, atol=1e-300)
    assert np.allclose(together.sum(axis=1), 1.0)
