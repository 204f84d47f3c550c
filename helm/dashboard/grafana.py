"""Makes of the rows what Grafana reads: the JSON model of a dashboard, with its variables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from helm.dashboard.panels import PROCESS, Panel
from helm.dashboard.rows import ROWS, TRAFFIC_CHANGES

SCHEMA_VERSION = 41
"""Grafana 12's; others convert it as they load it. It is the classic model, not a resource."""
COLUMNS = 24

_PROMETHEUS = {"type": "prometheus", "uid": "${datasource}"}
_TRACK_COLOURS = {"stable": "blue", "canary": "orange", "pinned": "purple"}


def dashboard() -> dict[str, Any]:
    """Return the dashboard as Grafana reads it."""
    return {
        "uid": "skerry",
        "title": "Skerry",
        "description": "Models served by Skerry: versions, traffic, drift.",
        "tags": ["skerry", "scikit-learn"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": True,
        "graphTooltip": 1,
        "time": {"from": "now-1h", "to": "now"},
        "refresh": "30s",
        "annotations": {"list": [_annotation()]},
        "templating": {"list": list(_variables())},
        "panels": list(_panels()),
    }


def _variables() -> Iterator[dict[str, Any]]:
    yield {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
        "current": {},
    }
    # Outside Kubernetes nothing has a namespace, and ".*" matches that, too. "All" of the jobs
    # are those in the list: ".*" would take the processes of everybody else.
    yield _variable("namespace", "skerry_build_info", multi=True) | {"allValue": ".*"}
    yield _variable("job", 'skerry_build_info{namespace=~"$namespace"}', multi=True)
    yield _variable("model", f"skerry_traffic_info{{{PROCESS}}}", multi=False)


def _variable(label: str, series: str, *, multi: bool) -> dict[str, Any]:
    everything = {"text": ["All"], "value": ["$__all"]} if multi else {}
    query = f"label_values({series}, {label})"
    return {
        "name": label,
        "label": label.capitalize(),
        "type": "query",
        "datasource": _PROMETHEUS,
        "definition": query,
        "query": {"query": query, "refId": "A"},
        "refresh": 2,
        "sort": 1,
        "multi": multi,
        "includeAll": multi,
        "current": everything,
    }


def _annotation() -> dict[str, Any]:
    return {
        "name": "Traffic changes",
        "enable": True,
        "iconColor": "purple",
        "datasource": _PROMETHEUS,
        "expr": TRAFFIC_CHANGES,
        "step": "60s",
        "titleFormat": "Traffic policy {{generation}}",
    }


def _panels() -> Iterator[dict[str, Any]]:
    """Yield headings and panels, from left to right and from top to bottom."""
    number, top = 0, 0
    for row in ROWS:
        number += 1
        place = {"h": 1, "w": COLUMNS, "x": 0, "y": top}
        yield {
            "id": number,
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "gridPos": place,
            "panels": [],
        }
        left, top, height = 0, top + 1, 0
        for panel in row.panels:
            if left + panel.width > COLUMNS:
                left, top, height = 0, top + height, 0
            number += 1
            place = {"h": panel.height, "w": panel.width, "x": left, "y": top}
            yield _panel(number, panel, place)
            left, height = left + panel.width, max(height, panel.height)
        top += height


def _panel(number: int, panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    made = {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.meaning,
        "datasource": _PROMETHEUS,
        "gridPos": place,
        "fieldConfig": {"defaults": _defaults(panel), "overrides": list(_overrides(panel))},
        "options": _OPTIONS[panel.kind],
        "targets": [
            _target(chr(ord("A") + at), *query, panel)
            for at, query in enumerate(panel.queries.items())
        ],
    }
    if panel.kind == "table":
        hidden = {"Time": True, "Value": True}
        made["transformations"] = [{"id": "organize", "options": {"excludeByName": hidden}}]
    return made


def _target(ref_id: str, legend: str, expr: str, panel: Panel) -> dict[str, Any]:
    instant = panel.kind == "table"
    return {
        "refId": ref_id,
        "datasource": _PROMETHEUS,
        "editorMode": "code",
        "expr": expr,
        "legendFormat": legend,
        "instant": instant,
        "range": not instant,
        "format": "table" if instant else "time_series",
    }


def _defaults(panel: Panel) -> dict[str, Any]:
    steps = [{"color": colour, "value": at} for colour, at in panel.steps.items()]
    steps[0]["value"] = None  # Grafana's word for: from the beginning.
    defaults: dict[str, Any] = {
        "unit": panel.unit,
        "color": {"mode": "thresholds" if panel.kind == "stat" else "palette-classic"},
        "thresholds": {
            "mode": "absolute",
            "steps": steps,
        },
    }
    if panel.kind == "timeseries":
        defaults |= {"min": 0, "custom": _custom(panel)}
    if panel.top is not None:
        defaults["max"] = panel.top
    if panel.names:
        options = {
            value: {"text": text, "index": i} for i, (value, text) in enumerate(panel.names.items())
        }
        defaults["mappings"] = [{"type": "value", "options": options}]
    return defaults


def _custom(panel: Panel) -> dict[str, Any]:
    return {
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": 8,
        "showPoints": "never",
        "spanNulls": False,
        "thresholdsStyle": {"mode": "line" if len(panel.steps) > 1 else "off"},
    }


def _overrides(panel: Panel) -> Iterator[dict[str, Any]]:
    """Yield a colour for each track, the same in all panels."""
    if panel.kind != "timeseries" or not any("{{track}}" in legend for legend in panel.queries):
        return
    for track, colour in _TRACK_COLOURS.items():
        yield {
            "matcher": {"id": "byRegexp", "options": f"/ {track}\\b/"},
            "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}],
        }


_OPTIONS: dict[str, dict[str, Any]] = {
    "timeseries": {
        "legend": {
            "displayMode": "list",
            "placement": "bottom",
            "showLegend": True,
            "calcs": [],
        },
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "area",
        "justifyMode": "auto",
        "textMode": "auto",
        "orientation": "auto",
    },
    "table": {"showHeader": True, "cellHeight": "sm"},
}
