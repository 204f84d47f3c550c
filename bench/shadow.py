"""The caller's latency with a shadow that is slow or raises, beside the same without a shadow."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
from sklearn.datasets import load_iris

from bench.contenders import SKERRY, Contender, Served, served
from bench.load import closed, generate
from bench.models import BenchModel
from bench.report import Claim, Report, ratio
from bench.services.slow import Shadow
from skerry.cli.load_generator import Plan, quantile

_HOWS = {
    "asleep": "sleeps for 2 s",
    "computing": "computes for 2 s without the interpreter",
    "raising": "raises",
}
_TOKEN = "bench"  # noqa: S105 - of a server that lives for a measurement
_BOUND = 1.10
_RATE, _CONNECTIONS, _CLIENTS = 500.0, 32, 16
_QUIET_S = 60
_SETTLED_S = 0.7

P99 = Callable[[Served, float], float]


def add_shadow(
    report: Report, model: BenchModel, pairs: int, seconds: float, directory: Path
) -> None:
    """Measure, and add the section and its claims."""
    repository = directory / "shadow"
    shutil.copytree(model.repository, repository, dirs_exist_ok=True)
    for how in _HOWS:
        _package(how, model.name, directory, repository)
    (repository / "traffic.yaml").write_text(
        json.dumps({"schema_version": 1, "models": {model.name: {"stable": "v1"}}})
    )
    loads: dict[str, P99] = {
        f"{_RATE:g} requests/s at even intervals": _even,
        f"{_CLIENTS} clients without a pause": _saturated,
    }
    rows = [["shadow", "load", "p99 without, ms", "p99 with, ms", "with / without", *_COUNTS]]
    with served(_changeable(), replace(model, repository=repository), directory) as up:
        asked = replace(up, bodies={"single": [_body(row) for row in model.single]})
        for how, title in _HOWS.items():
            for load, p99_ms in loads.items():
                found = [_pair(asked, model.name, how, p99_ms, seconds) for _ in range(pairs)]
                off, on = (statistics.median(each) for each in zip(*found, strict=True))
                share = statistics.median(b / a for a, b in found)
                counts = _report(asked, model.name)
                shown = [f"{off:.2f}", f"{on:.2f}", ratio(share)]
                rows.append([title, load, *shown, *(str(counts[key]) for key in _COUNTS)])
                text = f"a shadow that {title}, {load}: p99 / without a shadow"
                report.claims.append(Claim.at_most(text, share, _BOUND))
    report.add(
        "A shadow beside no shadow",
        f"Skerry alone, {model.title}: single rows, all of them mirrored."
        f" Medians of {pairs} pairs of {seconds:g} s each, with and without a shadow in turns, on"
        " one server; the ratio is the median of the pairs'. The counts are the shadow's at the end"
        " of each line, since it was first asked.",
        rows,
    )


_COUNTS = ("failed", "dropped")


def _pair(up: Served, model: str, how: str, p99_ms: P99, seconds: float) -> tuple[float, float]:
    """Return the p99 without and with the shadow, measured one after the other."""
    _put(up, model, {"stable": "v1"})
    _await_quiet(up, model, how)
    off = p99_ms(up, seconds)
    _put(up, model, {"stable": "v1", "shadow": {"version": how, "sample": 100}})
    return off, p99_ms(up, seconds)


def _even(up: Served, seconds: float) -> float:
    counts = generate(up, "single", Plan(_CONNECTIONS, seconds, rate=_RATE))
    return quantile(counts.good_s, 0.99) * 1e3


def _saturated(up: Served, seconds: float) -> float:
    return closed(up, "single", _CLIENTS, seconds).p99_ms


def _await_quiet(up: Served, model: str, version: str) -> None:
    """Wait for a call that began before the shadow was switched off."""
    ends_s = time.monotonic() + _QUIET_S
    path = f"/api/v1/models/{model}/versions/{version}"
    while _ask(up, path)["in_flight"] and time.monotonic() < ends_s:
        time.sleep(0.1)


def _report(up: Served, model: str) -> Mapping[str, Any]:
    return _ask(up, f"/api/v1/models/{model}/shadow")


def _put(up: Served, model: str, policy: Mapping[str, Any]) -> None:
    """Change the policy, and let the look at the volume that follows not count for either side."""
    _ask(up, f"/api/v1/models/{model}/traffic", policy)
    time.sleep(_SETTLED_S)


def _ask(up: Served, path: str, body: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{up.port}{path}",
        None if body is None else json.dumps(body).encode(),
        {"Authorization": f"Bearer {_TOKEN}", "Content-Type": "application/json"},
        method="GET" if body is None else "PUT",
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own server
        found: Mapping[str, Any] = json.load(answer)
        return found


def _body(row: Sequence[Any]) -> bytes:
    return json.dumps({"features": [42.0, *row[1:]]}).encode()


def _changeable() -> Contender:
    """Return Skerry with an admin token."""

    def start(model: BenchModel, port: int) -> tuple[list[str], dict[str, str]]:
        command, env = SKERRY.start(model, port)
        return command, {**env, "SKERRY_ADMIN_TOKEN": _TOKEN}

    return replace(SKERRY, name="skerry-shadow", start=start)


def _package(how: str, model: str, directory: Path, repository: Path) -> None:
    file = directory / f"{how}.joblib"
    joblib.dump(Shadow(how).fit(*load_iris(return_X_y=True)), file)
    arguments = ["--model", model, "--version", how, "--to", str(repository)]
    subprocess.run(
        [sys.executable, "-m", "skerry", "package", str(file), *arguments],
        check=True,
        capture_output=True,
    )
