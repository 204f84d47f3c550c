"""Memory comes back: load, predict, unload, over and over."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.integration.models import estimators, iris_repository, plugin_env, put
from tests.integration.server import serve

CYCLES = 300
SETTLED_AFTER = 30
MODEL_BYTES = 20_000_000
# A leak of one model in a hundred cycles would be ten times this.
MAX_SLOPE_BYTES = 20_000


@pytest.mark.slow
def test_memory_stays_flat_over_load_predict_unload(tmp_path: Path) -> None:
    repository = iris_repository(tmp_path, "v1")
    module = estimators(tmp_path)
    ballast = module.Ballast(MODEL_BYTES).fit(np.zeros((2, 1)))
    put(tmp_path / "staged", "ballast", "v1", ballast)
    source = tmp_path / "staged" / "ballast" / "v1" / "model.joblib"
    env = {**plugin_env(tmp_path), "SKERRY_SETTLE_TIME_S": "0", "SKERRY_DEFAULT_MODEL": "iris"}
    resident: list[int] = []
    with serve(repository, env=env) as server:
        for _ in range(CYCLES):
            staging = repository / ".tmp-ballast"
            (staging / "v1").mkdir(parents=True)
            (staging / "v1" / "model.joblib").hardlink_to(source)
            staging.rename(repository / "ballast")
            server.wait_for_state("ballast", "v1", "READY")
            answer = server.client.post("/api/v1/models/ballast/predict", json={"features": [1.0]})
            assert answer.status_code == 200
            shutil.rmtree(repository / "ballast")
            server.wait_for(lambda: server.state("ballast", "v1") == "")
            resident.append(server.resident_bytes())

    settled = np.array(resident[SETTLED_AFTER:], dtype=np.float64)
    slope = float(np.polyfit(np.arange(len(settled)), settled, 1)[0])
    print(
        f"{CYCLES} cycles of a {MODEL_BYTES / 1e6:.0f} MB model:"
        f" {resident[0] / 1e6:.1f} MB after the first, {resident[-1] / 1e6:.1f} MB after the last,"
        f" slope {slope:.0f} bytes a cycle"
    )
    assert slope < MAX_SLOPE_BYTES
