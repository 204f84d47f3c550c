"""What a model raised is told without what it was asked."""

from __future__ import annotations

import numpy as np
import pytest

from skerry.core.redaction import raised_text
from skerry.core.rows import Rows

PEOPLE = Rows(
    2,
    columns=(
        np.array(
            [
                "Tromsø",
                "a",
            ],
            dtype=object,
        ),
        np.array([np.nan, 51234.56789]),
        np.array([17, 4], dtype=np.int64),
        np.array([True, False]),
        np.array([None, "line\nbreak"], dtype=object),
    ),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("could not convert 'Tromsø' to float", "could not convert '…' to float"),
        ("a bad day at Tromsøya, a", "… bad day at Tromsøya, …"),
        ("income 51234.57 is odd", "income … is odd"),
        ("income 5.123457e4 of 51300", "income … of 51300"),
        ("age -17, 17, 170", "age -17, …, 170"),
        ("no 'line\\nbreak' here", "no '…' here"),
        ("expected 5 columns, got 9", "expected 5 columns, got 9"),
        ("", ""),
    ],
)
def test_values_that_were_asked_are_hidden(text: str, expected: str) -> None:
    assert f"ValueError: {expected}" == raised_text(ValueError(text), PEOPLE)


def test_numbers_of_a_matrix_are_hidden_though_rounded() -> None:
    rows = Rows(1, matrix=np.array([[0.1234567891, -3e300, 0.0, np.nan]]))
    text = "X has 0.12345679, -3e+300, 0 and nan, of 4"

    assert "E: X has …, …, … and nan, of 4" == raised_text(type("E", (Exception,), {})(text), rows)


def test_a_text_without_end_is_cut() -> None:
    assert "ValueError: " + "x" * 38 == raised_text(ValueError("x" * 10**7), PEOPLE, limit=50)


def test_an_exception_that_is_no_text_is_its_type() -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert "Odd" == raised_text(Odd(), None)
