"""``skerry bench`` against a running server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from skerry.cli import skerry
from skerry.cli.demo import write_repository
from tests.integration.server import RunningServer, serve

API_TOKEN = "api-secret"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with the demo's models and a token."""
    repository = tmp_path_factory.mktemp("models")
    write_repository(repository)
    with serve(repository, env={"SKERRY_API_TOKEN": API_TOKEN}) as running:
        running.client.headers["Authorization"] = f"Bearer {API_TOKEN}"
        running.wait_for_state("iris", "v1", "READY")
        running.wait_for_state("iris", "v2", "READY")
        yield running


def bench(server: RunningServer, *arguments: str | Path, token: str = API_TOKEN) -> Result:
    return CliRunner(env={"SKERRY_API_TOKEN": token}).invoke(
        skerry, ["bench", server.url, "--seconds", "0.5", *map(str, arguments)]
    )


def bench_json(server: RunningServer, *arguments: str | Path) -> Any:
    result = bench(server, "--json", *arguments)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_every_request_of_a_closed_loop_is_answered(server: RunningServer) -> None:
    data = bench_json(server, "--clients", "4")

    assert (data["loop"], data["clients"], data["model_version"]) == ("closed", 4, "v2")
    assert list(data["statuses"]) == ["200"]
    assert data["statuses"]["200"] > 4
    assert (data["failures"], data["unsent"]) == ({}, 0)
    assert 0 < data["latency_ms"]["p50"] <= data["latency_ms"]["p99"] <= data["latency_ms"]["max"]


def test_an_open_loop_sends_at_its_rate(server: RunningServer) -> None:
    data = bench_json(server, "--rate", "100", "--model", "iris", "--version", "v1")

    assert (data["loop"], data["rate"], data["model_version"]) == ("open", 100, "v1")
    assert sum(data["statuses"].values()) + data["unsent"] == 50


def test_a_batch_counts_its_rows(server: RunningServer) -> None:
    data = bench_json(server, "--rows", "20", "--clients", "1")

    assert list(data["statuses"]) == ["200"]
    assert data["rows_per_s"] == pytest.approx(20 * data["requests_per_s"], rel=0.1)


def test_shows_a_table(server: RunningServer) -> None:
    result = bench(server)

    assert result.exit_code == 0
    for expected in ("default model v2: closed loop, 16 connections", "p99 ms", "200"):
        assert expected in result.stdout


def test_rows_may_come_from_a_file(server: RunningServer, tmp_path: Path) -> None:
    file = tmp_path / "flowers.csv"
    header = "petal_width,petal_length,sepal_width,sepal_length\n"
    file.write_text(header + "0.2,1.4,3.5,5.1\n" * 3, encoding="utf-8")

    assert list(bench_json(server, "--csv", file)["statuses"]) == ["200"]

    result = bench(server, "--csv", file, "--rows", "4")
    assert result.exit_code == 1
    assert result.stderr == "skerry: flowers.csv holds 3 rows, --rows is 4\n"


def test_a_refusal_is_told_and_nothing_is_measured(server: RunningServer) -> None:
    result = bench(server, "--model", "iris", "--version", "v9")

    assert result.exit_code == 1
    assert result.stderr.startswith("skerry: 404 version-not-found: ")
    assert result.stdout == ""


def test_nobody_there_is_exit_code_3() -> None:
    result = CliRunner().invoke(skerry, ["bench", "http://127.0.0.1:1"])

    assert result.exit_code == 3


def test_ctrl_c_shows_what_was_measured(server: RunningServer) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "skerry", "bench", server.url, "--json", "--seconds", "60"],
        env={**os.environ, "SKERRY_API_TOKEN": API_TOKEN},
        stdout=subprocess.PIPE,
        text=True,
    )
    answered = len(server.log())
    server.wait_for(lambda: len(server.log()) > answered + 100)
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)

    assert process.returncode == 130
    assert json.loads(output)["statuses"]["200"] > 0
