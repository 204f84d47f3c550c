"""Writes the dashboard into the chart."""

from __future__ import annotations

import json
from pathlib import Path

from helm.dashboard.grafana import dashboard

FILE = Path(__file__).parents[1] / "skerry" / "files" / "dashboard.json"

if __name__ == "__main__":
    FILE.write_text(json.dumps(dashboard(), indent=2) + "\n", encoding="utf-8")
