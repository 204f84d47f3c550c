"""Requests that wait for one model are answered together, and nobody can tell by the answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest

from tests.integration.models import companions_repository, plugin_env
from tests.integration.server import RunningServer, serve

N = 200


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    directory = tmp_path_factory.mktemp("batching")
    with serve(
        companions_repository(directory),
        env={**plugin_env(directory), "SKERRY_EXECUTOR_THREADS": "1"},
    ) as running:
        yield running


def ask(server: RunningServer, model: str, values: Sequence[float]) -> list[httpx.Response]:
    """Ask one row a request, all of them at once."""

    async def run() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=64)
        async with httpx.AsyncClient(base_url=server.url, timeout=60, limits=limits) as client:
            path = f"/api/v1/models/{model}/predict"
            return await asyncio.gather(
                *(client.post(path, json={"features": [value]}) for value in values)
            )

    return asyncio.run(run())


def test_each_caller_gets_its_own_answer_and_a_bad_row_hurts_nobody(server: RunningServer) -> None:
    values = [float(i) for i in range(N)]

    answers = ask(server, "picky", values)

    assert [13] == [i for i, answer in enumerate(answers) if answer.status_code != 200]
    assert "value-out-of-range" in answers[13].json()["type"]
    good = [answer.json()["prediction"] for i, answer in enumerate(answers) if i != 13]
    assert [2 * value for value in values if value != 13] == good


def test_a_model_that_looks_at_all_rows_answers_each_request_alone(server: RunningServer) -> None:
    answers = ask(server, "centring", [float(i) for i in range(N)])

    assert {0.0} == {answer.json()["prediction"] for answer in answers}


def test_full_is_refused_at_once_and_later_taken_again(tmp_path: Path) -> None:
    env = {
        **plugin_env(tmp_path),
        "SKERRY_EXECUTOR_THREADS": "1",
        "SKERRY_MAX_QUEUE_ROWS": "4",
    }
    with serve(companions_repository(tmp_path), env=env) as server:
        answers = ask(server, "centring", [1.0] * N)

        refused = [answer for answer in answers if answer.status_code == 429]
        assert {200, 429} == {answer.status_code for answer in answers}
        assert {"1"} == {answer.headers["Retry-After"] for answer in refused}
        assert all(answer.json()["type"].endswith("queue-full") for answer in refused)
        assert all(answer.headers["X-Request-ID"] for answer in refused)
        time.sleep(0.05)
        assert [200] == [answer.status_code for answer in ask(server, "centring", [1.0])]
        logged = [line for line in server.log() if line.get("status") == 429]
        assert len(refused) == len(logged)
