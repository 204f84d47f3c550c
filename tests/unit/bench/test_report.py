"""The page that make bench writes."""

from __future__ import annotations

import pytest

from bench.report import Claim, Report, ratio, table


@pytest.mark.parametrize(
    ("claim", "shown", "is_reached"),
    [
        (Claim.at_least("a", 1.0, 1), "1.00", True),
        (Claim.at_least("a", 0.99, 1), "0.99", False),
        (Claim.at_most("a", 20.0, 20, " ms"), "20.00 ms", True),
        (Claim.at_most("a", 20.1, 20, " ms"), "20.10 ms", False),
        (Claim.at_most("a", None, 20), None, False),
    ],
)
def test_a_claim_is_reached_at_its_bound(claim: Claim, shown: str | None, is_reached: bool) -> None:
    assert (claim.figure, claim.is_reached) == (shown, is_reached)


def test_the_page_tells_what_was_reached_what_was_not_and_what_was_not_measured() -> None:
    claims = [Claim.at_least(name, found, 2) for name, found in (("x", 3), ("y", 1), ("z", None))]
    page = Report(claims=claims, notes=["peer can't be installed"]).page("make bench")

    assert "| x | ≥ 2 | 3.00 | reached |" in page
    assert "| y | ≥ 2 | 1.00 | **not reached** |" in page
    assert "| z | ≥ 2 | not measured |  |" in page
    assert "- peer can't be installed" in page
    assert "Written by `make bench` on " in page


def test_a_table_aligns_figures_to_the_right() -> None:
    assert table([("a", "b"), ("x", "1")]) == "| a | b |\n| --- | --: |\n| x | 1 |"


@pytest.mark.parametrize(
    ("value", "expected"), [(0.5444, "0.544×"), (12.34, "12.3×"), (1234.5, "1,234×")]
)
def test_ratios_have_the_digits_that_count(value: float, expected: str) -> None:
    assert ratio(value) == expected
