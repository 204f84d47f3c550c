"""One row's values as a block."""

from __future__ import annotations

import numpy as np
import pytest

from skerry.runtimes.compiled.base import block_of


def test_numbers_are_a_matrix() -> None:
    block = block_of([1, 2.5, True])

    assert isinstance(block, np.ndarray)
    assert [[1.0, 2.5, 1.0]] == block.tolist()


@pytest.mark.parametrize("value", ["7", "7E3", "nan", None])
def test_text_stays_text_though_it_looks_like_a_number(value: str | None) -> None:
    block = block_of([value, 1.0])

    assert isinstance(block, tuple)
    assert [value, 1.0] == [column.item() for column in block]
