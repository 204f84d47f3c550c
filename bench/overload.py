"""Four times the requests that Skerry can answer, for a while: what it does, and after that."""

from __future__ import annotations

import json
import os
import statistics
from array import array
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.contenders import SKERRY, Served, served
from bench.load import figures_of, generate
from bench.models import BenchModel
from bench.report import Claim, Report, ratio
from skerry.cli.load_generator import Plan, quantile

ROWS = 100
_TIMES = 4
_CLIENTS, _CONNECTIONS = 16, 1024
_SATURATION_S = 3.0


@dataclass(slots=True)
class _Memory:
    """Resident memory of a process, looked at while the load runs."""

    pid: int
    looks_bytes: list[int] = field(default_factory=list)

    def look(self, over_s: float = 0.0) -> None:
        """Note what the process holds now."""
        del over_s
        statm = Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii")
        self.looks_bytes.append(int(statm.split()[1]) * os.sysconf("SC_PAGESIZE"))


def add_overload(report: Report, model: BenchModel, seconds: float, directory: Path) -> None:
    """Measure, and add the section and its claim."""
    with served(SKERRY, model, directory) as up:
        each = _of_rows(up, model)
        memory = _Memory(up.pid)
        saturation = statistics.median(_per_s(each) for _ in range(3))
        memory.look()
        plan = Plan(_CONNECTIONS, seconds, rate=_TIMES * saturation)
        counts = generate(each, "batch", plan, on_look=memory.look)
        after = _per_s(each)
    refused_s = sorted(counts.latencies_s.get(429, array("d")))
    n_other = counts.n_answers - len(refused_s) - len(counts.good_s) + counts.failures.total()
    found = figures_of(counts)
    goodput = found.per_s / saturation
    megabytes = [round(each / 2**20) for each in memory.looks_bytes]
    seconds_named = sorted(counts.retry_after_s)
    report.claims.append(Claim.at_least("overload: goodput / saturation", goodput, 0.9))
    rows = [
        ("what", "found"),
        ("saturation, requests/s", f"{saturation:,.0f}"),
        ("goodput / saturation", ratio(goodput)),
        ("answered 429", f"{len(refused_s) / max(1, counts.n_answers):.0%}"),
        ("429 with Retry-After", f"{counts.retry_after_s.total()} of {len(refused_s)}"),
        ("seconds in Retry-After", ", ".join(map(str, seconds_named)) or "none"),
        ("latency of a 429, p50 and p99", _latencies(refused_s)),
        ("latency of a success, p50 and p99", _latencies(counts.good_s)),
        ("other answers, and none", str(n_other)),
        ("due, but never sent", str(counts.unsent)),
        ("memory before, and at most", f"{megabytes[0]} MiB, {max(megabytes)} MiB"),
        ("after it: requests/s / saturation", ratio(after / saturation)),
    ]
    report.add(
        "Overload",
        f"Skerry alone, {model.title}, {ROWS} rows a request: {_TIMES} times saturation"
        f" for {seconds:g} s at even intervals.\nSaturation is what {_CLIENTS} clients got."
        " Latency counts from when a request was due.",
        rows,
    )


def _of_rows(up: Served, model: BenchModel) -> Served:
    parts = [model.batch[i : i + ROWS] for i in range(0, len(model.batch), ROWS)]
    return replace(
        up, bodies={"batch": [json.dumps({"features": part}).encode() for part in parts]}
    )


def _per_s(each: Served) -> float:
    return figures_of(generate(each, "batch", Plan(_CLIENTS, _SATURATION_S))).per_s


def _latencies(ascending: list[float]) -> str:
    found = (f"{quantile(ascending, share) * 1e3:.1f} ms" for share in (0.5, 0.99))
    return ", ".join(found) if ascending else "none"
