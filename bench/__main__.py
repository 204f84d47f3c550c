"""``make bench``: measures Skerry beside others on this machine, and writes bench/RESULTS.md.

``make bench ONLY="single batch"`` measures these parts only, ``ARGS=--quick`` in short runs.
"""

from __future__ import annotations

import argparse
import functools
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.binary import add_binary
from bench.cold_start import add_cold_start
from bench.contenders import OWN, SKERRY, Contender
from bench.cores import pin_load
from bench.load import need_wrk
from bench.mixed import add_mixed
from bench.models import MODELS, fit
from bench.overload import add_overload
from bench.peers.contenders import PEERS
from bench.peers.environments import NotInstalled
from bench.report import PAGE, Report
from bench.shadow import add_shadow
from bench.steady import Steady, Timing, measure
from bench.steady_report import add_steady
from bench.tracing import add_tracing

STEADY = ("single", "batch", "open")
PARTS = (*STEADY, "binary", "overload", "mixed", "shadow", "tracing", "cold")
_BINARY_MODELS = ("forest300", "boosting", "logistic")

_QUICK_MODELS = ("forest100", "logistic")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="short runs, for a first look")
    parser.add_argument("--models", nargs="+", choices=list(MODELS))
    parser.add_argument("--peers", nargs="*", choices=list(PEERS), default=list(PEERS))
    parser.add_argument("--output", type=Path, default=PAGE)
    options = parser.parse_args(arguments)
    if wrong := set(options.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(wrong))}; there are {', '.join(PARTS)}")
    parts = options.parts or PARTS
    models = options.models or (_QUICK_MODELS if options.quick else list(MODELS))
    need_wrk()
    pin_load()
    report = Report()
    with tempfile.TemporaryDirectory(prefix="skerry-bench-") as directory:
        contenders = [*OWN]
        if set(parts) & set(STEADY):
            contenders += _peers(report, options.peers)
        _measure(report, parts, models, contenders, Path(directory), quick=options.quick)
    shown = "make bench" + (f' ONLY="{" ".join(options.parts)}"' if options.parts else "")
    page = report.page(shown + (" ARGS=--quick" if options.quick else ""))
    options.output.write_text(page, encoding="utf-8")
    print(page)


def _peers(report: Report, names: Sequence[str]) -> list[Contender]:
    """Return the peers that can be installed; the report says which can't."""
    peers: list[Contender] = []
    for name in names:
        try:
            peers.append(PEERS[name]())
        except NotInstalled as error:
            report.notes.append(str(error))
    return peers


def _measure(
    report: Report,
    parts: Sequence[str],
    models: Sequence[str],
    contenders: Sequence[Contender],
    directory: Path,
    *,
    quick: bool,
) -> None:
    """Measure the parts, and add what was found to the report."""
    fitted = functools.cache(lambda name: fit(name, directory))
    if set(parts) & set(STEADY):
        steady, timing = Steady(), Timing(1, 1) if quick else Timing(2, 3)
        for name in models:
            print(f"{name} …", flush=True)
            measure(steady, fitted(name), contenders, parts, timing, directory)
        add_steady(report, steady, contenders)
        report.setups |= {c.title: c.setup for c in contenders}
    report.setups[SKERRY.title] = SKERRY.setup
    if "binary" in parts:
        print("binary …", flush=True)
        add_binary(report, [*map(fitted, _BINARY_MODELS)], 20 if quick else 200, directory)
    if "overload" in parts:
        print("overload …", flush=True)
        add_overload(report, fitted("forest300"), 5 if quick else 30, directory)
    if "mixed" in parts:
        print("mixed …", flush=True)
        add_mixed(report, fitted("forest100"), 3 if quick else 10, directory)
    if "shadow" in parts:
        print("shadow …", flush=True)
        pairs, seconds = (3, 2) if quick else (20, 5)
        add_shadow(report, fitted("forest100"), pairs, seconds, directory)
    if "tracing" in parts:
        print("tracing …", flush=True)
        chunks, pairs, seconds = (10, 2, 1) if quick else (100, 20, 2)
        add_tracing(report, fitted("forest100"), chunks, pairs, seconds, directory)
    if "cold" in parts:
        print("cold …", flush=True)
        add_cold_start(report, fitted("forest300"), 2 if quick else 7, directory)


if __name__ == "__main__":
    main()
