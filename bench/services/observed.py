"""Answers predictions without a network, and prints their CPU time: µs a request, all threads.

MODE: ``bare`` (nobody counts, logs or traces), ``off`` (metrics and log, no traces), or the part
of the requests that is traced, 0 to 1. The log goes to standard output, the figure to the other.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from types import SimpleNamespace
from typing import cast

from skerry import __version__
from skerry.app import Parts, build_immediate, build_parts
from skerry.controlplane.views import what_is_missing
from skerry.core.tracing_options import TracingOptions
from skerry.dataplane.threads import quiet_numpy
from skerry.http import immediate
from skerry.http.request_spans import Connection
from skerry.otel_settings import load_tracing_options
from skerry.settings import load_settings
from skerry.telemetry.logs import start_log
from skerry.telemetry.tracing import Tracing, start_tracing

_FLUSH_AFTER = 500
_WARM = 2000
_TARGET = b"/api/v1/predict"


def main(repository: str, body: str, mode: str, endpoint: str, n_requests: str) -> None:
    """Measure, and print the figure."""
    settings = load_settings({"models_dir": repository})
    log, writer = start_log("json", "info")
    tracing = None
    if mode not in ("bare", "off"):
        os.environ |= {
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
            "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
            "OTEL_TRACES_SAMPLER_ARG": mode,
        }
        tracing = start_tracing(load_tracing_options() or TracingOptions(), __version__, log)
    if mode == "bare":
        vars(immediate)["end_request"] = lambda *_: None
    quiet_numpy()
    parts = build_parts(settings, log, tracing)
    answers = build_immediate(settings, parts)
    lines = [
        (b"host", b"127.0.0.1:8080"),
        (b"user-agent", b"bench"),
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
    ]
    peers = SimpleNamespace(client=("127.0.0.1", 5), server=("127.0.0.1", 8080), scheme="http")
    connection = cast(Connection, peers)

    def ask(n: int) -> None:
        for number in range(n):
            assert answers.answer(_TARGET, lines, body.encode(), 0.5, connection)  # noqa: S101
            if tracing is not None and number % _FLUSH_AFTER == 0:
                # As fast as here, spans would be dropped, which costs less than to send them.
                tracing.provider.force_flush()

    asyncio.run(_run(parts, tracing, ask, int(n_requests)))
    writer.close()


async def _run(parts: Parts, tracing: Tracing | None, ask: object, n_requests: int) -> None:
    running = asyncio.create_task(parts.manager.run(60))
    catalog = parts.context.catalog
    while not catalog.started or what_is_missing(catalog, draining=False):  # noqa: ASYNC110 - once
        await asyncio.sleep(0.05)
    assert callable(ask)  # noqa: S101 - for the type checker
    ask(_WARM)
    started_s = time.process_time()
    ask(n_requests)
    if tracing is not None:
        tracing.provider.force_flush()
    await asyncio.sleep(0.1)  # The log is written.
    used_s = time.process_time() - started_s
    print(json.dumps(used_s / n_requests * 1e6), file=sys.stderr)
    running.cancel()


if __name__ == "__main__":
    main(*sys.argv[1:])
