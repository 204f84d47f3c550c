"""MLServer, BentoML and MLflow, each in one process on one core.

Batching sizes and times are one choice each, not the best of several: their effect depends on the
model and on the clients, so the page names them, and a ratio holds for these only.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.contenders import Contender, Rows
from bench.models import BenchModel
from bench.peers.environments import LOCKS, environment
from bench.process import free_port


def mlserver() -> Contender:
    """Return MLServer; adaptive batching, in one process: no workers to talk to."""
    home = environment("mlserver")

    def start(model: BenchModel, port: int) -> tuple[list[str], dict[str, str]]:
        folder = model.file.parent / "mlserver"
        folder.mkdir(exist_ok=True)
        settings = {"host": "127.0.0.1", "http_port": port, "grpc_port": free_port()}
        quiet = {"metrics_port": free_port(), "parallel_workers": 0, "debug": False}
        _write(folder / "settings.json", settings | quiet)
        _write(
            folder / "model-settings.json",
            {
                "name": "peer",
                "implementation": "mlserver_sklearn.SKLearnModel",
                "max_batch_size": 128,
                "max_batch_time": 0.002,
                "parameters": {"uri": str(model.file), "version": "v1"},
            },
        )
        return [str(home / "mlserver"), "start", str(folder)], _path(home)

    return Contender(
        "mlserver",
        "(e) MLServer",
        start,
        "/v2/models/peer/ready",
        lambda model, row: ("/v2/models/peer/infer", _v2(model, [row])),
        lambda model, rows: ("/v2/models/peer/infer", _v2(model, rows)),
        lambda answer: list(answer["outputs"][0]["data"]),
        f"{_versions('mlserver')}; parallel_workers 0, max_batch_size 128, max_batch_time 2 ms"
        " (not tuned), predict and predict_proba",
    )


def bentoml() -> Contender:
    """Return BentoML; adaptive batching, one worker, no access log."""
    home = environment("bentoml")

    def start(model: BenchModel, port: int) -> tuple[list[str], dict[str, str]]:
        where = ["--host", "127.0.0.1", "--port", str(port), "--working-dir", str(LOCKS)]
        command = [str(home / "bentoml"), "serve", "bentoml_service:Peer", *where]
        columns = ",".join(model.columns or [])
        env = {"MODEL_FILE": str(model.file), "MODEL_COLUMNS": columns, "PYTHONPATH": ""}
        return command, {**_path(home), **env, "BENTOML_DO_NOT_TRACK": "True"}

    return Contender(
        "bentoml",
        "(e) BentoML",
        start,
        "/readyz",
        lambda _, row: ("/predict", {"features": [list(row)]}),
        lambda _, rows: ("/predict", {"features": list(rows)}),
        lambda answer: [label for label, _ in answer],
        f"{_versions('bentoml')}; batchable=True, max_batch_size 4096,"
        " max_latency_ms 1000 (not tuned), one worker, no access log, predict and predict_proba",
    )


def mlflow() -> Contender:
    """Return MLflow with its own scoring server, which does not batch, and one worker."""
    home = environment("mlflow")

    def start(model: BenchModel, port: int) -> tuple[list[str], dict[str, str]]:
        folder = model.file.parent / "mlflow"
        if not folder.exists():
            save = [str(home / "python"), str(LOCKS / "save_mlflow.py")]
            subprocess.run(
                [*save, str(model.file), str(folder)],
                check=True,
                capture_output=True,
                env={**os.environ, **_path(home)},
            )
        where = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
        command = [str(home / "mlflow"), "models", "serve", "--model-uri", str(folder)]
        return [*command, *where, "--env-manager", "local"], _path(home)

    return Contender(
        "mlflow",
        "(e) MLflow",
        start,
        "/ping",
        lambda model, row: ("/invocations", _frame(model, [row])),
        lambda model, rows: ("/invocations", _frame(model, rows)),
        lambda answer: list(answer["predictions"]),
        f"{_versions('mlflow')}; models serve, local environment, one worker, its own"
        " scoring server; predict only, so half of the others' work",
    )


PEERS: dict[str, Callable[[], Contender]] = {
    "mlserver": mlserver,
    "bentoml": bentoml,
    "mlflow": mlflow,
}
"""Name to what makes a contender; NotInstalled where it can't be."""


def _versions(name: str) -> str:
    """Return the versions that the lock names."""
    wanted = (name, "scikit-learn", "numpy")
    pairs = (line.split()[0].split("==") for line in _lock(name) if "==" in line)
    found = {pair[0]: pair[1] for pair in pairs}
    return ", ".join(f"{each} {found[each]}" for each in wanted)


def _lock(name: str) -> list[str]:
    lines = (LOCKS / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line[:1].isalnum()]


def _path(home: Path) -> dict[str, str]:
    return {"PATH": f"{home}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": ""}


def _write(file: Path, value: object) -> None:
    file.write_text(json.dumps(value), encoding="utf-8")


def _frame(model: BenchModel, rows: Rows) -> dict[str, Any]:
    if model.columns is None:
        return {"inputs": [list(row) for row in rows]}
    return {"dataframe_split": {"columns": model.columns, "data": [list(row) for row in rows]}}


def _v2(model: BenchModel, rows: Rows) -> dict[str, Any]:
    outputs = [{"name": "predict"}, {"name": "predict_proba"}]
    if model.columns is None:
        flat = [value for row in rows for value in row]
        shape = [len(rows), len(rows[0])]
        tensor = {"name": "predict", "shape": shape, "datatype": "FP64", "data": flat}
        return {"inputs": [tensor], "outputs": outputs}
    columns = zip(model.columns, zip(*rows, strict=True), strict=True)
    inputs = [_column(name, list(values)) for name, values in columns]
    return {"parameters": {"content_type": "pd"}, "inputs": inputs, "outputs": outputs}


def _column(name: str, values: Sequence[Any]) -> dict[str, Any]:
    is_text = isinstance(values[0], str)
    column = {"name": name, "shape": [len(values), 1], "data": values}
    if is_text:
        return {**column, "datatype": "BYTES", "parameters": {"content_type": "str"}}
    return {**column, "datatype": "FP64"}
