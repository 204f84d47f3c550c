"""What watching costs: metrics, log and traces in CPU time; and receivers that are away."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from bench.contenders import SKERRY, Contender, Served, served
from bench.cores import on_server_core
from bench.load import closed
from bench.models import BenchModel
from bench.process import answers, free_port
from bench.report import Claim, Report, ratio

_CLIENTS = 16
_MODES = {
    "bare": "nothing",
    "off": "metrics and log",
    "0.01": "metrics, log, traces at 1 %",
    "1": "metrics, log, traces at 100 %",
}
_AT_ONE_PERCENT_US, _ALWAYS_US = 25.0, 350.0
_AWAY = {
    "dead": "nobody listens",
    "hanging": "accepts and never answers",
    "refusing": "answers 503",
}
_THROUGHPUT = 0.95
_WARM_S = 2.0


def add_tracing(
    report: Report, model: BenchModel, chunks: int, pairs: int, seconds: float, directory: Path
) -> None:
    """Measure, and add both sections and their claims."""
    _add_cost(report, model, chunks)
    _add_away(report, model, pairs, seconds, directory)


def _add_cost(report: Report, model: BenchModel, chunks: int) -> None:
    with _receiver("healthy") as endpoint:
        found = _cpu_us(model, endpoint, chunks)
    more = {mode: us - found["bare"] for mode, us in found.items()}
    rows = [["with", "CPU a request, µs", "more than with nothing, µs"]]
    for mode, title in _MODES.items():
        rows.append([title, f"{found[mode]:.1f}", f"{more[mode]:.1f}"])
    report.add(
        "What watching costs",
        f"{model.title}: single rows that are answered on the event loop, in one process without a"
        f" network. CPU time of all threads, the exporter's and the log's too; {chunks},000"
        " requests each, in turns of 1,000. The exporter sends to a receiver on another core. The"
        " metrics include those of drift.",
        rows,
    )
    for mode, bound in (("0.01", _AT_ONE_PERCENT_US), ("1", _ALWAYS_US)):
        report.claims.append(Claim.at_most(f"{_MODES[mode]}: CPU", more[mode], bound, " µs"))


def _cpu_us(model: BenchModel, endpoint: str, chunks: int) -> dict[str, float]:
    body = json.dumps({"features": list(model.single[0])})
    command = [sys.executable, "-m", "bench.services.observed", str(model.repository), body]
    run = subprocess.run(
        on_server_core([*command, endpoint, str(chunks)]),
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    found: dict[str, float] = json.loads(run.stderr.strip().splitlines()[-1])
    return found


def _add_away(
    report: Report, model: BenchModel, pairs: int, seconds: float, directory: Path
) -> None:
    rows = [["receiver", "requests/s, healthy", "requests/s, away", "away / healthy", *_AFTERWARDS]]
    with ExitStack() as stack:
        up = {how: stack.enter_context(_traced(how, model, directory)) for how in _ALL}
        started_s = time.monotonic()
        for each in up.values():
            closed(each, "single", _CLIENTS, _WARM_S)
        before = {how: _resident_mb(each.pid) for how, each in up.items()}
        for how, title in _AWAY.items():
            found = [
                tuple(closed(up[h], "single", _CLIENTS, seconds).per_s for h in ("healthy", how))
                for _ in range(pairs)
            ]
            healthy, away = (statistics.median(each) for each in zip(*found, strict=True))
            share = statistics.median(b / a for a, b in found)
            grown = _resident_mb(up[how].pid) - before[how]
            n_warnings = _warnings(directory / f"{up[how].name}-{model.name}.log")
            minutes = (time.monotonic() - started_s) / 60
            said = [f"{grown:.1f}", str(n_warnings), f"{minutes:.1f}"]
            rows.append([title, f"{healthy:,.0f}", f"{away:,.0f}", ratio(share), *said])
            text = f"a receiver that {title}: requests/s / with a healthy one"
            report.claims.append(Claim.at_least(text, share, _THROUGHPUT))
            text = f"a receiver that {title}: warnings a minute"
            report.claims.append(Claim.at_most(text, n_warnings / (int(minutes) + 1), 1))
    report.add(
        "Receivers of traces that are away",
        f"Skerry alone, {model.title}: single rows, {_CLIENTS} clients without a pause, every"
        f" request traced. Medians of {pairs} pairs of {seconds:g} s each, with a healthy receiver"
        " and with one that is away in turns, on two servers that share a core; the ratio is the"
        " median of the pairs'. Memory: resident, from after the first requests to the end.",
        rows,
    )


_ALL = ("healthy", *_AWAY)
_AFTERWARDS = ("memory grown, MiB", "warnings", "in minutes")


@contextmanager
def _traced(how: str, model: BenchModel, directory: Path) -> Iterator[Served]:
    with _receiver(how) as endpoint, served(_contender(how, endpoint), model, directory) as up:
        yield up


def _contender(how: str, endpoint: str) -> Contender:
    def start(model: BenchModel, port: int) -> tuple[list[str], dict[str, str]]:
        command, env = SKERRY.start(model, port)
        return command, {**env, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}

    return replace(SKERRY, name=f"skerry-{how}", start=start)


@contextmanager
def _receiver(how: str) -> Iterator[str]:
    """Run a receiver on the load's core; give its URL."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    if how == "dead":
        yield url
        return
    command = [sys.executable, "-m", "bench.services.otlp_receiver", how, str(port)]
    with subprocess.Popen(command) as process:
        try:
            while not answers(url):
                if process.poll() is not None:
                    raise RuntimeError(f"the receiver ended with {process.returncode}")
                time.sleep(0.05)
            yield url
        finally:
            process.terminate()


def _resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 2**20


def _warnings(log: Path) -> int:
    """Return how many warnings a server has logged; nothing here gives it cause for others."""
    with log.open("rb") as lines:
        return sum(b'"level":"warning"' in line for line in lines)
