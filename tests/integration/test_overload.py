"""More is asked than can be answered: some wait, some are refused at once, and nothing is lost."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import httpx
import uvloop

from skerry.cli.bench import post
from skerry.cli.load_generator import Counts, LoadGenerator, Plan, Target
from tests.integration.models import (
    IRIS_ROW,
    SLOW_ROW,
    iris_repository,
    plugin_env,
    slow_repository,
)
from tests.integration.probe import summary, waiting_times
from tests.integration.server import RunningServer, serve

CALLERS = 60


def flood(server: RunningServer, row: list[float], plan: Plan) -> Counts:
    url = httpx.URL(server.url)
    body = json.dumps({"features": row}).encode()
    request = post("/api/v1/predict", body, {"Host": url.netloc.decode()})
    target = Target(url.host, url.port or 80, (request,))
    return uvloop.run(LoadGenerator(target, plan).run())


def test_answers_who_is_held_and_a_probe_does_not_wait_with_them(tmp_path: Path) -> None:
    repository = slow_repository(tmp_path, seconds=0.05)
    env = {
        **plugin_env(tmp_path),
        "SKERRY_EXECUTOR_THREADS": "1",
        "SKERRY_MAX_QUEUE_ROWS": "2",
    }
    with serve(repository, env=env) as server:
        with waiting_times(server.url) as times:
            counts = flood(server, SLOW_ROW, Plan(CALLERS, 1.0))
        metrics = server.client.get("/metrics").text.splitlines()
        logged = [line for line in server.log() if line.get("event") == "request"]

    print(f"/livez beside {CALLERS} callers: {summary(times)}")
    assert {} == dict(counts.failures)
    assert {200, 429} == set(counts.latencies_s)
    n_refused = len(counts.latencies_s[429])
    assert {1: n_refused} == dict(counts.retry_after_s)
    # Some are refused at once, most wait: nobody is told to come back a thousand times a second.
    assert n_refused < 10 * CALLERS
    assert max(times) < 0.5
    counted = [line for line in metrics if line.startswith("skerry_http_requests_total{")]
    refused = [float(line.split()[-1]) for line in counted if 'status="429"' in line]
    assert n_refused == sum(refused)
    predictions = [line for line in logged if line["route"] == "/api/v1/predict"]
    assert counts.n_answers == len(predictions)


def test_a_quick_model_answers_all_of_many_callers(tmp_path: Path) -> None:
    with serve(iris_repository(tmp_path, "v1")) as server:
        counts = flood(server, IRIS_ROW, Plan(400, 1.0))

    assert {} == dict(counts.failures)
    assert {200, 429} >= set(counts.latencies_s)
    assert counts.n_answers >= 400


def test_nobody_who_is_held_is_lost_at_shutdown(tmp_path: Path) -> None:
    repository = slow_repository(tmp_path, seconds=0.2)
    env = {
        **plugin_env(tmp_path),
        "SKERRY_EXECUTOR_THREADS": "1",
        "SKERRY_MAX_QUEUE_ROWS": "1",
        "SKERRY_DRAIN_DELAY_S": "0",
    }
    with serve(repository, env=env) as server:

        async def ask() -> list[httpx.Response]:
            limits = httpx.Limits(max_connections=CALLERS)
            async with httpx.AsyncClient(base_url=server.url, timeout=30, limits=limits) as client:
                calls = [
                    asyncio.ensure_future(
                        client.post("/api/v1/predict", json={"features": SLOW_ROW})
                    )
                    for _ in range(CALLERS)
                ]
                await asyncio.sleep(0.4)
                server.process.terminate()
                return await asyncio.gather(*calls)

        began_s = time.monotonic()
        answers = asyncio.run(ask())
        exit_code = server.stop()

    assert {200, 429} == {answer.status_code for answer in answers}
    assert 0 == exit_code
    assert time.monotonic() - began_s < 10


def test_the_time_that_a_request_was_held_counts(tmp_path: Path) -> None:
    repository = slow_repository(tmp_path, seconds=0.1)
    env = {
        **plugin_env(tmp_path),
        "SKERRY_EXECUTOR_THREADS": "1",
        "SKERRY_MAX_QUEUE_ROWS": "1",
    }
    with serve(repository, env=env) as server:
        flood(server, SLOW_ROW, Plan(CALLERS, 0.5))
        lines = [line for line in server.log() if line.get("status") == 200]

    waited_ms = [line["duration_ms"] for line in lines if line["route"] == "/api/v1/predict"]
    assert max(waited_ms) > 1000
