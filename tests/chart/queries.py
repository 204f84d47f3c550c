"""The queries of a Grafana dashboard, with its variables filled in as Grafana does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

VALUES = {"namespace": ".*", "job": "skerry", "model": "iris", "__rate_interval": "30s"}


def dashboard_queries(
    board: Mapping[str, Any], *, interpolate: bool = True, values: Mapping[str, str] = VALUES
) -> list[tuple[str, str, str]]:
    """Return title, PromQL and legend of every query of every panel, and of annotations."""
    found = [
        (panel["title"], target["expr"], target["legendFormat"])
        for panel in board["panels"]
        for target in panel.get("targets", ())
    ]
    found += [
        (each["name"], each["expr"], each["titleFormat"]) for each in board["annotations"]["list"]
    ]
    if not interpolate:
        return found
    return [(title, filled(expr, values), legend) for title, expr, legend in found]


def variable_query(query: str, values: Mapping[str, str] = VALUES) -> tuple[str, str]:
    """Return the series and the label of a variable's ``label_values(series, label)``."""
    match = re.fullmatch(r"label_values\((.+), (\w+)\)", query)
    assert match is not None, query
    return filled(match[1], values), match[2]


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return the text with the variables' values; an unknown variable is a KeyError."""
    return re.sub(r"\$(\w+)", lambda match: values[match[1]], text)
