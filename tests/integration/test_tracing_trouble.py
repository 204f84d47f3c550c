"""A receiver that is away: requests do not notice, the log hardly does, and the end is in time."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.integration.models import IRIS_ROW, iris_repository
from tests.integration.otlp import hanging_receiver, refusing_receiver
from tests.integration.server import RunningServer, serve

IRIS = {"features": IRIS_ROW}
TIMEOUT_S = 1.0
LATE_S = 10.0
"""Beyond the timeout; only a server that hangs takes so long."""
N_REQUESTS = 300


@contextmanager
def dead() -> Iterator[str]:
    """Give a URL where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    yield f"http://127.0.0.1:{port}"


@contextmanager
def unresolvable() -> Iterator[str]:
    yield "http://no-such-host.invalid:4318"


@contextmanager
def refusing() -> Iterator[str]:
    with refusing_receiver(503) as refuser:
        yield refuser.url


def warnings_of(server: RunningServer) -> list[dict[str, object]]:
    return [record for record in server.log() if record["level"] in ("warning", "error")]


@pytest.mark.parametrize(
    ("protocol", "receiver"),
    [
        ("http/protobuf", dead),
        ("http/protobuf", hanging_receiver),
        ("http/protobuf", refusing),
        ("http/protobuf", unresolvable),
        # To gRPC, the other two are as if nobody listened.
        ("grpc", dead),
        ("grpc", hanging_receiver),
    ],
)
def test_a_receiver_that_is_away_costs_one_warning_and_no_request(
    tmp_path: Path, protocol: str, receiver: Callable[[], AbstractContextManager[str]]
) -> None:
    with receiver() as url:
        env = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": url,
            "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
            "OTEL_EXPORTER_OTLP_TIMEOUT": str(TIMEOUT_S),
            "OTEL_BSP_SCHEDULE_DELAY": "20",
            "OTEL_BSP_MAX_QUEUE_SIZE": "100",
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "50",
        }
        with serve(iris_repository(tmp_path, "v1"), env=env) as server:
            for _ in range(N_REQUESTS):
                assert 200 == server.client.post("/api/v1/predict", json=IRIS).status_code
            server.wait_for(lambda: bool(warnings_of(server)))
            server.client.post("/api/v1/predict", json=IRIS)
            stopped_s = time.monotonic()
            assert 0 == server.stop()
            took_s = time.monotonic() - stopped_s

            [warning] = warnings_of(server)
            lost = [r["spans_lost"] for r in server.log() if "spans_lost" in r]
            strange = [line for line in server.output().splitlines() if not line.startswith("{")]

    assert took_s < TIMEOUT_S + LATE_S
    assert "tracing_trouble" == warning["event"]
    # Two spans a request, and what is still on its way when the process ends is not counted.
    assert sum(lost) > N_REQUESTS
    assert [] == strange


def test_a_second_signal_ends_the_wait_for_the_last_spans(tmp_path: Path) -> None:
    with hanging_receiver() as url:
        env = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_TIMEOUT": "60"}
        with serve(iris_repository(tmp_path, "v1"), env=env) as server:
            server.client.post("/api/v1/predict", json=IRIS)
            server.process.terminate()
            time.sleep(1)
            assert server.process.poll() is None
            server.process.terminate()
            assert 0 == server.process.wait(LATE_S)
            assert "stopped" == server.log()[-1]["event"]


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "expected http/protobuf or grpc"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "many", "must be a non-negative integer"),
    ],
)
def test_a_bad_value_stops_the_start_in_one_line(
    tmp_path: Path, variable: str, value: str, told: str
) -> None:
    env = {**os.environ, "OTEL_TRACES_EXPORTER": "otlp", "SKERRY_PORT": "0", variable: value}
    command = [sys.executable, "-m", "skerry", "serve", str(tmp_path)]
    run = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)

    assert (2, "", 1) == (run.returncode, run.stdout, run.stderr.count("\n"))
    assert run.stderr.startswith("skerry serve: ")
    assert variable in run.stderr
    assert told in run.stderr
