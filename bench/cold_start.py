"""From the start of the process to the first ready answer, beside the imports alone."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from compileall import compile_dir
from pathlib import Path

import skerry
from bench.contenders import SKERRY
from bench.cores import on_server_core
from bench.models import BenchModel
from bench.process import free_port, running
from bench.report import Claim, Report, ratio

_CODE = "import sklearn.ensemble, joblib, fastapi, uvicorn; joblib.load({file!r})"


def add_cold_start(report: Report, model: BenchModel, rounds: int, directory: Path) -> None:
    """Measure in turns, and add the section and its claim."""
    # The image has Skerry's bytecode; here, Python may have been told to write none.
    compile_dir(str(Path(skerry.__file__).parent), quiet=1)
    _ready_s(model, directory)  # files and bytecode come into the page cache
    pairs = [(_ready_s(model, directory), _imports_s(model)) for _ in range(rounds)]
    ready_s, imports_s = (statistics.median(each) for each in zip(*pairs, strict=True))
    report.claims.append(
        Claim.at_most("cold start to ready / imports and joblib.load", ready_s / imports_s, 1.2)
    )
    report.add(
        "Cold start",
        f"Seconds from the start of the process, {model.title}, medians of {rounds}."
        f' The second line is `python -c "{_CODE.format(file="model.joblib")}"`.',
        [
            ("process", "s", "ratio"),
            ("skerry serve, to 200 of /readyz", f"{ready_s:.2f}", ratio(ready_s / imports_s)),
            ("imports and joblib.load", f"{imports_s:.2f}", "1×"),
        ],
    )


def _ready_s(model: BenchModel, directory: Path) -> float:
    port = free_port()
    command, env = SKERRY.start(model, port)
    url = f"http://127.0.0.1:{port}{SKERRY.ready_path}"
    began_s = time.perf_counter()
    with running(command, url, log=directory / "cold.log", env=env, poll_s=0.005):
        return time.perf_counter() - began_s


def _imports_s(model: BenchModel) -> float:
    command = on_server_core([sys.executable, "-c", _CODE.format(file=str(model.file))])
    began_s = time.perf_counter()
    subprocess.run(command, check=True, env=dict(os.environ))
    return time.perf_counter() - began_s
