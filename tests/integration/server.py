"""A real ``skerry serve`` on a free port, for tests that need sockets, signals and files."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

START_TIMEOUT_S = 60
ADMIN_TOKEN = "admin-secret"
ADMIN = {"Authorization": f"Bearer {ADMIN_TOKEN}"}


class RunningServer:
    """One server process; its log is read from a file."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, log_file: Path) -> None:
        self.process = process
        self.url = url
        self.client = httpx.Client(base_url=url, timeout=30)
        self._log_file = log_file

    def log(self) -> list[dict[str, Any]]:
        """Return the log's records so far; lines are written some 25 ms late."""
        time.sleep(0.1)
        lines = self._log_file.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def output(self) -> str:
        """Return everything the process wrote."""
        return self._log_file.read_text(encoding="utf-8")

    def state(self, model: str, version: str) -> str:
        """Return a version's state, ``""`` while it is not known."""
        answer = self.client.get(f"/api/v1/models/{model}/versions/{version}")
        return str(answer.json()["state"]) if answer.status_code == 200 else ""

    def wait_for(self, condition: Callable[[], bool], timeout_s: float = 30) -> None:
        """Poll until the condition holds; fail with the log's end otherwise."""
        deadline_s = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline_s:
                raise AssertionError(f"not within {timeout_s} s; log:\n{self.output()[-4000:]}")
            time.sleep(0.02)

    def wait_for_state(self, model: str, version: str, state: str, timeout_s: float = 30) -> None:
        """Wait until a version is in the state."""
        self.wait_for(lambda: self.state(model, version) == state, timeout_s)

    def resident_bytes(self) -> int:
        """Return the process's resident memory."""
        statm = Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii")
        return int(statm.split()[1]) * os.sysconf("SC_PAGESIZE")

    def stop(self, timeout_s: float = 30) -> int:
        """Send SIGTERM and return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout_s)


@contextmanager
def serve(
    path: Path, *, wait_ready: bool = True, env: Mapping[str, str] | None = None
) -> Iterator[RunningServer]:
    """Run ``skerry serve PATH`` with quick timings, and end it afterwards.

    env: settings beside or in place of the quick ones.
    """
    settings = {
        "SKERRY_PORT": "0",
        "SKERRY_ADMIN_TOKEN": ADMIN_TOKEN,
        "SKERRY_POLL_INTERVAL_S": "1",
        "SKERRY_SETTLE_TIME_S": "0.3",
        "SKERRY_DRAIN_DELAY_S": "0",
        "SKERRY_LOG_FORMAT": "json",
        **(env or {}),
    }
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("SKERRY_")}
    with tempfile.TemporaryDirectory() as directory:
        log_file = Path(directory) / "log"
        with log_file.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "skerry", "serve", str(path)],
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**inherited, **settings},
            )
        try:
            server = RunningServer(process, _await_url(process, log_file), log_file)
            with server.client:
                server.wait_for(lambda: _status(server, "/livez") == 200, START_TIMEOUT_S)
                if wait_ready:
                    server.wait_for(lambda: _status(server, "/readyz") == 200, START_TIMEOUT_S)
                yield server
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()


def _await_url(process: subprocess.Popen[bytes], log_file: Path) -> str:
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline_s and process.poll() is None:
        for line in log_file.read_text(encoding="utf-8").splitlines():
            if "started" in line and (url := re.search(r"http://[^\s\"]+", line)):
                return url[0]
        time.sleep(0.02)
    raise AssertionError(f"the server did not start:\n{log_file.read_text(encoding='utf-8')}")


def _status(server: RunningServer, path: str) -> int:
    try:
        return server.client.get(path).status_code
    except httpx.TransportError:
        return 0
