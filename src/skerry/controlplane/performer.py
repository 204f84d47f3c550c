"""Carries out what the manager has decided: one load at a time, and any number of unloads.

The moves of a version's harness happen on the event loop's thread; what takes time, in others.
"""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING

from skerry.controlplane.background import call_in_thread
from skerry.controlplane.catalog import Catalog
from skerry.controlplane.harness import Harness
from skerry.controlplane.load_spans import add_load_spans
from skerry.controlplane.loader import LoadedVersion, Loader
from skerry.controlplane.unload import release_memory
from skerry.core.errors import LoadError, LoadTimeout, Unreadable
from skerry.core.phases import Phases
from skerry.core.servable import Servable
from skerry.core.times import utc_now
from skerry.core.version_state import VersionState
from skerry.serving.handle import Slot
from skerry.telemetry.logs import EventLog

if TYPE_CHECKING:
    from skerry.telemetry.tracing import Tracing


class Performer:
    """Loads and unloads. Not thread-safe: use it on the event loop.

    is_loading: a load is waited for. wake: asks the manager for another look.
    """

    def __init__(
        self,
        loader: Loader,
        load_timeout_s: float,
        catalog: Catalog,
        log: EventLog,
        tracing: Tracing | None,
        wake: Callable[[], None],
    ) -> None:
        self.is_loading = False
        self._loader = loader
        self._load_timeout_s = load_timeout_s
        self._catalog = catalog
        self._log = log
        self._tracing = tracing
        self._wake = wake

    def load(self, harness: Harness, tasks: asyncio.TaskGroup) -> None:
        """Begin a load; only where none is waited for."""
        self.is_loading = True
        tasks.create_task(self._load(harness))

    def unload(self, harness: Harness, tasks: asyncio.TaskGroup) -> None:
        """Take a version out of service, and give its memory back when nobody uses it any more."""
        reason = self._catalog.why_not_aspired(harness.model)
        if not harness.present:
            reason = "not on the volume"
        elif harness.contradicts(self._catalog.policy(harness.model)):
            reason = "its digest is not the one that the traffic policy names"
        slot, harness.slot = harness.slot, None
        if slot is None:
            harness.move(VersionState.UNLOADED, utc_now(), reason)
            return
        harness.move(VersionState.DRAINING, utc_now(), reason)

        def on_idle(servable: Servable) -> None:
            tasks.create_task(self._release(harness, servable))

        slot.drain(on_idle)

    async def _load(self, harness: Harness) -> None:
        phases, started_s = Phases(), time.perf_counter()
        try:
            await self._load_within_time(harness, phases)
            if self._tracing is not None:
                add_load_spans(self._tracing, harness, started_s, phases.all(), self._log)
        finally:
            self.is_loading = False
            self._wake()

    async def _load_within_time(self, harness: Harness, phases: Phases) -> None:
        loop = asyncio.get_running_loop()
        policy = self._catalog.policy(harness.model)
        digest = None if policy is None else policy.digests.get(harness.version)
        files = harness.files
        current = True

        def progress(state: VersionState) -> None:
            loop.call_soon_threadsafe(lambda: harness.move(state, utc_now()) if current else None)

        def load() -> tuple[Servable, LoadedVersion]:
            try:
                with phases.noted():
                    return self._loader.load(files, digest, progress)
            finally:
                loop.call_soon_threadsafe(self._load_ended, harness)

        harness.begin_attempt(utc_now())
        self._catalog.stuck_at_first_load = False
        limit = asyncio.timeout(self._load_timeout_s)
        try:
            async with limit:
                servable, loaded = await call_in_thread("load", load)
        except LoadError as error:
            harness.fail(error, utc_now(), time.monotonic())
            traceback.clear_frames(error.__traceback__)  # They hold what was loaded so far.
        except Exception as error:  # noqa: BLE001 - a model's own code may raise anything
            if limit.expired():
                self._give_up(harness)
                return
            self._log.warning(
                "load_raised",
                model=harness.model,
                version=harness.version,
                exception=f"{type(error).__name__}: {error}",
            )
            reason = f"loading raised {type(error).__name__}; the log has its text"
            harness.fail(Unreadable(reason), utc_now(), time.monotonic())
            traceback.clear_frames(error.__traceback__)
        else:
            if harness.model in self._catalog.unloaded:
                # Asked for during the load, which no thread can be made to give up.
                reason = self._catalog.why_not_aspired(harness.model)
                harness.move(VersionState.UNLOADED, utc_now(), reason)
                await call_in_thread("unload", release_memory, servable)
                return
            self._catalog.once_ready.add(harness.model)
            harness.serve(Slot(harness.model, harness.version, servable), loaded, utc_now())
        finally:
            current = False

    def _give_up(self, harness: Harness) -> None:
        """Fail a load that hangs. Its thread runs on: another beside it waits until that ends."""
        self._catalog.stuck_at_first_load = not self._catalog.once_ready
        limit = f"{self._load_timeout_s:g} s"
        error = LoadTimeout(f"not loaded within {limit} (SKERRY_LOAD_TIMEOUT_S)")
        harness.fail(error, utc_now(), time.monotonic())
        harness.hangs = True

    def _load_ended(self, harness: Harness) -> None:
        harness.hangs = False
        self._wake()

    async def _release(self, harness: Harness, servable: Servable) -> None:
        await call_in_thread("unload", release_memory, servable)
        harness.move(VersionState.UNLOADED, utc_now(), harness.reason)
        self._wake()
