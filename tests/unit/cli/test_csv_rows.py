"""Rows of a CSV file as JSON values."""

from __future__ import annotations

import io
from typing import Any

import pytest

from skerry.cli.csv_rows import CsvRows, guess, to_value
from skerry.cli.errors import CommandFailed
from skerry.core.signature import DType, Feature, Output, Signature

PEOPLE = Signature(
    (
        Feature("age", DType.INT64),
        Feature("city", DType.STRING),
        Feature("member", DType.BOOL),
        Feature("income", DType.FLOAT64, nullable=True),
        Feature("id", DType.STRING, used=False),
    ),
    (Output("prediction", DType.FLOAT64),),
)


def read(text: str, signature: Signature | None = PEOPLE) -> CsvRows:
    file = io.StringIO(text)
    file.name = "/home/somebody/people.csv"
    return CsvRows(file, signature)


def test_columns_follow_the_signature_and_not_the_file() -> None:
    rows = read("note,income,member,city,age\nx,1.5,true,Oslo,40\ny,,0,12,41\n")

    assert list(rows) == [[40, "Oslo", True, 1.5, None], [41, "12", False, None, None]]
    assert rows.ignored == ("note",)


@pytest.mark.parametrize(
    ("dtype", "cell", "expected"),
    [
        (DType.FLOAT64, "5.1", 5.1),
        (DType.FLOAT64, " 5 ", 5),
        (DType.FLOAT32, "1e3", 1000.0),
        (DType.INT64, "7", 7),
        (DType.INT64, "7.0", 7.0),
        (DType.INT64, "9007199254740993", 9007199254740993),
        (DType.STRING, "007", "007"),
        (DType.STRING, " a ", " a "),
        (DType.STRING, "null", "null"),
        (DType.BOOL, "True", True),
        (DType.BOOL, "0", False),
        (DType.FLOAT64, "", None),
        (DType.STRING, "", None),
    ],
)
def test_cells_are_read_as_their_feature(dtype: DType, cell: str, expected: Any) -> None:
    value = to_value(Feature("f", dtype), cell)

    assert (value, type(value)) == (expected, type(expected))


@pytest.mark.parametrize("cell", ["abc", "nan", "inf", "1_000", "0x10", "1,5"])
def test_cells_that_are_no_numbers_are_refused(cell: str) -> None:
    with pytest.raises(ValueError, match="f: expected a number, got"):
        to_value(Feature("f", DType.FLOAT64), cell)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [("1", 1), ("1.5", 1.5), ("true", True), ("red", "red"), ("", None), ("nan", "nan")],
)
def test_without_a_signature_cells_are_what_they_look_like(cell: str, expected: Any) -> None:
    assert guess(cell) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "people.csv is empty"),
        ("age,city\n1,a\n", "people.csv lacks the columns member, income; its header is age, city"),
        ("age,age\n1,1\n", "people.csv has several columns named age"),
        ("age,city,member,income\n1,a,true\n", "people.csv line 2: expected 4 cells, got 3"),
        (
            "age,city,member,income\n1,a,true,1\n\nx,a,true,1\n",
            "people.csv line 4: age: expected a number, got 'x'",
        ),
        (
            "age,city,member,income\n1,a,maybe,1\n",
            "people.csv line 2: member: expected true or false, got 'maybe'",
        ),
    ],
)
def test_says_what_is_wrong_and_where(text: str, expected: str) -> None:
    with pytest.raises(CommandFailed) as failed:
        list(read(text))

    assert failed.value.message == expected


def test_without_a_signature_all_columns_are_sent() -> None:
    rows = read("a,b\n1,x\n", signature=None)

    assert list(rows) == [[1, "x"]]
    assert rows.ignored == ()
