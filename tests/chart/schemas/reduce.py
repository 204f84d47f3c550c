"""Reduces a CustomResourceDefinition to the schema of its newest served version, without prose.

``python -m tests.chart.schemas.reduce CRD.yaml`` writes ``<kind>.json`` beside this file; README.md
there says where the definitions came from.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent


def reduced(node: Any) -> Any:
    """Return a schema that takes no unknown keys, in JSON Schema's own words."""
    if isinstance(node, list):
        return [reduced(each) for each in node]
    if not isinstance(node, dict):
        return node
    if node.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    kept = {
        key: {name: reduced(each) for name, each in value.items()}
        if key == "properties"
        else reduced(value)
        for key, value in node.items()
        if key not in ("description", "default", "format") and not key.startswith("x-")
    }
    if "(?i)" in str(kept.get("pattern")):
        del kept["pattern"]  # Go's way of writing it, which Python does not take there.
    if "properties" in kept:
        kept["additionalProperties"] = False
    return kept


def main() -> None:
    """Write a schema for each definition that is named on the command line."""
    for path in sys.argv[1:]:
        definition = yaml.safe_load(Path(path).read_text("utf-8"))["spec"]
        version = next(each for each in definition["versions"] if each["served"])
        schema = reduced(version["schema"]["openAPIV3Schema"])
        # What the API server has checked before: every object has them.
        schema["properties"]["metadata"] = {"type": "object"}
        schema["properties"].pop("status", None)
        schema["$comment"] = f"{definition['group']}/{version['name']}"
        kind = definition["names"]["kind"].lower()
        (HERE / f"{kind}.json").write_text(json.dumps(schema, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
