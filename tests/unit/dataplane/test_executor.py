"""The executor: bounded, and nobody's handle is forgotten."""

from __future__ import annotations

import asyncio
import threading

import pytest

from skerry.core.errors import QueueFull
from skerry.dataplane.executor import Executor, cpus


async def _until(condition: threading.Event) -> None:
    await asyncio.to_thread(condition.wait, 10)


def test_answers_and_ends_once() -> None:
    async def run() -> tuple[int, list[str]]:
        ended: list[str] = []
        executor = Executor(1, 10)
        answer = await executor.submit(lambda: 42, rows=1, on_end=lambda: ended.append("end"))
        await asyncio.sleep(0)
        executor.close()
        return answer, ended

    assert (42, ["end"]) == asyncio.run(run())


def test_refuses_rows_beyond_the_limit_and_takes_them_again_later() -> None:
    async def run() -> None:
        go = threading.Event()
        begun = threading.Event()
        executor = Executor(1, 4)

        def work() -> bool:
            begun.set()
            return go.wait(10)

        running = executor.submit(work, rows=9, on_end=lambda: None)
        await _until(begun)
        waiting = executor.submit(lambda: True, rows=4, on_end=lambda: None)

        with pytest.raises(QueueFull, match="4 rows are waiting, at most 4 may"):
            executor.submit(lambda: True, rows=1, on_end=lambda: None)

        go.set()
        assert await running
        assert await waiting
        assert executor.queue_rows == 0
        assert await executor.submit(lambda: True, rows=1, on_end=lambda: None)
        executor.close()

    asyncio.run(run())


@pytest.mark.parametrize("error", [SystemExit(3), StopIteration(), KeyboardInterrupt()])
def test_what_no_future_can_hold_is_an_error_like_any_other(error: BaseException) -> None:
    def work() -> None:
        raise error

    async def run() -> None:
        executor = Executor(1, 10)
        with pytest.raises(RuntimeError, match=type(error).__name__):
            await asyncio.wait_for(executor.submit(work, rows=1, on_end=lambda: None), 10)
        executor.close()

    asyncio.run(run())


def test_a_withdrawn_call_is_never_made() -> None:
    async def run() -> tuple[list[str], list[str]]:
        go = threading.Event()
        calls: list[str] = []
        ended: list[str] = []
        executor = Executor(1, 10)
        first = executor.submit(lambda: go.wait(10), rows=1, on_end=lambda: ended.append("first"))
        second = executor.submit(
            lambda: calls.append("second"), rows=1, on_end=lambda: ended.append("second")
        )
        second.cancel()
        await asyncio.sleep(0.01)
        withdrawn = list(ended)
        go.set()
        await first
        await asyncio.sleep(0.01)
        assert executor.queue_rows == 0
        assert ["second", "first"] == ended
        executor.close()
        return calls, withdrawn

    assert ([], ["second"]) == asyncio.run(run())


def test_a_call_that_runs_keeps_its_handle_until_it_ends() -> None:
    async def run() -> None:
        begun, go, done = threading.Event(), threading.Event(), asyncio.Event()

        def work() -> None:
            begun.set()
            go.wait(10)

        executor = Executor(1, 10)
        future = executor.submit(work, rows=1, on_end=done.set)
        await _until(begun)
        future.cancel()
        await asyncio.sleep(0.01)
        assert not done.is_set()
        go.set()
        await asyncio.wait_for(done.wait(), 10)
        executor.close()

    asyncio.run(run())


def test_there_is_at_least_one_cpu() -> None:
    assert 1 <= cpus()
