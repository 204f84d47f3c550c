"""The chart as Helm renders it, for tests that need no cluster."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from helm.generate import CHART, MANIFESTS, ROOT, program

RELEASE = "iris"
NAMESPACE = "skerry"
# What any values need; a test adds what it is about.
SMALL: Mapping[str, Any] = {
    "model": {"name": "iris"},
    "versions": {"v1": {}, "v2": {}},
    "traffic": {"stable": "v1"},
    "source": {"existingClaim": "models"},
}
GATEWAY: Mapping[str, Any] = {
    **SMALL,
    "traffic": {"stable": "v1", "mode": "gateway", "gateway": {"parentRefs": [{"name": "skerry"}]}},
}
# The values that the chart's own folder, the plain manifests and the walkthrough ship.
VALUE_FILES = sorted(
    [*CHART.glob("ci/*.yaml"), MANIFESTS / "values.yaml", *ROOT.glob("k8s/values/*.yaml")]
)
# Files that are laid over another: skaffold.yaml does so in a profile.
OVERLAYS = {"dev-canary.yaml": "dev.yaml"}

needs_helm = pytest.mark.skipif(
    program("helm") is None, reason="helm is not on this machine; .ci/tools gets it"
)

Object = dict[str, Any]


def with_changes(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with changes laid over them; a map is merged, anything else replaced."""
    merged = dict(values)
    for key, value in changes.items():
        below = merged.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            merged[key] = with_changes(below, value)
        else:
            merged[key] = value
    return merged


def values_of(path: Path) -> dict[str, Any]:
    """Return the values in a file, with those that it is laid over."""
    values: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    below = OVERLAYS.get(path.name)
    return values if below is None else with_changes(values_of(path.with_name(below)), values)


def render(values: Mapping[str, Any], *options: str) -> list[Object]:
    """Return the objects that the chart makes of the values, those of ``helm test`` included."""
    return [yaml.safe_load(each) for each in documents(values, *options)]


def documents(values: Mapping[str, Any], *options: str) -> list[str]:
    """Return the rendered objects as text, byte for byte as Helm would send them."""
    done = _template(json.dumps(values), *options)
    assert done.returncode == 0, done.stderr
    parts = done.stdout.split("---\n# Source: ")
    return [text for part in parts[1:] if (text := part.partition("\n")[2]).strip()]


def refusal(values: Mapping[str, Any], *options: str) -> str:
    """Return what Helm says where the chart refuses the values."""
    done = _helm(CHART, json.dumps(values), *options)
    assert done.returncode != 0, "the chart took the values"
    return done.stderr


def notes(values: Mapping[str, Any]) -> str:
    """Return NOTES.txt as an installation would print it; Helm itself does so on a cluster only."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "skerry"
        shutil.copytree(CHART, copy)
        (copy / "templates" / "NOTES.txt").rename(copy / "files" / "notes.txt")
        template = 'notes: {{ tpl (.Files.Get "files/notes.txt") . | toJson }}\n'
        (copy / "templates" / "notes.yaml").write_text(template, encoding="utf-8")
        done = _helm(copy, json.dumps(values), "--show-only", "templates/notes.yaml")
        assert done.returncode == 0, done.stderr
        text: str = yaml.safe_load(done.stdout)["notes"]
        return text


@functools.cache
def _template(values: str, *options: str) -> subprocess.CompletedProcess[str]:
    return _helm(CHART, values, *options)


def _helm(chart: Path, values: str, *more: str) -> subprocess.CompletedProcess[str]:
    helm = program("helm")
    assert helm is not None
    return subprocess.run(
        [helm, "template", RELEASE, str(chart), "--namespace", NAMESPACE, "--values", "-", *more],
        input=values,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def of_kind(objects: list[Object], kind: str) -> list[Object]:
    """Return the objects of a kind, without those of ``helm test``."""
    return [each for each in objects if each["kind"] == kind and not is_hook(each)]


def only(objects: list[Object], kind: str) -> Object:
    """Return the one object of a kind."""
    found = of_kind(objects, kind)
    assert len(found) == 1, [each["metadata"]["name"] for each in found]
    return found[0]


def is_hook(each: Object) -> bool:
    """Tell whether an object belongs to ``helm test``."""
    return "helm.sh/hook" in (each["metadata"].get("annotations") or {})


def container_of(deployment: Object) -> Object:
    """Return the server's container."""
    container: Object = deployment["spec"]["template"]["spec"]["containers"][0]
    return container


def variables_of(deployment: Object) -> dict[str, Any]:
    """Return the variables of the server's container: a value, or where one comes from."""
    return {
        each["name"]: each.get("value", each.get("valueFrom"))
        for each in container_of(deployment)["env"]
    }


def key_of(each: Object) -> str:
    """Return an object's kind and name."""
    return f"{each['kind']}/{each['metadata']['name']}"
