"""Schemathesis on the protocol's own OpenAPI file: its schemas, not ours, judge the answers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance.v2_models import v2_repository
from tests.integration.server import serve

CONFIG = Path(__file__).with_name("schemathesis_v2.toml")
SPECIFICATION = Path(__file__).parents[3] / "shared/reference/open_inference_rest.yaml"
BUDGET_S = 40
SEED = 20261125


@pytest.mark.slow
@pytest.mark.skipif(
    not SPECIFICATION.exists(),
    reason="the protocol's OpenAPI file does not lie beside the repository",
)
def test_every_answer_is_as_the_protocol_has_it(tmp_path: Path) -> None:
    text = SPECIFICATION.read_text(encoding="utf-8")
    document = tmp_path / "open_inference_rest.yaml"
    document.write_text(text.replace("${", "{"), encoding="utf-8")  # no template of OpenAPI's
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run"]
    command += ["--max-time", str(BUDGET_S), "--seed", str(SEED), "--no-color"]
    with serve(v2_repository(tmp_path)) as server:
        run = subprocess.run(
            [*command, "--url", server.url, str(document)],
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
    print(f"{generated[1]} test cases; {len(requests)} requests in the log")
    assert not [r for r in requests if r["status"] >= 500]
    assert not [r for r in records if r["event"] == "exception"]
    assert {200, 400, 404} <= {r["status"] for r in requests}
