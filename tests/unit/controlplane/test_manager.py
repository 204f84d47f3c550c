"""The manager's turns, for those who wait for one."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import pytest

from skerry.app import build_parts
from skerry.controlplane.manager import Manager
from skerry.core.errors import ModelNotReady
from skerry.settings import Settings
from skerry.telemetry.logs import EventLog, LogWriter


def manager_of(models_dir: Path) -> Manager:
    settings = Settings(models_dir=models_dir)
    return build_parts(settings, EventLog(LogWriter(io.BytesIO()))).manager


def test_who_waits_for_a_turn_is_told_when_there_will_be_none(tmp_path: Path) -> None:
    async def within() -> None:
        manager = manager_of(tmp_path)
        running = asyncio.ensure_future(manager.run(60))
        await asyncio.wait_for(manager.look(), 10)
        waiting = asyncio.ensure_future(manager.turn())
        await asyncio.sleep(0)
        running.cancel()

        with pytest.raises(ModelNotReady, match="control plane has stopped"):
            await asyncio.wait_for(waiting, 10)
        with pytest.raises(ModelNotReady, match="control plane has stopped"):
            await asyncio.wait_for(manager.look(), 10)

    asyncio.run(within())
