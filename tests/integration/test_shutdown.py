"""The end of the process: nothing that was asked is lost."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

import pytest

from tests.integration.load import Tally, load
from tests.integration.models import (
    IRIS_ROW,
    SLOW_ROW,
    iris_repository,
    plugin_env,
    slow_repository,
)
from tests.integration.server import RunningServer, serve

CLIENTS = 32
REQUEST = {"features": IRIS_ROW}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return iris_repository(tmp_path, "v1")


def _load_and_signal(
    server: RunningServer, *signals: signal.Signals, after_s: float = 1.0
) -> Tally:
    async def run() -> Tally:
        async def send() -> None:
            for number in signals:
                await asyncio.sleep(after_s)
                server.process.send_signal(number)

        sending = asyncio.create_task(send())
        tally = await load(
            server.url,
            "/api/v1/predict",
            REQUEST,
            clients=CLIENTS,
            go_on=lambda: server.process.poll() is None,
        )
        await sending
        return tally

    return asyncio.run(run())


@pytest.mark.parametrize("delay_s", ["0", "1"])
def test_sigterm_under_load_loses_nothing(repository: Path, delay_s: str) -> None:
    with serve(repository, env={"SKERRY_DRAIN_DELAY_S": delay_s}) as server:
        tally = _load_and_signal(server, signal.SIGTERM)

        exit_code = server.process.wait(20)

    assert [] == tally.lost
    assert {200} == {answer.status for answer in tally.answers}
    assert tally.refused == CLIENTS
    assert exit_code == 0


def test_says_not_ready_and_still_answers_while_draining(repository: Path) -> None:
    with serve(repository, env={"SKERRY_DRAIN_DELAY_S": "3"}) as server:
        server.process.send_signal(signal.SIGTERM)
        server.wait_for(lambda: server.client.get("/readyz").status_code == 503)

        answer = server.client.post("/api/v1/predict", json=REQUEST)
        alive = server.client.get("/livez")

        assert (200, "close") == (answer.status_code, answer.headers["connection"])
        assert alive.status_code == 200
        assert server.process.wait(20) == 0


@pytest.mark.parametrize(
    "signals", [(signal.SIGTERM, signal.SIGTERM), (signal.SIGINT,)], ids=["twice", "ctrl-c"]
)
def test_second_signal_or_ctrl_c_ends_at_once(
    repository: Path, signals: tuple[signal.Signals, ...]
) -> None:
    with serve(repository, env={"SKERRY_DRAIN_DELAY_S": "60"}) as server:
        tally = _load_and_signal(server, *signals, after_s=0.5)
        last_answer_s = time.monotonic()

        assert server.process.wait(20) == 0
        assert time.monotonic() - last_answer_s < 10
        assert [] == tally.lost


def test_a_request_in_flight_is_answered_before_the_end(tmp_path: Path) -> None:
    repository = slow_repository(tmp_path, seconds=1.5)
    with serve(repository, env=plugin_env(tmp_path)) as server:

        async def run() -> Tally:
            asked = [0]

            def once() -> bool:
                asked[0] += 1
                return asked[0] <= 2

            answering = asyncio.create_task(
                load(server.url, "/api/v1/predict", {"features": SLOW_ROW}, clients=1, go_on=once)
            )
            await asyncio.sleep(0.5)
            server.process.send_signal(signal.SIGTERM)
            return await answering

        tally = asyncio.run(run())

        assert ([], [200]) == (tally.lost, [answer.status for answer in tally.answers])
        assert server.process.wait(20) == 0


def test_a_prediction_that_does_not_end_holds_up_the_exit_no_longer_than_told(
    tmp_path: Path,
) -> None:
    repository = slow_repository(tmp_path, seconds=120)
    env = {**plugin_env(tmp_path), "SKERRY_SHUTDOWN_TIMEOUT_S": "1"}
    with serve(repository, env=env) as server:

        async def run() -> Tally:
            asked = load(
                server.url,
                "/api/v1/predict",
                {"features": SLOW_ROW},
                clients=1,
                go_on=lambda: server.process.poll() is None,
            )
            asking = asyncio.create_task(asked)
            await asyncio.sleep(0.5)
            server.process.send_signal(signal.SIGTERM)
            return await asking

        tally = asyncio.run(run())

        assert [] == tally.answers
        assert server.process.wait(20) == 0


@pytest.mark.parametrize(
    "signals", [(signal.SIGTERM, signal.SIGTERM), (signal.SIGINT,)], ids=["twice", "ctrl-c"]
)
def test_a_long_prediction_does_not_hold_up_who_wants_it_to_end_at_once(
    tmp_path: Path, signals: tuple[signal.Signals, ...]
) -> None:
    repository = slow_repository(tmp_path, seconds=120)
    with serve(repository, env=plugin_env(tmp_path)) as server:

        async def run() -> None:
            asked = load(
                server.url,
                "/api/v1/predict",
                {"features": SLOW_ROW},
                clients=1,
                go_on=lambda: server.process.poll() is None,
            )
            asking = asyncio.create_task(asked)
            for number in signals:
                await asyncio.sleep(0.5)
                server.process.send_signal(number)
            await asking

        asyncio.run(run())

        assert server.process.wait(10) == 0
