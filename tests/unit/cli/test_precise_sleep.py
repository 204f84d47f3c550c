"""Sleeping to the microsecond, on both kinds of loop."""

from __future__ import annotations

import asyncio
import ctypes
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from skerry.cli.precise_sleep import PreciseSleep

Run = Callable[[Coroutine[Any, Any, list[float]]], list[float]]


async def late_s(times: int) -> list[float]:
    found = []
    with PreciseSleep() as sleep:
        for _ in range(times):
            due_s = time.monotonic() + 0.004
            while (now_s := time.monotonic()) < due_s:
                await sleep.until(due_s)
            found.append(now_s - due_s)
    return found


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
@pytest.mark.parametrize("has_timer", [True, False])
def test_wakes_up_when_it_is_due(
    run: Run, *, has_timer: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_timer:  # as on systems other than Linux
        monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())

    used_s, began_s = time.process_time(), time.monotonic()
    found = run(late_s(100))
    share = (time.process_time() - used_s) / (time.monotonic() - began_s)

    # Timers of the loop are late by half a millisecond and more, and turns take a whole core.
    assert min(found) < 0.0003
    assert not has_timer or share < 0.7


def test_lets_others_have_their_turn_when_it_is_due_already() -> None:
    async def within() -> list[int]:
        seen: list[int] = []
        asyncio.get_running_loop().call_soon(seen.append, 1)
        with PreciseSleep() as sleep:
            await sleep.until(time.monotonic() - 1)
        return seen

    assert [1] == asyncio.run(within())


def test_a_sleep_can_be_cancelled_and_the_timer_used_again() -> None:
    async def within() -> bool:
        with PreciseSleep() as sleep:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await sleep.until(time.monotonic() + 60)
            await asyncio.wait_for(sleep.until(time.monotonic() + 0.01), 10)
        return True

    assert asyncio.run(within())
