"""Answers predictions without a network, and prints their CPU time: µs a request, all threads.

Four ways in turns, in one process: ``bare`` (nobody counts, logs or traces), ``off`` (metrics and
log, no traces), and with traces of 1 % and of all. The log goes to standard output, the figures,
as JSON, to the other.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import cast

from skerry import __version__
from skerry.app import build_immediate, build_parts
from skerry.controlplane.views import what_is_missing
from skerry.core.tracing_options import Sampling, TracingOptions
from skerry.dataplane.threads import quiet_numpy
from skerry.http import immediate
from skerry.http.context import RequestRecord, ServerContext
from skerry.http.immediate import ImmediateAnswers
from skerry.http.request_end import end_request
from skerry.http.request_spans import Connection
from skerry.otel_settings import load_tracing_options
from skerry.settings import load_settings
from skerry.telemetry.logs import EventLog, start_log
from skerry.telemetry.tracing import Tracing, start_tracing

RATIOS = {"bare": None, "off": None, "0.01": 0.01, "1": 1.0}
_CHUNK = 1000
_WARM_CHUNKS = 2
_TARGET = b"/api/v1/predict"
_LOG_WRITTEN_S = 0.03
# As fast as here, spans would be dropped, which costs less than to send them; so they are sent
# when there are about as many as a real server would send at once.
_SPANS_AT_ONCE = 1000


@dataclass(slots=True)
class Way:
    """One way to answer. flush_after: requests; used_s: CPU time of all that were measured."""

    answers: ImmediateAnswers
    tracing: Tracing | None
    end_request: Callable[[ServerContext, RequestRecord], None]
    flush_after: int
    asked: int = 0
    used_s: float = 0.0


def main(repository: str, body: str, endpoint: str, chunks: str) -> None:
    """Measure, and print the figures."""
    # The SDK's own thread would export in another way's time.
    os.environ |= {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_BSP_SCHEDULE_DELAY": "600000"}
    log, writer = start_log("json", "info")
    quiet_numpy()
    found = asyncio.run(_run(repository, body.encode(), log, int(chunks)))
    writer.close()
    print(json.dumps(found), file=sys.stderr)


async def _run(repository: str, body: bytes, log: EventLog, chunks: int) -> dict[str, float]:
    running: list[asyncio.Task[None]] = []
    ways = {mode: await _way(mode, repository, log, running) for mode in RATIOS}
    for number in range(_WARM_CHUNKS + chunks):
        for way in ways.values():
            vars(immediate)["end_request"] = way.end_request
            started_s = time.process_time()
            _ask(way, body)
            await asyncio.sleep(_LOG_WRITTEN_S)
            if number >= _WARM_CHUNKS:
                way.used_s += time.process_time() - started_s
    for way in ways.values():
        started_s = time.process_time()
        if way.tracing is not None:
            way.tracing.provider.force_flush()
        way.used_s += time.process_time() - started_s
    for task in running:
        task.cancel()
    return {mode: way.used_s / (chunks * _CHUNK) * 1e6 for mode, way in ways.items()}


async def _way(mode: str, repository: str, log: EventLog, running: list[asyncio.Task[None]]) -> Way:
    settings, ratio, tracing = load_settings({"models_dir": repository}), RATIOS[mode], None
    if ratio is not None:
        options = replace(load_tracing_options() or TracingOptions(), sampling=Sampling(ratio))
        tracing = start_tracing(options, __version__, log)
    parts = build_parts(settings, log, tracing)
    running.append(asyncio.create_task(parts.manager.run(3600)))
    catalog = parts.context.catalog
    while not catalog.started or what_is_missing(catalog, draining=False):  # noqa: ASYNC110 - once
        await asyncio.sleep(0.05)
    ending = _record_evidence if mode == "bare" else end_request
    flush_after = 0 if ratio is None else round(_SPANS_AT_ONCE / 2 / ratio)
    return Way(build_immediate(settings, parts), tracing, ending, flush_after)


_PEERS = SimpleNamespace(client=("127.0.0.1", 5), server=("127.0.0.1", 8080), scheme="http")


def _record_evidence(context: ServerContext, record: RequestRecord) -> None:
    """Do what neither metrics nor log are: the evidence for promotions is kept in any case."""
    context.evidence.record(
        record.model or "",
        record.version or "",
        record.track or "",
        task=record.task,
        rows=record.rows,
        status=record.status,
        duration_s=time.perf_counter() - record.started_s,
        predictions=record.predictions,
    )


def _ask(way: Way, body: bytes) -> None:
    connection = cast(Connection, _PEERS)
    lines = [
        (b"host", b"127.0.0.1:8080"),
        (b"user-agent", b"bench"),
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
    ]
    for _ in range(_CHUNK):
        assert way.answers.answer(_TARGET, lines, body, 0.5, connection)  # noqa: S101
        way.asked += 1
        if way.tracing is not None and way.asked % way.flush_after == 0:
            way.tracing.provider.force_flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
