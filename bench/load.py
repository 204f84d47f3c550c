"""The two kinds of load: wrk in a closed loop, and Skerry's own generator at a fixed rate."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import uvloop

from bench.contenders import Served
from skerry.cli.bench import post
from skerry.cli.load_generator import Counts, LoadGenerator, Plan, Target, quantile

_LONGEST_S = 20
_SCRIPT = Path(__file__).with_name("wrk.lua")


class AnswersFailed(Exception):
    """Some requests got no answer 2xx, so the figures would be of something else."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What one measurement gave: requests a second, and latencies.

    late_p99_ms: by which the load itself was late, in an open loop.
    """

    per_s: float
    p50_ms: float
    p99_ms: float
    late_p99_ms: float = 0.0


def need_wrk() -> str:
    """Return the path of wrk, or end with a sentence that says how to get it."""
    return shutil.which("wrk") or sys.exit(
        "make bench needs wrk (https://github.com/wg/wrk), which is not here: apt-get install wrk"
    )


def closed(served: Served, kind: str, clients: int, seconds: float) -> Figures:
    """Ask without a pause over that many connections.

    Raises:
        AnswersFailed: an answer was no success, or did not come.
    """
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as file:
        file.write(b"\n".join(served.bodies[kind]))
        file.flush()
        url = f"http://127.0.0.1:{served.port}{served.paths[kind]}"
        options = ["--threads", "1", "--connections", str(clients), "--timeout", "20s"]
        duration = ["--duration", f"{max(1, round(seconds))}s", "--script", str(_SCRIPT)]
        run = subprocess.run(
            [need_wrk(), *options, *duration, url, "--", file.name],
            check=True,
            capture_output=True,
            text=True,
        )
    found = json.loads(run.stdout.strip().splitlines()[-1])
    if not found["requests"] and seconds < _LONGEST_S:  # all clients still wait for their first
        return closed(served, kind, clients, seconds * 5)
    if found["errors"] or not found["requests"]:
        raise AnswersFailed(f"{served.name}, {kind}, {clients} clients: {found}")
    per_s = found["requests"] / found["duration_us"] * 1e6
    return Figures(per_s, found["p50_us"] / 1e3, found["p99_us"] / 1e3)


def target_of(served: Served, kind: str) -> Target:
    """Return what Skerry's own generator takes."""
    fields = {"Host": f"127.0.0.1:{served.port}"}
    requests = tuple(post(served.paths[kind], body, fields) for body in served.bodies[kind])
    return Target("127.0.0.1", served.port, requests)


def generate(
    served: Served, kind: str, plan: Plan, *, on_look: Callable[[float], None] | None = None
) -> Counts:
    """Run a plan of Skerry's own generator."""
    return uvloop.run(LoadGenerator(target_of(served, kind), plan, on_look=on_look).run())


def generate_all(plans: Sequence[tuple[Target, Plan]]) -> list[Counts]:
    """Run several plans at the same time."""

    async def run() -> list[Counts]:
        return await asyncio.gather(*(LoadGenerator(*each).run() for each in plans))

    return uvloop.run(run())


def figures_of(counts: Counts) -> Figures:
    """Return the figures of the successes."""
    good_s, late_s = counts.good_s, sorted(counts.late_s)
    return Figures(
        len(good_s) / counts.elapsed_s,
        quantile(good_s, 0.5) * 1e3,
        quantile(good_s, 0.99) * 1e3,
        quantile(late_s, 0.99) * 1e3,
    )
