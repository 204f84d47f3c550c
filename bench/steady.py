"""One model after the other, served by all contenders at once: single rows, batches, open loop."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.contenders import Contender, Served, served
from bench.cores import on_server_core
from bench.load import AnswersFailed, Figures, closed, figures_of, generate
from bench.models import BenchModel
from bench.process import NotStarted, paused
from skerry.cli.load_generator import Plan

CLIENTS = (1, 16, 128)
OPEN_LOOP_CONNECTIONS = 64
_ROUSING_ASKS, _ROUSING_PAUSE_S = 20, 0.5


@dataclass(frozen=True, slots=True)
class Timing:
    """How long and how often. seconds: of one measurement; rounds: contenders take turns."""

    seconds: float
    rounds: int


@dataclass(slots=True)
class Steady:
    """What was found, by model and contender.

    single: also by clients. in_process_s: json.loads and predict_proba of the batch's bytes.
    """

    titles: dict[str, str] = field(default_factory=dict)
    single: dict[tuple[str, str, int], Figures] = field(default_factory=dict)
    batch: dict[tuple[str, str], Figures] = field(default_factory=dict)
    open: dict[tuple[str, str], Figures] = field(default_factory=dict)
    in_process_s: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def measure(
    steady: Steady,
    model: BenchModel,
    contenders: Sequence[Contender],
    parts: Sequence[str],
    timing: Timing,
    directory: Path,
) -> None:
    """Serve one model with everything at once, and measure the parts in turns."""
    steady.titles[model.name] = model.title
    with ExitStack() as stack:
        up: list[Served] = []
        for contender in contenders:
            try:
                candidate = stack.enter_context(served(contender, model, directory))
                check(candidate, model)
            except (NotStarted, AnswersFailed) as error:
                steady.notes.append(f"{contender.title} with {model.name}: {short(error)}")
            else:
                up.append(candidate)
        if "single" in parts or "open" in parts:
            for clients in CLIENTS if "single" in parts else (16,):
                found = in_turns(up, timing, steady, _closed("single", clients, timing))
                for name, figures in found.items():
                    steady.single[model.name, name, clients] = figures
        if "batch" in parts:
            _batches(steady, model, up, timing, directory)
        if "open" in parts:
            _open_loops(steady, model, up, timing)


def _batches(
    steady: Steady, model: BenchModel, up: Sequence[Served], timing: Timing, directory: Path
) -> None:
    able = [each for each in up if "batch" in each.bodies]
    alone_s: list[float] = []

    def run(each: Served) -> Figures:
        # Beside each measurement of Skerry's, so that a busy moment of the machine hits both.
        if each.name == "skerry":
            alone_s.append(in_process(model, each.bodies["batch"][0], timing.seconds, directory))
        return closed(each, "batch", 1, timing.seconds)

    for name, figures in in_turns(able, timing, steady, run).items():
        steady.batch[model.name, name] = figures
    if alone_s:
        steady.in_process_s[model.name] = statistics.median(alone_s)


def _open_loops(steady: Steady, model: BenchModel, up: Sequence[Served], timing: Timing) -> None:
    def run(each: Served) -> Figures:
        rate = steady.single[model.name, each.name, 16].per_s / 2
        counts = generate(
            each, "single", Plan(OPEN_LOOP_CONNECTIONS, max(2.0, timing.seconds), rate=rate)
        )
        return figures_of(counts)

    able = [each for each in up if (model.name, each.name, 16) in steady.single]
    for name, figures in in_turns(able, timing, steady, run).items():
        steady.open[model.name, name] = figures


def in_turns(
    up: Sequence[Served], timing: Timing, steady: Steady, run: Callable[[Served], Figures]
) -> dict[str, Figures]:
    """Measure each in turns and return the medians; one that fails is noted and left out.

    The others are stopped meanwhile.
    """
    found: dict[str, list[Figures]] = {}
    failed: set[str] = set()
    for _ in range(timing.rounds):
        for each in up:
            if each.name in failed:
                continue
            try:
                with paused([other.pid for other in up if other is not each]):
                    _rouse(each)
                    found.setdefault(each.name, []).append(run(each))
            except (AnswersFailed, subprocess.CalledProcessError) as error:
                failed.add(each.name)
                steady.notes.append(short(error))
    return {name: median(each) for name, each in found.items() if name not in failed}


def median(found: Sequence[Figures]) -> Figures:
    """Return the median of each figure."""
    return Figures(
        statistics.median(each.per_s for each in found),
        statistics.median(each.p50_ms for each in found),
        statistics.median(each.p99_ms for each in found),
        statistics.median(each.late_p99_ms for each in found),
    )


def check(each: Served, model: BenchModel) -> None:
    """Ask once, and hold the answer against scikit-learn's.

    Raises:
        AnswersFailed: it answers something else, or not at all.
    """
    kinds = {"single": model.single[:1], "batch": model.batch}
    for kind in each.bodies:
        data = _ask(each, kind)
        if each.contender.labels is None:
            continue
        expected = model.estimator.predict(model.to_input(kinds[kind])).tolist()
        got = each.contender.labels(data)
        if got != expected:
            raise AnswersFailed(f"{each.name}, {kind}: answers {got[:3]}, not {expected[:3]}")


def _rouse(each: Served) -> None:
    """Ask until it answers: who was stopped may refuse what comes first, as BentoML does.

    Raises:
        AnswersFailed: it goes on refusing.
    """
    for _ in range(_ROUSING_ASKS - 1):
        with suppress(AnswersFailed):
            _ask(each, "single")
            return
        time.sleep(_ROUSING_PAUSE_S)
    _ask(each, "single")


def _ask(each: Served, kind: str) -> Any:
    """Return what it answers to the first body of a kind.

    Raises:
        AnswersFailed: it answers with an error, or not at all.
    """
    request = urllib.request.Request(
        f"http://127.0.0.1:{each.port}{each.paths[kind]}",
        each.bodies[kind][0],
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - our own server
            return json.load(answer)
    except OSError as error:
        reason = error.read().decode()[:300] if hasattr(error, "read") else ""
        raise AnswersFailed(f"{each.name}, {kind}: {error} {reason}") from error


def in_process(model: BenchModel, body: bytes, seconds: float, directory: Path) -> float:
    """Return seconds of json.loads and predict_proba of a batch, on the servers' core."""
    file = directory / "batch.json"
    file.write_bytes(body)
    run = subprocess.run(
        on_server_core(
            [sys.executable, "-m", "bench.in_process", str(model.file), str(file), str(seconds)]
        ),
        check=True,
        capture_output=True,
        text=True,
    )
    return float(run.stdout)


def _closed(kind: str, clients: int, timing: Timing) -> Callable[[Served], Figures]:
    return lambda each: closed(each, kind, clients, timing.seconds)


def short(error: Exception) -> str:
    """Return an error in one line."""
    text = " ".join(str(error).split())
    return text if len(text) < 400 else f"{text[:200]} … {text[-200:]}"
