"""Tables and claims of what was found about single rows, batches and the open loop."""

from __future__ import annotations

from collections.abc import Sequence

from bench.contenders import Contender
from bench.report import Claim, Report, ratio
from bench.steady import CLIENTS, Steady

_NONE = "–"


def add_steady(report: Report, steady: Steady, contenders: Sequence[Contender]) -> None:
    """Add the sections that have figures, and the claims."""
    report.claims += claims(steady, contenders)
    if steady.single:
        _add_single(report, steady, contenders)
    if steady.batch:
        _add_batch(report, steady, contenders)
    if steady.open:
        _add_open(report, steady, contenders)
    report.notes += steady.notes


def claims(steady: Steady, contenders: Sequence[Contender]) -> list[Claim]:
    """Return what the tables are to answer."""
    forest = {c.name: steady.single.get(("forest100", c.name, 16)) for c in contenders}
    skerry, noop = forest.get("skerry"), forest.get("fastapi")
    peers = [f.per_s for name, f in forest.items() if f is not None and name in _PEERS]
    found = [
        Claim.at_least(
            "single row, forest of 100, 16 clients: Skerry / FastAPI no-op (aim: 1.3)",
            skerry.per_s / noop.per_s if skerry and noop else None,
            1.0,
        ),
        Claim.at_least(
            "single row, forest of 100, 16 clients: Skerry / best peer",
            skerry.per_s / max(peers) if skerry and peers else None,
            20,
        ),
    ]
    for name in steady.titles:
        if (name, "skerry") in steady.open:
            figures = steady.open[name, "skerry"]
            text = f"half saturation, {name}: p99 / p50"
            found.append(Claim.at_most(text, figures.p99_ms / figures.p50_ms, 3))
    for name, alone_s in steady.in_process_s.items():
        batch = steady.batch.get((name, "skerry"))
        share = batch.p50_ms / 1e3 / alone_s if batch else None
        text = f"batch of 1000, {name}: Skerry / json.loads + predict_proba"
        found.append(Claim.at_most(text, share, 0.6 if name == "logistic" else 1.0))
    return found


def _add_single(report: Report, steady: Steady, contenders: Sequence[Contender]) -> None:
    names = [c.title for c in contenders]
    rows: list[list[str]] = [["model", "clients", *names, "Skerry, requests/s"]]
    for model, title in steady.titles.items():
        for clients in CLIENTS:
            cells = [steady.single.get((model, c.name, clients)) for c in contenders]
            skerry = steady.single.get((model, "skerry", clients))
            if skerry is None:
                continue
            ratios = [_NONE if f is None else ratio(skerry.per_s / f.per_s) for f in cells]
            rows.append([title, str(clients), *ratios, f"{skerry.per_s:,.0f}"])
    report.add(
        "Single rows",
        "How many times as many requests Skerry answers as each contender, closed loop.",
        rows,
    )


def _add_batch(report: Report, steady: Steady, contenders: Sequence[Contender]) -> None:
    able = [c for c in contenders if c.batch is not None]
    rows = [["model", *(c.title for c in able), "json.loads + predict_proba", "Skerry, ms"]]
    for model, title in steady.titles.items():
        skerry = steady.batch.get((model, "skerry"))
        if skerry is None:
            continue
        cells = [steady.batch.get((model, c.name)) for c in able]
        ratios = [_NONE if f is None else ratio(skerry.p50_ms / f.p50_ms) for f in cells]
        alone = steady.in_process_s.get(model)
        ratios.append(_NONE if alone is None else ratio(skerry.p50_ms / 1e3 / alone))
        rows.append([title, *ratios, f"{skerry.p50_ms:.2f}"])
    report.add(
        "Batches of 1000 rows",
        "Skerry's median latency over that of each contender, one client;"
        " the last ratio is over a loop in one process without any server.",
        rows,
    )


def _add_open(report: Report, steady: Steady, contenders: Sequence[Contender]) -> None:
    columns = ["model", "contender", "requests/s", "p50, ms", "p99, ms", "p99 / p50"]
    rows = [[*columns, "sent late, p99, ms"]]
    for model, title in steady.titles.items():
        for contender in contenders:
            figures = steady.open.get((model, contender.name))
            if figures is not None:
                share = ratio(figures.p99_ms / figures.p50_ms)
                latencies = [f"{figures.p50_ms:.2f}", f"{figures.p99_ms:.2f}", share]
                late = f"{figures.late_p99_ms:.2f}"
                rows.append([title, contender.title, f"{figures.per_s:,.0f}", *latencies, late])
    report.add(
        "Latency at half of the saturation",
        "Open loop: each contender gets half of the requests a second that it answered to 16"
        " clients, at even intervals. Latency counts from when a request was due; from when it was"
        " sent, where the load itself was late, which the last column shows.",
        rows,
    )


_PEERS = frozenset({"mlserver", "bentoml", "mlflow"})
