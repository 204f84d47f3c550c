"""Starts a server on its core, waits until it answers, and ends it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from bench.cores import on_server_core

_START_S, _STOP_S = 120, 20


class NotStarted(Exception):
    """A server did not become ready; the message ends with what it wrote."""


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str],
    ready_url: str,
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    poll_s: float = 0.05,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command on the servers' core while the block runs; ready when the URL answers 200.

    Raises:
        NotStarted: it ended, or was not ready in time.
    """
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("SKERRY_")}
    with log.open("wb") as output:
        process = subprocess.Popen(
            on_server_core(list(command)),
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**inherited, **(env or {})},
            start_new_session=True,
        )
    try:
        _await_ready(process, ready_url, log, poll_s)
        yield process
    finally:
        _end(process)


@contextmanager
def paused(pids: Sequence[int]) -> Iterator[None]:
    """Stop servers, with what they started, while the block runs: also who idles wakes up."""
    stopped: list[psutil.Process] = []
    try:
        for pid in pids:
            server = psutil.Process(pid)
            for process in (server, *server.children(recursive=True)):
                stopped.append(process)
                process.suspend()
        yield
    finally:
        for process in stopped:
            with suppress(psutil.NoSuchProcess):
                process.resume()


def answers(url: str) -> bool:
    """Tell whether a URL answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own servers
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _await_ready(process: subprocess.Popen[bytes], url: str, log: Path, poll_s: float) -> None:
    deadline_s = time.monotonic() + _START_S
    while not answers(url):
        if process.poll() is not None or time.monotonic() > deadline_s:
            said = log.read_text(errors="replace").replace(f"{Path.cwd()}/", "")
            raise NotStarted(f"is not ready, and says: {said[-300:]}")
        time.sleep(poll_s)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and what it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_S)
            if number is signal.SIGTERM:
                continue
            return
