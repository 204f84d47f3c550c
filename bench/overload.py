"""Four times the requests that Skerry can answer, for a while: what it does, and after that."""

from __future__ import annotations

import json
import os
import statistics
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.contenders import SKERRY, Served, served
from bench.load import figures_of, generate
from bench.models import BenchModel
from bench.report import Claim, Report, ratio
from skerry.cli.load_generator import Plan, quantile

ROWS = (1, 10, 100)
_TIMES = 4
_CLIENTS, _CONNECTIONS = 16, 1024
_SATURATION_S = 3.0
_RECOVERY_S = 1.0


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
    """Measure, and add the section and its claims."""
    columns = [_overload(report, model, n_rows, seconds, directory) for n_rows in ROWS]
    report.add(
        "Overload",
        f"Skerry alone, {model.title}: {_TIMES} times saturation for {seconds:g} s at even"
        f" intervals.\nSaturation is what {_CLIENTS} clients got."
        " The latency of a success counts from when it was due, that of a 429 from when it was"
        " sent: what is due waits in the caller while none of its connections is free.",
        [(name, *(column[name] for column in columns)) for name in columns[0]],
    )


def _overload(
    report: Report, model: BenchModel, n_rows: int, seconds: float, directory: Path
) -> dict[str, str]:
    """Return what was found with requests of that many rows, and add the claim."""
    with served(SKERRY, model, directory) as up:
        each = _of_rows(up, model, n_rows)
        memory = _Memory(up.pid)
        saturation = statistics.median(_per_s(each) for _ in range(3))
        memory.look()
        plan = Plan(_CONNECTIONS, seconds, rate=_TIMES * saturation)
        counts = generate(each, "batch", plan, on_look=memory.look)
        after = _per_s(each, _RECOVERY_S)
    refused_s = sorted(counts.refused_s)
    n_other = counts.n_answers - len(refused_s) - len(counts.good_s) + counts.failures.total()
    goodput = figures_of(counts).per_s / saturation
    megabytes = [round(each / 2**20) for each in memory.looks_bytes]
    text = f"overload, {n_rows} rows a request: "
    late_ms = quantile(refused_s, 0.99) * 1e3
    report.claims += [
        Claim.at_least(f"{text}goodput / saturation", goodput, 0.9),
        Claim.at_most(f"{text}p99 of a 429, ms after it was sent", late_ms, 50),
        Claim.at_most(f"{text}memory at most / before", max(megabytes) / megabytes[0], 1.5),
        Claim.at_least(f"{text}the second after it / saturation", after / saturation, 0.9),
    ]
    return {
        "rows a request": str(n_rows),
        "saturation, requests/s": f"{saturation:,.0f}",
        "goodput / saturation": ratio(goodput),
        "answered 429": f"{len(refused_s) / max(1, counts.n_answers):.0%}",
        "429 with Retry-After": f"{counts.retry_after_s.total()} of {len(refused_s)}",
        "seconds in Retry-After": ", ".join(map(str, sorted(counts.retry_after_s))) or "none",
        "a 429 after it was sent, p50 and p99": _latencies(refused_s),
        "latency of a success, p50 and p99": _latencies(counts.good_s),
        "other answers, and none": str(n_other),
        "due, but never sent": str(counts.unsent),
        "memory before, and at most": f"{megabytes[0]} MiB, {max(megabytes)} MiB",
        "the second after it: requests/s / saturation": ratio(after / saturation),
    }


def _of_rows(up: Served, model: BenchModel, n_rows: int) -> Served:
    parts = [model.batch[i : i + n_rows] for i in range(0, len(model.batch), n_rows)]
    bodies = [json.dumps({"features": part}).encode() for part in parts]
    return replace(up, bodies={"batch": bodies})


def _per_s(each: Served, seconds: float = _SATURATION_S) -> float:
    return figures_of(generate(each, "batch", Plan(_CLIENTS, seconds))).per_s


def _latencies(ascending: list[float]) -> str:
    found = (f"{quantile(ascending, share) * 1e3:.1f} ms" for share in (0.5, 0.99))
    return ", ".join(found) if ascending else "none"
