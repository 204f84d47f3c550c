"""A fast model alone, and beside one that takes a second a call, asleep or in Python code."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np

from bench.contenders import SKERRY, Contender, Served, served
from bench.load import generate_all, target_of
from bench.models import BenchModel
from bench.report import Claim, Report, ratio
from bench.services.slow import SlowRegressor
from skerry.cli.load_generator import Plan, quantile

_RATE, _CONNECTIONS, _SLOW_CLIENTS = 200.0, 32, 2
_SLOW = {"asleep": "releases the interpreter", "busy": "holds it in Python code"}


def add_mixed(report: Report, model: BenchModel, seconds: float, directory: Path) -> None:
    """Measure, and add the section and its claims."""
    repository = directory / "mixed"
    shutil.copytree(model.repository, repository, dirs_exist_ok=True)
    for name in _SLOW:
        _package(name, directory, repository)
    both = replace(model, repository=repository)
    with served(_default_is(model.name), both, directory) as up:
        alone_s, _ = _fast_s(up, None, seconds)
        beside = {name: _fast_s(up, name, seconds) for name in _SLOW}
    alone_ms = quantile(alone_s, 0.99) * 1e3
    rows = [["beside", "p50, ms", "p99, ms", "p99 / alone", "slow calls"]]
    rows.append(["nothing", f"{quantile(alone_s, 0.5) * 1e3:.2f}", f"{alone_ms:.2f}", "1×", "0"])
    for name, (fast_s, n_slow) in beside.items():
        p50_ms, p99_ms = (quantile(fast_s, share) * 1e3 for share in (0.5, 0.99))
        shares = [f"{p50_ms:.2f}", f"{p99_ms:.2f}", ratio(p99_ms / alone_ms), str(n_slow)]
        rows.append([f"a model that {_SLOW[name]}", *shares])
        text = f"beside a model of 1 s that {_SLOW[name]}: p99 of the fast one"
        if name == "asleep":
            report.claims.append(Claim.at_most(f"{text} / alone", p99_ms / alone_ms, 2))
        else:
            report.claims.append(Claim.at_most(text, p99_ms, 20, " ms"))
    report.add(
        "A fast model beside a slow one",
        f"Skerry alone, {model.title}: {_RATE:g} single rows a second at even intervals,"
        f" while {_SLOW_CLIENTS} clients ask a model that takes 1 s a call without a pause.",
        rows,
    )


def _default_is(model: str) -> Contender:
    """Return Skerry with several models, of which one is asked without a name."""

    def start(served_model: BenchModel, port: int) -> tuple[list[str], dict[str, str]]:
        command, env = SKERRY.start(served_model, port)
        return command, {**env, "SKERRY_DEFAULT_MODEL": model}

    return replace(SKERRY, name="skerry-mixed", start=start)


def _fast_s(up: Served, slow: str | None, seconds: float) -> tuple[list[float], int]:
    """Return latencies of the fast model's answers in ascending order, and the slow one's count."""
    fast = (target_of(up, "single"), Plan(_CONNECTIONS, seconds, rate=_RATE))
    if slow is None:
        (counts,) = generate_all([fast])
        return counts.good_s, 0
    asked = replace(
        up,
        paths={"slow": f"/api/v1/models/{slow}/predict"},
        bodies={"slow": [json.dumps({"features": [42.0]}).encode()]},
    )
    counts, slow_counts = generate_all(
        [fast, (target_of(asked, "slow"), Plan(_SLOW_CLIENTS, seconds))]
    )
    return counts.good_s, len(slow_counts.good_s)


def _package(name: str, directory: Path, repository: Path) -> None:
    file = directory / f"{name}.joblib"
    joblib.dump(SlowRegressor(busy=name == "busy").fit(np.zeros((2, 1))), file)
    arguments = ["--model", name, "--version", "v1", "--to", str(repository)]
    subprocess.run(
        [sys.executable, "-m", "skerry", "package", str(file), *arguments],
        check=True,
        capture_output=True,
    )
