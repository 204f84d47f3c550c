"""``skerry traffic watch``: once, as JSON, and live on a terminal while the server goes away."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from click.testing import CliRunner, Result

from skerry.cli import skerry
from skerry.cli.client import Client
from skerry.cli.evidence_source import ProcessEvidence
from skerry.cli.traffic_watch import Watch
from tests.unit.cli.fake_servers import FakePrometheus, FakeSkerry

NOW = datetime(2026, 11, 22, 21, 0, tzinfo=UTC)
SENTENCE = "canary v2: 1,204 requests, 0 errors, p99 1.1× of stable, class 2 +3.1 points"
SHADOW = {
    "model": "iris",
    "version": "v3",
    "sample": 100,
    "requests": 900,
    "agreed": 890,
    "disagreed": 10,
    "failed": 0,
    "dropped": 0,
}


def watch(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(skerry, ["traffic", "watch", url, *arguments])


def looks(server: FakeSkerry, sleeps: list[Callable[[], object]]) -> None:
    """Write JSON; each sleep does the next of these, and after the last comes Ctrl-C."""

    def sleep(seconds: float) -> None:
        assert seconds == 1
        if not sleeps:
            raise KeyboardInterrupt
        sleeps.pop(0)()

    with server.serving() as url, Client(url, token=None, timeout_s=10) as client:
        watching = Watch(client, "iris", ProcessEvidence(client, 300), sleep, lambda: NOW)
        with pytest.raises(KeyboardInterrupt):
            watching.write_json(1)


def test_prints_once_where_stdout_is_no_terminal() -> None:
    server = FakeSkerry(
        differences=[{"version": "v2", "state": "LOADING", "reason": "no traffic yet"}]
    )

    with server.serving() as url:
        result = watch(url, "--window-s", "60")

    assert result.exit_code == 0, result.stderr
    assert result.stderr == (
        f"evidence of one process only ({url}): --prometheus URL sums all pods\n"
    )
    lines = result.stdout.splitlines()
    assert lines[0].strip() == "iris: last 60 s, one process, generation generation-1"
    cells = [[c.strip() for c in line.split("│")[1:-1]] for line in lines if line[:1] == "│"]
    assert cells == [
        ["v1", "stable", "90%", "90.0%", "10,800", "180.0", "0", "0.40", "1.20", "0: 60%, 1: 40%"],
        ["v2", "canary", "10%", "10.0%", "1,204", "20.1", "0", "0.40", "1.20", "0: 61%, 1: 39%"],
    ]
    assert lines[-2:] == [SENTENCE, "v2 (LOADING): no traffic yet"]


def test_json_is_a_line_a_look(capsys: pytest.CaptureFixture[str]) -> None:
    server = FakeSkerry()

    looks(
        server,
        [
            server.bump,
            lambda: setattr(server, "is_away", True),
            lambda: setattr(server, "is_away", False),
        ],
    )

    lines: list[dict[str, Any]] = [
        json.loads(line) for line in capsys.readouterr().out.split("\n")[:-1]
    ]
    assert [list(line) for line in lines] == [
        ["time", "model", "traffic", "evidence", "sentences"],
        ["time", "model", "traffic", "evidence", "sentences"],
        ["time", "model", "trouble"],
        ["time", "model", "traffic", "evidence", "sentences"],
    ]
    assert (lines[0]["time"], lines[0]["model"]) == ("2026-11-22T21:00:00.000Z", "iris")
    assert lines[0]["sentences"] == [SENTENCE]
    assert lines[1]["traffic"] == server.view()
    assert lines[1]["evidence"]["generation"] == "generation-2"
    assert lines[1]["evidence"]["comparisons"]["v2"]["p99_ratio"] == 1.1
    assert "answered 502" in lines[2]["trouble"]


def test_the_shadow_is_asked_for_where_there_is_one() -> None:
    shadow = {"version": "v3", "sample": 100}
    server = FakeSkerry(declared={"stable": "v1", "shadow": shadow}, shadow=SHADOW)

    with server.serving() as url:
        result = watch(url, "--once", "--json")

    told = json.loads(result.stdout)
    assert told["sentences"] == [
        "shadow v3: 900 requests, 10 disagreed (1.1%), 0 failed, 0 dropped"
    ]


def test_prometheus_is_asked_in_place_of_the_process() -> None:
    server = FakeSkerry()
    requests = [({"version": "v2", "track": "canary", "status": "200"}, 7.0)]
    prometheus = FakePrometheus({"skerry_http_requests_total": [*requests]})

    with server.serving() as url, prometheus.serving() as prometheus_url:
        result = watch(url, "--prometheus", prometheus_url)

    assert (result.exit_code, result.stderr) == (0, "")
    assert "iris: last 300 s, all pods (Prometheus), generation generation-1" in result.stdout
    assert result.stdout.splitlines()[-1] == "canary v2: 7 requests, 0 errors"
    assert [asked for asked in server.asked if "evidence" in asked[1]] == []


def test_a_terminal_is_renewed_until_ctrl_c_and_survives_a_server_that_is_away() -> None:
    server = FakeSkerry()
    with server.serving() as url:
        terminal, stdout = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "skerry", "traffic", "watch", url, "--interval-s", "0.05"],
            stdout=stdout,
            stderr=subprocess.PIPE,
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"},
        )
        os.close(stdout)
        try:
            read_until(terminal, "1,204 requests")
            server.is_away = True
            read_until(
                terminal, r"answered 502 Bad Gateway[^│]*; the figures are from \d\d:\d\d:\d\d"
            )
            server.evidence["versions"][1]["requests"] = 1999
            server.is_away = False
            read_until(terminal, "1,999 requests")
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=30)
        finally:
            process.kill()
            process.wait()
            os.close(terminal)

    assert process.returncode == 130
    assert said.decode().splitlines()[0].startswith("evidence of one process only")
    assert "Traceback" not in said.decode()


def read_until(terminal: int, pattern: str) -> None:
    """Read what a terminal shows until it matches."""
    shown, deadline_s = "", time.monotonic() + 60
    while not re.search(pattern, re.sub(r"(?:\x1b\[[0-9;?]*[A-Za-z]|\s)+", " ", shown)):
        assert time.monotonic() < deadline_s, shown[-2000:]
        shown += os.read(terminal, 65536).decode(errors="replace")
