"""What ``skerry inspect`` found, as tables for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from skerry.cli.console import make_console, plain

_SHOWN_VALUES = 8
_DIGEST_CHARACTERS = len("sha256:") + 12


def show(data: dict[str, Any]) -> None:
    """Print one version, or a list of versions."""
    console = make_console()
    if "models" in data:
        _show_versions(console, [v for model in data["models"] for v in model["versions"]])
    elif "versions" in data:
        _show_versions(console, data["versions"])
    else:
        _show_version(console, data)


def _show_versions(console: Console, versions: Sequence[dict[str, Any]]) -> None:
    if not versions:
        console.print("no models")
        return
    is_server = "state" in versions[0]
    tracks = ("tracks",) if is_server else ()
    table = Table("model", "version", "state", *tracks, "task", "estimator", "size", "digest")
    for version in versions:
        artifact = version["artifact"] or {}
        cells = [
            *((", ".join(version["tracks"]),) if is_server else ()),
            version["task"],
            (version["estimator"] or "").rpartition(".")[2],
            _size(artifact["size_bytes"]) if artifact else "",
            (artifact.get("digest") or "")[:_DIGEST_CHARACTERS],
        ]
        names = (plain(version["model"]), plain(version["version"]))
        table.add_row(*names, _state(version), *map(plain, cells))
    console.print(table)
    for version in versions:
        name = f"{version['model']} {version['version']}"
        for sentence in (_reason(version), *version["warnings"]):
            if sentence:
                console.print(plain(f"{name}: {sentence}"))


def _show_version(console: Console, version: dict[str, Any]) -> None:
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold")
    facts.add_column(overflow="fold")
    for name, value in _facts(version):
        if value is not None and str(value):
            facts.add_row(name, value if isinstance(value, Text) else plain(value))
    console.print(facts)
    signature = version["signature"]
    if signature is None:
        return
    console.print(_features(signature["features"]))
    if len(signature["outputs"]) > 1:
        outputs = Table("output", "dtype", "classes")
        for output in signature["outputs"]:
            outputs.add_row(
                plain(output["name"]), plain(output["dtype"]), plain(_values(output["classes"]))
            )
        console.print(outputs)
    if version.get("plan"):
        console.print(_plan(version["plan"]))


def _facts(version: dict[str, Any]) -> list[tuple[str, Any]]:
    artifact = version["artifact"] or {}
    signature = version["signature"] or {"outputs": []}
    outputs = signature["outputs"]
    packages = version["packages"]
    memory_bytes = version.get("memory_bytes", version.get("load", {}).get("memory_bytes"))
    names = [name for name in (version["model"], version["version"]) if name]
    manifest = "with manifest" if artifact.get("has_manifest") else "without manifest"
    return [
        ("version", " ".join(names)),
        ("state", _state(version)),
        ("reason", _reason(version)),
        ("checked", ", ".join(version.get("checks", ()))),
        *(("warning", sentence) for sentence in version["warnings"]),
        ("tracks", ", ".join(version.get("tracks", ()))),
        ("task", version["task"]),
        ("estimator", version["estimator"]),
        ("classes", _values(outputs[0]["classes"]) if len(outputs) == 1 else None),
        ("file", artifact and f"{artifact['file']}, {_size(artifact['size_bytes'])}, {manifest}"),
        ("digest", artifact.get("digest")),
        ("memory", _size(memory_bytes) if memory_bytes else None),
        ("trained with", _packages(packages["trained"])),
        ("here" if "problem" in version else "served with", _packages(packages["serving"])),
        ("packaged", version.get("created_at")),
        ("samples", version.get("samples") or None),
    ]


def _features(features: Sequence[dict[str, Any]]) -> Table:
    table = Table("feature", "dtype", "missing", "categories", "range")
    for feature in features:
        bounds = feature["range"]
        shown = [
            feature["name"],
            feature["dtype"] if feature.get("used", True) else f"{feature['dtype']} (not used)",
            "allowed" if feature["nullable"] else "",
            _values(feature["categories"]),
            "" if bounds is None else f"{bounds[0]:g} … {bounds[1]:g}",
        ]
        table.add_row(*map(plain, shown))
    return table


def _plan(plan: dict[str, Any]) -> Table:
    """Return the executors that were tried: what each answers, its evidence, its microseconds."""
    sizes = sorted({int(n) for c in plan["candidates"] for n in c["duration_us"]})
    origin = "from the manifest" if plan["cached"] else "measured here"
    table = Table(
        "executor", "answers", "evidence", *(f"{n} rows" if n > 1 else "1 row" for n in sizes)
    )
    table.title = f"plan: {plan['parity']}, {origin}; microseconds a call"
    answers = {executor: _ranges(plan, executor) for executor in _executors(plan)}
    for candidate in plan["candidates"]:
        durations = candidate["duration_us"]
        shown = [_short(durations.get(str(n))) for n in sizes]
        executor = candidate["executor"]
        row = [executor, answers.get(executor, ""), _evidence(candidate), *shown]
        table.add_row(*map(plain, row))
    return table


def _executors(plan: dict[str, Any]) -> list[str]:
    return [each["executor"] for each in plan["ranges"]]


def _ranges(plan: dict[str, Any], executor: str) -> str:
    parts = []
    for each in plan["ranges"]:
        if each["executor"] == executor:
            low, high = each["min_rows"], each["max_rows"]
            parts.append(f"{low} and more" if high is None else f"{low} to {high}")
    return ", ".join(parts) + " rows"


def _evidence(candidate: dict[str, Any]) -> str:
    if not candidate["accepted"]:
        return f"refused: {candidate['reason']}"
    if not candidate["probe_rows"]:
        return "the reference"
    difference = candidate["max_relative_difference"]
    size = f"numbers within {difference:.1g}" if difference else "the same bits"
    return f"{candidate['probe_rows']} rows, the same labels, {size}"


def _short(duration_us: float | None) -> str:
    if duration_us is None:
        return ""
    return f"{duration_us:.1f}" if duration_us < 100 else f"{duration_us:,.0f}"


def _state(version: dict[str, Any]) -> Text:
    if "state" in version:
        styles = {"READY": "green", "FAILED": "bold red"}
        return Text(version["state"], style=styles.get(version["state"], "yellow"))
    if version["problem"] is not None:
        return Text("broken", style="bold red")
    return Text("sound", style="green") if version["checks"] else Text("not checked")


def _reason(version: dict[str, Any]) -> str | None:
    reason: str | None = version.get("problem", version.get("reason"))
    return reason


def _packages(packages: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in packages.items())


def _values(values: Sequence[Any] | None) -> str:
    if values is None:
        return ""
    rest = len(values) - _SHOWN_VALUES
    shown = ", ".join(str(value) for value in values[:_SHOWN_VALUES])
    return shown + (f" and {rest} more" if rest > 0 else "")


def _size(size_bytes: int) -> str:
    size = float(size_bytes)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
