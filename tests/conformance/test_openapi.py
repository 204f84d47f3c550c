"""Schemathesis on the OpenAPI document of a running server: every answer is a documented one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.models import iris_repository
from tests.integration.server import ADMIN_TOKEN, serve

CONFIG = Path(__file__).with_name("schemathesis.toml")
BUDGET_S = 60
SEED = 20261122


@pytest.mark.slow
def test_every_answer_is_documented(tmp_path: Path) -> None:
    """The admin token goes along, so that changes of traffic happen, too."""
    repository = iris_repository(tmp_path, "v1", "v2")
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run"]
    command += ["--max-time", str(BUDGET_S), "--seed", str(SEED), "--no-color"]
    command += ["--header", f"Authorization: Bearer {ADMIN_TOKEN}"]
    with serve(repository) as server:
        run = subprocess.run(
            [*command, f"{server.url}/openapi.json"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONUTF8": "1", "COLUMNS": "120"},
            capture_output=True,
            text=True,
            timeout=BUDGET_S * 4,
            check=False,
        )
        records = server.log()

    assert 0 == run.returncode, run.stdout[-8000:] + run.stderr[-2000:]
    generated = re.search(r"(\d+) generated", run.stdout)
    assert generated is not None
    requests = [r for r in records if r["event"] == "request"]
    reached = {(r["method"], r["route"]) for r in requests if r["status"] < 300}
    print(f"{generated[1]} test cases; answered with 2xx: {len(reached)} operations")
    failed = {(r["status"], r["error"]) for r in requests if r["status"] >= 500}
    assert failed <= {(504, "deadline-exceeded")}
    assert not [r for r in records if r["event"] == "exception"]
    assert {
        ("POST", "/api/v1/predict"),
        ("POST", "/api/v1/predict/batch"),
        ("PUT", "/api/v1/models/{model}/traffic"),
        ("POST", "/api/v1/models/{model}/rollback"),
        ("POST", "/api/v1/models/{model}/versions/{version}/activate"),
        ("POST", "/v2/models/{model}/infer"),
        ("POST", "/v2/repository/index"),
        ("POST", "/v2/repository/models/{model}/load"),
    } <= reached
