"""``skerry demo``: one command to a served API, and Ctrl-C to its end."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

READY_TIMEOUT_S = 60


@contextmanager
def demo(temporary: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run ``skerry demo`` with its temporary files in a directory of ours."""
    temporary.mkdir(exist_ok=True)
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("SKERRY_")}
    with subprocess.Popen(
        [sys.executable, "-m", "skerry", "demo", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**inherited, "TMPDIR": str(temporary)},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def first_line(process: subprocess.Popen[str]) -> str:
    """Return what it says when it is ready."""
    assert process.stdout is not None
    return process.stdout.readline()


def test_serves_and_says_so_in_one_line(tmp_path: Path) -> None:
    with demo(tmp_path / "tmp", "--port", "0") as process:
        line = first_line(process)
        url = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert url is not None, line
        rows = [[5.1, 3.5, 1.4, 0.2], [6.2, 3.4, 5.4, 2.3]]

        one = httpx.post(f"{url[0]}/api/v1/predict", json={"features": rows[0]}).json()
        several = httpx.post(f"{url[0]}/api/v1/predict/batch", json={"features": rows}).json()
        models = httpx.get(f"{url[0]}/api/v1/models").json()["models"]

        started_s = time.monotonic()
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=30)
        stop_s = time.monotonic() - started_s

    assert one.keys() == {"prediction", "confidence", "model_version"}
    assert (one["prediction"], several["predictions"]) == (0, [0, 2])
    assert (several["batch_size"], len(several["confidences"])) == (2, 2)
    assert [v["version"] for v in models[0]["versions"]] == ["v2", "v1"]
    assert (rest, errors, process.returncode) == ("", "", 0)
    assert stop_s < 2
    assert os.listdir(tmp_path / "tmp") == []


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_curl_of_the_line_works_as_it_is(tmp_path: Path) -> None:
    with demo(tmp_path / "tmp", "--port", "0") as process:
        command = shlex.split(first_line(process).partition("Try: ")[2])
        answer = subprocess.run(command, capture_output=True, check=True, timeout=30)
        process.send_signal(signal.SIGINT)
        process.wait(30)

    assert json.loads(answer.stdout)["prediction"] == 0


def test_a_port_that_is_taken_is_one_line_before_any_training(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = str(listener.getsockname()[1])
        with demo(tmp_path / "tmp", "--port", port, "--dir", str(tmp_path / "models")) as process:
            output, errors = process.communicate(timeout=READY_TIMEOUT_S)

    assert (process.returncode, output) == (1, "")
    assert errors == (
        f"skerry: 127.0.0.1:{port} is taken: stop what listens there, or choose another --port\n"
    )
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("sign_of_life", ["skerry-demo-*", "skerry-demo-*/iris/v1"])
def test_ends_cleanly_before_it_is_ready(
    tmp_path: Path, number: signal.Signals, sign_of_life: str
) -> None:
    with demo(tmp_path / "tmp", "--port", "0") as process:
        deadline_s = time.monotonic() + READY_TIMEOUT_S
        while not list((tmp_path / "tmp").glob(sign_of_life)) and time.monotonic() < deadline_s:
            time.sleep(0.005)
        process.send_signal(number)
        output, errors = process.communicate(timeout=30)

    assert (process.returncode, output, errors) == (0, "", "")
    assert os.listdir(tmp_path / "tmp") == []


def test_a_directory_is_kept_and_served_again(tmp_path: Path) -> None:
    made: list[float] = []
    for _ in range(2):
        with demo(tmp_path / "tmp", "--port", "0", "--dir", str(tmp_path / "models")) as process:
            assert first_line(process).startswith("iris v1 and v2 answer at ")
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        manifest = tmp_path / "models" / "iris" / "v1" / "manifest.json"
        made.append(manifest.stat().st_mtime)

    assert made[0] == made[1]
