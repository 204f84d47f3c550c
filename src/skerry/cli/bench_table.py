"""What ``skerry bench`` measured, as a table for people."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from skerry.cli.console import make_console


def show(result: dict[str, Any]) -> None:
    """Print how it was measured, the figures, and what went wrong."""
    console = make_console()
    console.print(_heading(result), markup=False)
    figures = Table("requests/s", "rows/s", "p50 ms", "p90 ms", "p99 ms", "max ms")
    for column in figures.columns:
        column.justify = "right"
    figures.add_row(
        f"{result['requests_per_s']:,.1f}",
        f"{result['rows_per_s']:,.1f}",
        *(f"{value:,.2f}" for value in result["latency_ms"].values()),
    )
    console.print(figures)
    outcomes = Table("outcome", "requests")
    outcomes.columns[1].justify = "right"
    for outcome, n in _outcomes(result).items():
        outcomes.add_row(outcome, f"{n:,}")
    console.print(outcomes)


def _heading(result: dict[str, Any]) -> str:
    rate = "" if result["rate"] is None else f" at {result['rate']:g} requests/s"
    late = "" if result["rate"] is None else f", sent late by {result['sent_late_ms']:g} ms (p99)"
    return (
        f"{result['model'] or 'default model'} {result['model_version']}:"
        f" {result['loop']} loop{rate}, {result['clients']} connections,"
        f" {result['rows']} rows a request, {result['elapsed_s']:.1f} s{late}"
    )


def _outcomes(result: dict[str, Any]) -> dict[str, int]:
    unsent = {"due, but never sent": result["unsent"]} if result["unsent"] else {}
    return {**result["statuses"], **result["failures"], **unsent}
