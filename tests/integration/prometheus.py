"""A real Prometheus on a free port that scrapes servers, for tests that need one.

Its configuration, data and log lie in the folder that it is given.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.integration.server import RunningServer

PROMETHEUS = shutil.which("prometheus")
PROMTOOL = shutil.which("promtool")
START_TIMEOUT_S = 60

needs_prometheus = pytest.mark.skipif(
    PROMETHEUS is None, reason="needs prometheus (Debian: apt install prometheus)"
)
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="needs promtool (Debian: apt install prometheus)"
)


@contextmanager
def prometheus(
    directory: Path,
    *servers: RunningServer,
    labels: Mapping[str, str] | None = None,
    rules: Path | None = None,
) -> Iterator[str]:
    """Run a Prometheus that scrapes these servers every half second; give its URL once it answers.

    labels: given to every target. rules: a file that it evaluates every second.
    """
    targets = [server.url.removeprefix("http://") for server in servers]
    static = {"targets": targets, "labels": dict(labels or {})}
    config: dict[str, Any] = {
        "global": {
            "scrape_interval": "500ms",
            "scrape_timeout": "500ms",
            "evaluation_interval": "1s",
        },
        "scrape_configs": [{"job_name": "skerry", "static_configs": [static]}],
    }
    if rules is not None:
        config["rule_files"] = [str(rules)]
    (directory / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    with (directory / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                str(PROMETHEUS),
                f"--config.file={directory / 'prometheus.yml'}",
                f"--storage.tsdb.path={directory / 'data'}",
                f"--web.listen-address={address}",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        _await_ready(process, f"http://{address}", directory / "prometheus.log")
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(30)


def _await_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline_s and process.poll() is None:
        try:
            if httpx.get(f"{url}/-/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"Prometheus did not start:\n{log.read_text(encoding='utf-8')[-4000:]}")
