"""What ``promote --if`` takes for a condition, and when one holds."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.cli.condition import Condition, WrongCondition
from skerry.cli.evidence import CONDITION_NAMES

VALUES = {"requests": 1204, "errors": 2, "error_rate": 2 / 1204, "p99_ratio": 1.1}


def objections(text: str) -> list[str]:
    return Condition.parse(text, CONDITION_NAMES).objections(VALUES)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("errors <= 2", True),
        ("errors <= 0", False),
        ("errors <= 2 and p99_ratio < 1.2 and requests > 500", True),
        ("errors <= 0 and p99_ratio < 1.2 and requests > 500", False),
        ("errors <= 0 or p99_ratio < 1.2", True),
        ("not errors > 2", True),
        ("not (errors <= 2 and requests > 500)", False),
        ("(errors <= 0 or requests > 1_000) and (p99_ratio < 1.2)", True),
        ("1 < p99_ratio < 1.2", True),
        ("1 < p99_ratio < 1.05", False),
        ("errors == 2", True),
        ("errors != 2", False),
        ("errors / requests < 0.01", True),
        ("p99_ratio - 1 < 2 * 0.04", False),
        ("-errors < +1", True),
        ("\n errors <= 2 ", True),
        ("errors <= 1e3", True),
        ("1 < 2", True),
    ],
)
def test_a_condition_holds_or_not(text: str, holds: bool) -> None:
    assert holds == (not objections(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("errors <= 0", ["errors = 2: errors <= 0 is false"]),
        (
            "errors <= 0 and p99_ratio < 1.2 and requests > 5000",
            ["errors = 2: errors <= 0 is false", "requests = 1204: requests > 5000 is false"],
        ),
        (
            "p99_ratio < 1 or errors <= 0",
            ["p99_ratio = 1.1, errors = 2: p99_ratio < 1 or errors <= 0 is false"],
        ),
        ("p50_ratio < 1.2", ["p50_ratio is not known: p50_ratio < 1.2 is false"]),
        ("2 < 1", ["without a name: 2 < 1 is false"]),
        (
            "1 / (errors - 2) > 1",
            ["errors = 2: 1 / (errors - 2) > 1 is false (division by zero)"],
        ),
    ],
)
def test_an_objection_says_what_was_seen(text: str, expected: list[str]) -> None:
    assert expected == objections(text)


@pytest.mark.parametrize(
    "text",
    [
        "p50_ratio < 1",
        "not p50_ratio < 1",
        "requests > 1 or p50_ratio < 1",
        "errors <= 2 and (requests > 1 or p50_ratio < 1)",
        "not (p50_ratio < 1 and requests < 1)",
        "p50_ratio == p50_ratio",
    ],
)
def test_a_name_without_a_value_makes_it_false(text: str) -> None:
    assert objections(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "errors",
        "errors <",
        "errors <= 0 requests",
        "1",
        "errors + 1",
        "errors and requests",
        "not errors",
        "errors <= 0 and 1",
        "True",
        "errors < True",
        "errors < None",
        "errors == 'a'",
        "errors == b'a'",
        "errors < 1j",
        "errors < 1e999",
        "latency < 1",
        "class_shift < 1",
        "requests is 1",
        "requests in (1, 2)",
        "2 ** 9 > errors",
        "9 // 2 > errors",
        "9 % 2 > errors",
        "1 << 9 > errors",
        "~errors < 1",
        "(errors < 1) == (requests < 1)",
        "abs(errors) < 1",
        "__import__('os').system('true') == 0",
        "errors.real < 1",
        "[errors][0] < 1",
        "(lambda: 1)() < 2",
        "(errors := 1) < 2",
        "(1 if errors < 1 else 2) < 3",
        "[e for e in (1,)] < 3",
        "f'{errors}' < 3",
        "errors = 0",
        "import os",
        "errors <= 0; requests > 1",
        "errors <= 0\nrequests > 1",
        "errors <= 0 # and requests > 500",
        "errors \0 < 1",
        "(" * 400 + "1" + ")" * 400 + " < 2",
        "not " * 200 + "1 < 2",
        "-" * 900 + "1 < 2",
        "1" + "+1" * 400 + " < 2",
        "errors <= 0 and " * 100 + "errors <= 0",
        "9" * 5000 + " < 1",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(WrongCondition):
        Condition.parse(text, CONDITION_NAMES)


def test_a_refusal_names_what_is_known() -> None:
    with pytest.raises(WrongCondition) as refusal:
        Condition.parse("errors <= 0 and latency < 1", ("errors", "requests"))

    assert str(refusal.value) == (
        "expected a number, or a name that is known, got latency; known names: errors, requests"
    )


def test_values_seen_stand_in_their_order() -> None:
    condition = Condition.parse("requests > 5 and errors < 9 and errors >= 0", CONDITION_NAMES)

    assert condition.values_seen(VALUES) == "requests = 1204, errors = 2"


@given(st.text(max_size=60))
def test_no_text_does_anything_but_be_read_or_refused(text: str) -> None:
    with suppress(WrongCondition):
        objections(text)


numbers = st.integers(-1000, 1000) | st.floats(-1e6, 1e6)


@given(numbers, numbers, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]))
def test_compares_as_python_does(left: float, right: float, operator: str) -> None:
    condition = Condition.parse(f"errors {operator} {right!r}", CONDITION_NAMES)
    expected = {
        "<": left < right,
        "<=": left <= right,
        ">": left > right,
        ">=": left >= right,
        "==": left == right,
        "!=": left != right,
    }[operator]

    assert expected == (condition.objections({"errors": left}) == [])
