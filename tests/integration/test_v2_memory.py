"""A large binary request takes little more memory than its rows do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.integration.models import put, settle
from tests.integration.server import RunningServer, serve

N_ROWS, N_FEATURES = 100_000, 30
MOST = 4
MODELS: dict[str, Callable[[], Any]] = {
    "forest": lambda: RandomForestClassifier(20, random_state=0),
    "logistic": lambda: LogisticRegression(max_iter=1000),
    "scaled": lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
}


def peak_bytes(server: RunningServer) -> int:
    status = Path(f"/proc/{server.process.pid}/status").read_text(encoding="ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("name", MODELS)
def test_the_peak_of_a_large_request_is_bounded(tmp_path: Path, name: str) -> None:
    features, classes = make_classification(N_ROWS, N_FEATURES, n_informative=8, random_state=0)
    model = MODELS[name]().fit(features[:2000], classes[:2000])
    repository = tmp_path / "models"
    repository.mkdir()
    put(repository, name, "v1", model)
    settle(repository)
    env = {"SKERRY_MAX_BATCH_ROWS": str(N_ROWS), "SKERRY_MAX_BODY_BYTES": str(64 * 2**20)}

    with serve(repository, env=env) as server:
        ask(server, name, features[:1000])
        before = server.resident_bytes()
        # 5 sets the peak back to what is resident now. Source: proc_pid_clear_refs(5).
        Path(f"/proc/{server.process.pid}/clear_refs").write_text("5", encoding="ascii")
        size, labels = ask(server, name, features)
        grown = peak_bytes(server) - before

    print(f"{name}: the peak grew by {grown / size:.2f} bodies of {size / 2**20:.1f} MiB")
    assert (model.predict(features) == labels).all()
    assert grown <= MOST * size


def ask(server: RunningServer, model: str, rows: Any) -> tuple[int, Any]:
    """Return the body's size and the labels."""
    given = {
        "name": "input-0",
        "datatype": "FP64",
        "shape": list(rows.shape),
        "parameters": {"binary_data_size": rows.nbytes},
    }
    asked = {"inputs": [given], "parameters": {"binary_data_output": True}}
    text = json.dumps(asked).encode()
    body = text + rows.tobytes()
    answer = server.client.post(
        f"/v2/models/{model}/infer",
        content=body,
        headers={"Inference-Header-Content-Length": str(len(text))},
    )
    assert 200 == answer.status_code, answer.text[:1000]
    at = int(answer.headers["inference-header-content-length"])
    return len(body), np.frombuffer(answer.content, dtype="<i8", offset=at, count=len(rows))
