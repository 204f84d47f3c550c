"""The chart's Grafana dashboard: what its source makes, and about metrics that there are."""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from helm.dashboard.__main__ import FILE
from helm.dashboard.grafana import COLUMNS, dashboard
from skerry.telemetry.metrics import ALL, PREFIX
from tests.chart.promql import labels_of, series_of
from tests.chart.queries import dashboard_queries, variable_query

ROOT = Path(__file__).parents[2]
BOARD: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
VARIABLES = {each["name"]: each for each in BOARD["templating"]["list"]}


def test_the_file_is_what_its_source_makes() -> None:
    assert dashboard() == BOARD, "run make dashboard"


@pytest.mark.parametrize(
    ("title", "expr", "legend"),
    dashboard_queries(BOARD),
    ids=lambda value: value if len(value) < 40 else "",
)
def test_a_query_is_about_what_there_is(title: str, expr: str, legend: str) -> None:
    """And its series are called by labels that they have."""
    assert set(re.findall(r"{{(\w+)}}", legend)) <= labels_of(expr), title


@pytest.mark.parametrize("name", ["namespace", "job", "model"])
def test_a_variable_lists_a_label_that_there_is(name: str) -> None:
    series, label = variable_query(VARIABLES[name]["query"]["query"])

    assert label in labels_of(series)
    assert VARIABLES[name]["definition"] == VARIABLES[name]["query"]["query"]


def test_every_metric_is_shown() -> None:
    shown = {
        re.sub(r"_(bucket|sum|count)$", "", name)
        for _, expr, _ in dashboard_queries(BOARD)
        for name in series_of(expr)
    }

    assert {PREFIX + metric.name for metric in ALL} <= shown


def test_every_query_is_held_to_the_variables() -> None:
    """So that the dashboard of one job shows nothing of another's."""
    used = set(re.findall(r"\$(\w+|\{\w+\})", json.dumps(BOARD)))

    assert {"{datasource}", "namespace", "job", "model", "__rate_interval", "__all"} == used
    for title, expr, _ in dashboard_queries(BOARD, interpolate=False):
        selectors = re.findall(r"\w+\{([^}]*)\}", expr)
        assert selectors, title
        assert all('namespace=~"$namespace",job=~"$job"' in each for each in selectors), title


def test_panels_are_told_apart() -> None:
    ids = Counter(panel["id"] for panel in BOARD["panels"])
    assert {1} == set(ids.values())
    for panel in PANELS:
        assert panel["description"].endswith("."), panel["title"]
        assert {"type": "prometheus", "uid": "${datasource}"} == panel["datasource"]


def test_panels_do_not_overlap() -> None:
    places = [panel["gridPos"] for panel in BOARD["panels"]]
    for one in places:
        assert one["x"] + one["w"] <= COLUMNS
    for one, other in combinations(places, 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)
