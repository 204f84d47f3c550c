"""Rows made of other rows."""

from __future__ import annotations

import numpy as np

from skerry.core.rows import Rows


def test_mixed_numbers_stay_in_their_columns() -> None:
    rows = Rows(3, matrix=np.array([[1.0, 10.0], [2.0, np.nan], [3.0, 30.0]]))

    mixed = rows.mixed(200, np.random.default_rng(0)).matrix

    assert mixed is not None
    assert (200, 2) == mixed.shape
    assert {1.0, 2.0, 3.0} == set(mixed[:, 0])
    assert {10.0, 30.0} == set(mixed[~np.isnan(mixed[:, 1]), 1])
    assert 9 == len(np.unique(np.nan_to_num(mixed), axis=0))


def test_mixed_tables_keep_the_types_of_their_columns() -> None:
    text = np.array(["a", None], dtype=object)
    rows = Rows(2, columns=(text, np.array([True, False]), np.array([1, 2])))

    mixed = rows.mixed(50, np.random.default_rng(0))

    assert mixed.columns is not None
    assert 50 == mixed.n_rows
    assert [np.dtype(object), np.dtype(bool), np.dtype(int)] == [c.dtype for c in mixed.columns]
    assert {"a", None} == set(mixed.columns[0])
