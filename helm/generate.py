"""Writes what follows from the chart: its values' schema, its README and the plain manifests.

``python -m helm.generate`` writes all of it, ``python -m helm.generate schema`` a part. The tests
hold the files against what this would write.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
CHART = ROOT / "helm" / "skerry"
SCHEMA = CHART / "values.schema.json"
README = CHART / "README.md"
MANIFESTS = ROOT / "k8s" / "manifests"

# The newest that kubernetes-validate ships: what an older cluster lacks, its API server refuses.
_DEFINITIONS = "kubernetes-json-schema/v1.37.0-local-strict/_definitions.json"
_API = "io.k8s.api."
# Where `.ci/tools` and the cluster of the tests put programs that are not on the PATH.
_PROGRAMS = (ROOT / ".tools", Path.home() / ".cache" / "skerry-cluster" / "bin")
_HELM_LABELS = ("app.kubernetes.io/managed-by", "helm.sh/chart")
# It would be wrong as soon as somebody edits the policy.
_GENERATION = re.compile(r"  annotations:\n    #.*\n    skerry/generation: .*\n")


def program(name: str) -> str | None:
    """Return the path of a program, or None where this machine has none."""
    path = os.pathsep.join([os.environ.get("PATH", ""), *map(str, _PROGRAMS)])
    return shutil.which(name, path=path)


def run(name: str, *arguments: str) -> str:
    """Return what a program writes.

    Raises:
        SystemExit: it is not there, or it failed; the text says which.
    """
    path = program(name)
    if path is None:
        raise SystemExit(f"{name}: not found; .ci/tools gets it")
    done = subprocess.run(  # noqa: S603 - a program of our own choice
        [path, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode:
        raise SystemExit(f"{name} {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def schema() -> dict[Path, str]:
    """Return values.schema.json: our own definitions, and those of Kubernetes that they name."""
    source = yaml.safe_load((ROOT / "helm" / "values.schema.yaml").read_text("utf-8"))
    package = resources.files("kubernetes_validate")
    theirs = json.loads((package / _DEFINITIONS).read_text("utf-8"))["$defs"]
    named: set[str] = set()
    source = _closed(_referring(source, named))
    _require(source, yaml.safe_load((CHART / "values.yaml").read_text("utf-8")), source["$defs"])
    for name in sorted(_needed(named, theirs)):
        source["$defs"][name] = _without_descriptions(theirs[name])
    return {SCHEMA: json.dumps(source, indent=1) + "\n"}


def _referring(node: Any, named: set[str]) -> Any:
    """Return the schema with ``{k8s: NAME}`` as references, and add their names to ``named``."""
    if isinstance(node, list):
        return [_referring(each, named) for each in node]
    if not isinstance(node, dict):
        return node
    if "k8s" in node:
        named.add(_API + node["k8s"])
        return {"$ref": f"#/$defs/{_API}{node['k8s']}"}
    return {key: _referring(value, named) for key, value in node.items()}


def _closed(node: Any) -> Any:
    """Return the schema with objects that take no other keys than those listed."""
    if isinstance(node, list):
        return [_closed(each) for each in node]
    if not isinstance(node, dict):
        return node
    closed = {key: _closed(value) for key, value in node.items()}
    if isinstance(node.get("properties"), dict) and "additionalProperties" not in node:
        closed["additionalProperties"] = False
    return closed


# Null takes them away, and the objects that they would be in do without.
_OPTIONAL = {"labels", "resources", "podSecurityContext", "securityContext", "samplerArg"}


def _require(node: Any, defaults: Mapping[str, Any], definitions: Mapping[str, Any]) -> None:
    """Add ``required`` for the values that templates need, which are those with a default.

    Helm takes a value away that is set to null, and a template would fail where it looks for it.
    """
    for key, default in defaults.items():
        below = node["properties"][key]
        full = {**definitions.get(below.get("$ref", "").removeprefix("#/$defs/"), {}), **below}
        if default in (None, "", {}, []) or isinstance(default, list) or key in _OPTIONAL:
            continue
        if "null" in full.get("type", ()):
            continue
        if key not in node.setdefault("required", []):
            node["required"].append(key)
        if isinstance(default, dict):
            if "properties" not in below:
                below["required"] = []
                _require({**full, "required": below["required"]}, default, definitions)
            else:
                _require(below, default, definitions)


def _needed(names: set[str], definitions: Mapping[str, Any]) -> set[str]:
    """Return the names, and those that their definitions refer to, and so on."""
    needed: set[str] = set()
    waiting = set(names)
    while waiting:
        name = waiting.pop()
        needed.add(name)
        waiting |= {ref.removeprefix("#/$defs/") for ref in _refs(definitions[name])} - needed
    return needed


def _refs(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from _refs(value)
    elif isinstance(node, list):
        for each in node:
            yield from _refs(each)


def _without_descriptions(node: Any) -> Any:
    """Return the definition without its prose, and without null, which Helm takes for "unset"."""
    if isinstance(node, list):
        return [_without_descriptions(each) for each in node]
    if not isinstance(node, dict):
        return node
    kept = {
        key: _without_descriptions(value)
        for key, value in node.items()
        if not (key == "description" and isinstance(value, str)) and not key.startswith("x-")
    }
    kinds = kept.get("type")
    if isinstance(kinds, list):
        rest = [kind for kind in kinds if kind != "null"]
        kept["type"] = rest[0] if len(rest) == 1 else rest
    if kept.get("type") == "object" and not kept.keys() & {"properties", "additionalProperties"}:
        kept["additionalProperties"] = False  # The API server's own book-keeping.
    return kept


def readme() -> dict[Path, str]:
    """Return the chart's README, made from the comments in values.yaml by helm-docs."""
    order = "--sort-values-order=file"
    return {README: run("helm-docs", "--chart-search-root", "helm", order, "--dry-run")}


def manifests() -> dict[Path, str]:
    """Return the plain manifests: the chart with k8s/manifests/values.yaml, a file a kind."""
    rendered = run(
        "helm", "template", "iris", "helm/skerry", "--namespace", "skerry", "--no-hooks",
        "--values", str(MANIFESTS / "values.yaml"),
    )  # fmt: skip
    files: dict[Path, str] = {}
    for document in re.split(r"^---\n", rendered, flags=re.MULTILINE):
        kind = re.search(r"^kind: (\w+)$", document, re.MULTILINE)
        if kind is None:
            continue
        kept = [line for line in document.splitlines() if not _is_helms(line)]
        text = _GENERATION.sub("", "\n".join(kept).strip() + "\n")
        files[MANIFESTS / f"{kind[1].lower()}.yaml"] = text
    resources_list = "".join(f"  - {path.name}\n" for path in sorted(files))
    files[MANIFESTS / "kustomization.yaml"] = (
        "apiVersion: kustomize.config.k8s.io/v1beta1\n"
        "kind: Kustomization\n"
        f"namespace: skerry\nresources:\n{resources_list}"
    )
    return files


def _is_helms(line: str) -> bool:
    return line.startswith("# Source: ") or line.strip().startswith(_HELM_LABELS)


PARTS = {"schema": schema, "readme": readme, "manifests": manifests}


def main() -> None:
    """Write the parts that are named on the command line, or all of them."""
    for part in sys.argv[1:] or PARTS:
        for path, text in PARTS[part]().items():
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
