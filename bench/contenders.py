"""What is measured side by side: how each is started, asked, and understood."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.models import BenchModel
from bench.process import free_port, running

Rows = Sequence[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to serve a model.

    start: command and environment for a model and a port.
    single, batch: path and JSON value for one row, and for several (None: it has no such route).
    labels: the predictions in an answer, for a check before anything is measured; None: it has no
    model to be right about.
    """

    name: str
    title: str
    start: Callable[[BenchModel, int], tuple[list[str], dict[str, str]]]
    ready_path: str
    single: Callable[[BenchModel, Sequence[Any]], tuple[str, Any]]
    batch: Callable[[BenchModel, Rows], tuple[str, Any]] | None = None
    labels: Callable[[Any], list[Any]] | None = None
    setup: str = ""


@dataclass(frozen=True, slots=True)
class Served:
    """A contender that is up, with the bytes that it is asked with."""

    contender: Contender
    port: int
    pid: int
    paths: dict[str, str] = field(default_factory=dict)
    bodies: dict[str, list[bytes]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The contender's name."""
        return self.contender.name


@contextmanager
def served(contender: Contender, model: BenchModel, directory: Path) -> Iterator[Served]:
    """Serve a model while the block runs."""
    port = free_port()
    command, env = contender.start(model, port)
    log = directory / f"{contender.name}-{model.name}.log"
    ready_url = f"http://127.0.0.1:{port}{contender.ready_path}"
    with running(command, ready_url, log=log, env=env) as process:
        asked = {"single": [contender.single(model, row) for row in model.single]}
        if contender.batch is not None:
            asked["batch"] = [contender.batch(model, model.batch)]
        yield Served(
            contender,
            port,
            process.pid,
            {kind: pairs[0][0] for kind, pairs in asked.items()},
            {kind: [json.dumps(v).encode() for _, v in pairs] for kind, pairs in asked.items()},
        )


def _uvicorn(module: str) -> Callable[[BenchModel, int], tuple[list[str], dict[str, str]]]:
    def start(model: BenchModel, port: int) -> tuple[list[str], dict[str, str]]:
        options = ["--loop", "uvloop", "--http", "httptools", "--no-access-log"]
        where = ["--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"]
        command = [sys.executable, "-m", "uvicorn", f"bench.services.{module}:app"]
        return [*command, *options, *where], {"MODEL_FILE": str(model.file)}

    return start


def _skerry(model: BenchModel, port: int) -> tuple[list[str], dict[str, str]]:
    command = [sys.executable, "-m", "skerry", "serve", str(model.repository)]
    return [*command, "--port", str(port), "--drain-delay-s", "0"], {}


def _features(prefix: str) -> tuple[Any, Any]:
    return (
        lambda _, row: (f"{prefix}/predict", {"features": list(row)}),
        lambda _, rows: (f"{prefix}/predict/batch", {"features": list(rows)}),
    )


def _labels(answer: Any) -> list[Any]:
    return list(answer["predictions"]) if "predictions" in answer else [answer["prediction"]]


_single, _batch = _features("")
_skerry_single, _skerry_batch = _features("/api/v1")

ASGI = Contender(
    "asgi",
    "(a) ASGI, no-op",
    _uvicorn("noop_asgi"),
    "/",
    _single,
    setup="uvicorn with uvloop and httptools, no access log",
)
FASTAPI = Contender(
    "fastapi",
    "(b) FastAPI, no-op",
    _uvicorn("noop_fastapi"),
    "/ready",
    _single,
    setup="Skerry's own Pydantic models, async endpoint, same uvicorn as (a)",
)
OBVIOUS = Contender(
    "obvious",
    "(c) FastAPI + scikit-learn",
    _uvicorn("obvious"),
    "/ready",
    _single,
    _batch,
    _labels,
    setup="joblib.load, def endpoint, predict and predict_proba, same uvicorn as (a)",
)
SKERRY = Contender(
    "skerry",
    "(d) Skerry",
    _skerry,
    "/readyz",
    _skerry_single,
    _skerry_batch,
    _labels,
    setup="skerry serve REPOSITORY, packaged model, default settings, one log line a request",
)
OWN = (ASGI, FASTAPI, OBVIOUS, SKERRY)
