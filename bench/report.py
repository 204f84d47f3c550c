"""What was found: tables and claims, and the page that they make."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

PAGE = Path(__file__).with_name("RESULTS.md")
_PACKAGES = ("skerry", "scikit-learn", "numpy", "fastapi", "pydantic", "uvicorn", "uvloop")


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence that a figure proves or not; figure None: it was not measured in this run."""

    text: str
    wanted: str
    figure: str | None
    is_reached: bool

    @classmethod
    def at_least(cls, text: str, figure: float | None, bound: float) -> Claim:
        """Return a claim that a ratio is no smaller than the bound."""
        shown = None if figure is None else f"{figure:.2f}"
        return cls(text, f"≥ {bound:g}", shown, figure is not None and figure >= bound)

    @classmethod
    def at_most(cls, text: str, figure: float | None, bound: float, unit: str = "") -> Claim:
        """Return a claim that a figure is no larger than the bound."""
        shown = None if figure is None else f"{figure:.2f}{unit}"
        return cls(text, f"≤ {bound:g}{unit}", shown, figure is not None and figure <= bound)


@dataclass(slots=True)
class Report:
    """Everything that goes to the page, in order."""

    claims: list[Claim] = field(default_factory=list)
    sections: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    setups: dict[str, str] = field(default_factory=dict)

    def add(self, heading: str, text: str, rows: Sequence[Sequence[str]]) -> None:
        """Add a section with a table; the first row is its head."""
        self.sections.append(f"## {heading}\n\n{text}\n\n{table(rows)}")

    def page(self, command: str) -> str:
        """Return the page."""
        setups = [("contender", "setup"), *self.setups.items()]
        claims = [("claim", "wanted", "found", ""), *map(_cells, self.claims)]
        notes = "".join(f"- {note}\n" for note in self.notes)
        parts = [
            "# Results\n\n"
            f"Written by `{command}` on {datetime.now(UTC):%Y-%m-%d}.\n"
            "All contenders were measured in the same run, each with one process on one core,"
            " and the load on another.\n"
            "Ratios travel to other machines better than the figures do that they are made of.",
            f"## Claims\n\n{table(claims)}",
            *self.sections,
            f"## Setup\n\n{machine()}\n\n{table(setups)}",
            *([f"## Notes\n\n{notes.rstrip()}"] if notes else []),
        ]
        return "\n\n".join(parts) + "\n"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; the first column is text, the others are figures."""
    head, *body = rows
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine() -> str:
    """Return what it ran on and with, as a list."""
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    versions = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    load = ", ".join(f"{each:.2f}" for each in os.getloadavg())
    return (
        f"- machine: {model}, {os.cpu_count()} cores, {platform.system()} {platform.release()}\n"
        f"- Python {platform.python_version()}, {versions}\n"
        f"- load average at the end: {load}"
    )


def ratio(value: float) -> str:
    """Return a ratio with three digits that count."""
    return f"{value:.3g}×" if value < 1000 else f"{value:,.0f}×"


def _cells(claim: Claim) -> tuple[str, str, str, str]:
    verdict = "reached" if claim.is_reached else "**not reached**"
    if claim.figure is None:
        return (claim.text, claim.wanted, "not measured", "")
    return (claim.text, claim.wanted, claim.figure, verdict)
