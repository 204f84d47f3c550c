"""Brings what is served in line with what is on the volume and in the traffic store.

It owns every harness and is the only writer of the serving map. All its state lives on the event
loop's thread; reading the volume and loading models happen in threads of their own.
"""

from __future__ import annotations

import asyncio
import gc
import time
import traceback
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from skerry.controlplane.aspiration import aspired_versions, snapshots_of
from skerry.controlplane.background import call_in_thread
from skerry.controlplane.catalog import Catalog
from skerry.controlplane.completeness import observe, waits_for
from skerry.controlplane.harness import Harness
from skerry.controlplane.load_spans import add_load_spans
from skerry.controlplane.loader import LoadedVersion, Loader, matches_manifest
from skerry.controlplane.source import Scan, VersionFiles, scan
from skerry.controlplane.traffic_store import StoreContent, TrafficStore
from skerry.controlplane.transition import (
    Load,
    TransitionPolicy,
    VersionSnapshot,
    next_actions,
)
from skerry.controlplane.unload import release_memory
from skerry.core.errors import LoadError, LoadTimeout, ModelNotReady, Unreadable
from skerry.core.phases import Phases
from skerry.core.servable import Servable
from skerry.core.traffic import TrafficInForce
from skerry.core.version_policy import VersionPolicy
from skerry.core.version_state import VersionState
from skerry.serving.handle import Slot
from skerry.telemetry.logs import EventLog

if TYPE_CHECKING:
    from skerry.telemetry.tracing import Tracing

_SHORTEST_PAUSE_S = 0.02


@dataclass(frozen=True, slots=True)
class ManagerConfig:
    """What the manager is told; durations in seconds.

    models: the only models to serve, empty for all.
    """

    models_dir: Path
    models: frozenset[str]
    version_policy: VersionPolicy
    transition_policy: TransitionPolicy
    settle_time_s: float
    load_timeout_s: float


class Manager:
    """The control plane's one task and its state. Not thread-safe: use it on the event loop."""

    def __init__(
        self,
        config: ManagerConfig,
        store: TrafficStore,
        loader: Loader,
        catalog: Catalog,
        log: EventLog,
        tracing: Tracing | None = None,
    ) -> None:
        self.config = config
        self.store = store
        self.catalog = catalog
        self.store_lock = asyncio.Lock()
        self._loader = loader
        self._log = log
        self._tracing = tracing
        self._wake = asyncio.Event()
        self._turn = asyncio.Event()
        self._loading: asyncio.Task[None] | None = None
        self._looked = False
        self._looked_s = 0.0
        self._no_policies_since_s: float | None = None

    async def run(self, poll_interval_s: float) -> None:
        """Reconcile until cancelled: after every ``wake``, and at least once a poll interval."""
        try:
            await self._run(poll_interval_s)
        finally:
            self._turn.set()  # for ever: only a turn makes another

    async def _run(self, poll_interval_s: float) -> None:
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._wake.clear()
                await self._look()
                self._act(tasks)
                self._turn.set()
                self._turn = asyncio.Event()
                pause_s = self._pause_s(poll_interval_s)
                try:
                    async with asyncio.timeout(pause_s):
                        await self._wake.wait()
                except TimeoutError:
                    continue

    def wake(self) -> None:
        """Ask for another look soon."""
        self._wake.set()

    async def turn(self) -> None:
        """Wait until it has looked and acted once more.

        Raises:
            ModelNotReady: it has ended, and will not.
        """
        turn = self._turn
        await turn.wait()
        if turn is self._turn:
            self.check_runs()

    def check_runs(self) -> None:
        """Raise where there will be no more turns.

        Raises:
            ModelNotReady: it has ended.
        """
        if self._turn.is_set():
            raise ModelNotReady("the control plane has stopped: nothing is loaded or unloaded")

    async def look(self) -> None:
        """Ask for another look soon, and wait for its end; a look that is under way counts.

        Raises:
            ModelNotReady: it has ended, and will not.
        """
        self.wake()
        await self.turn()

    def aspired(self, model: str) -> frozenset[str]:
        """Return the versions of a model that are to be loaded, or to stay."""
        catalog = self.catalog
        if model in catalog.unloaded:
            return frozenset()
        in_force = catalog.traffic.get(model, TrafficInForce(None)).stable
        return aspired_versions(
            catalog.versions(model),
            catalog.policy(model),
            self.config.version_policy,
            in_force,
            catalog.previous(model),
        )

    def why_not_aspired(self, model: str) -> str:
        """Return why a version of the model is not to be loaded, though its files are there."""
        if model in self.catalog.unloaded:
            return f"unloaded by request: POST /v2/repository/models/{model}/load loads it"
        return "not selected by the version policy"

    async def _look(self) -> None:
        self._looked_s = time.monotonic()
        found = await self._scan()
        async with self.store_lock:
            content = await call_in_thread("store", self.store.read)
            if self._is_settled(content) and not self.catalog.lost_with_volume(content):
                self.catalog.take_over(content)
        self._looked = True
        if found is None:
            return
        if self.catalog.first_found is None:
            self.catalog.first_found = frozenset(model for model, _ in found.versions)
        await self._update_harnesses(found)

    def _is_settled(self, content: StoreContent) -> bool:
        """Tell whether a store may be believed that holds no policy any more.

        An editor that writes in place empties the file first. Taken at its word, that moment
        would send everything to the newest version.
        """
        if not self.catalog.drops_policies(content):
            self._no_policies_since_s = None
            return True
        if self._no_policies_since_s is None:
            self._no_policies_since_s = self._looked_s
        return self._looked_s - self._no_policies_since_s >= self.config.settle_time_s

    async def _scan(self) -> Scan | None:
        """Return what is on the volume, or None where it must not be acted upon."""
        try:
            found = await call_in_thread("scan", scan, self.config.models_dir)
        except OSError as error:
            self.catalog.report_source(f"the repository can't be read: {error.strerror}", gone=True)
            return None
        if self.config.models:
            found = found.only(self.config.models)
        served = any(h.state is VersionState.READY for h in self.catalog.harnesses())
        if served and not found.versions:
            trouble = "the repository looks empty; what was loaded is still served"
            self.catalog.report_source(trouble, gone=True)
            return None
        self.catalog.report_source(found.trouble)
        return found

    async def _update_harnesses(self, found: Scan) -> None:
        now_s = time.monotonic()
        for harness in self.catalog.harnesses():
            harness.present = harness.files.key in found.versions or found.hides(harness.files.key)
            if not harness.present and harness.state is VersionState.UNLOADED:
                self.catalog.forget(harness.files.key)
        for key, files in found.versions.items():
            harness = self.catalog.find(key) or self._discover(files, now_s)
            if harness.files.files != files.files:
                harness.observed = observe(harness.observed, files, now_s)
                harness.files_changed(now_s)
            if not harness.complete:
                await self._check_complete(harness, now_s)

    def _discover(self, files: VersionFiles, now_s: float) -> Harness:
        harness = Harness(observe(None, files, now_s), _now(), self.catalog.announce)
        self.catalog.add(harness)
        return harness

    async def _check_complete(self, harness: Harness, now_s: float) -> None:
        observed = harness.observed
        waiting = waits_for(
            observed,
            now_s=now_s,
            wall_s=time.time(),
            settle_time_s=self.config.settle_time_s,
        )
        # A package that was moved into place as a whole need not wait for its files to settle.
        new = observed.since_s == now_s
        if waiting and new and await call_in_thread("verify", matches_manifest, observed.files):
            waiting = None
        harness.complete = waiting is None
        if harness.state is VersionState.DISCOVERED:
            harness.reason = None if waiting is None else f"waits for {waiting}"

    def _act(self, tasks: asyncio.TaskGroup) -> None:
        loads: list[Harness] = []
        for model in self.catalog.models():
            for action in next_actions(self.config.transition_policy, self._snapshots(model)):
                harness = self.catalog.versions(model)[action.version]
                if isinstance(action, Load):
                    loads.append(harness)
                else:
                    self._unload(harness, tasks)
        # A version that hung or failed before must not keep new ones waiting.
        loads.sort(key=lambda harness: harness.attempts > 0)
        # One load at a time: two would compete for memory, and with requests for the GIL.
        if loads and self._loading is None:
            self._loading = tasks.create_task(self._load(loads[0]))
        self.catalog.publish()
        if self._loading is None and self._looked:
            self._note_start()

    def _note_start(self) -> None:
        if self.catalog.started:
            return
        # What was imported so far lives as long as the process. A full collection that visits all
        # of it holds the GIL for 200 ms (measured, with scikit-learn and pandas).
        gc.freeze()
        self.catalog.started = True

    def _snapshots(self, model: str) -> list[VersionSnapshot]:
        versions, policy = self.catalog.versions(model), self.catalog.policy(model)
        aspired = self.aspired(model)
        for name, harness in versions.items():
            if harness.state is VersionState.UNLOADED and name in aspired:
                harness.move(VersionState.DISCOVERED, _now())
        return snapshots_of(versions, policy, aspired, time.monotonic())

    async def _load(self, harness: Harness) -> None:
        phases, started_s = Phases(), time.perf_counter()
        try:
            await self._load_within_time(harness, phases)
            if self._tracing is not None:
                add_load_spans(self._tracing, harness, started_s, phases.all(), self._log)
        finally:
            self._loading = None
            self.wake()

    async def _load_within_time(self, harness: Harness, phases: Phases) -> None:
        loop = asyncio.get_running_loop()
        policy = self.catalog.policy(harness.model)
        digest = None if policy is None else policy.digests.get(harness.version)
        files = harness.files
        current = True

        def progress(state: VersionState) -> None:
            loop.call_soon_threadsafe(lambda: harness.move(state, _now()) if current else None)

        def load() -> tuple[Servable, LoadedVersion]:
            try:
                with phases.noted():
                    return self._loader.load(files, digest, progress)
            finally:
                loop.call_soon_threadsafe(self._load_ended, harness)

        harness.begin_attempt(_now())
        self.catalog.stuck_at_first_load = False
        limit = asyncio.timeout(self.config.load_timeout_s)
        try:
            async with limit:
                servable, loaded = await call_in_thread("load", load)
        except LoadError as error:
            harness.fail(error, _now(), time.monotonic())
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
            harness.fail(Unreadable(reason), _now(), time.monotonic())
            traceback.clear_frames(error.__traceback__)
        else:
            if harness.model in self.catalog.unloaded:
                # Asked for during the load, which no thread can be made to give up.
                harness.move(VersionState.UNLOADED, _now(), self.why_not_aspired(harness.model))
                await call_in_thread("unload", release_memory, servable)
                return
            self.catalog.once_ready.add(harness.model)
            harness.serve(Slot(harness.model, harness.version, servable), loaded, _now())
        finally:
            current = False

    def _give_up(self, harness: Harness) -> None:
        """Fail a load that hangs. Its thread runs on: another beside it waits until that ends."""
        self.catalog.stuck_at_first_load = not self.catalog.once_ready
        limit = f"{self.config.load_timeout_s:g} s"
        error = LoadTimeout(f"not loaded within {limit} (SKERRY_LOAD_TIMEOUT_S)")
        harness.fail(error, _now(), time.monotonic())
        harness.hangs = True

    def _load_ended(self, harness: Harness) -> None:
        harness.hangs = False
        self.wake()

    def _unload(self, harness: Harness, tasks: asyncio.TaskGroup) -> None:
        reason = self.why_not_aspired(harness.model)
        if not harness.present:
            reason = "not on the volume"
        elif harness.contradicts(self.catalog.policy(harness.model)):
            reason = "its digest is not the one that the traffic policy names"
        slot, harness.slot = harness.slot, None
        if slot is None:
            harness.move(VersionState.UNLOADED, _now(), reason)
            return
        harness.move(VersionState.DRAINING, _now(), reason)

        def on_idle(servable: Servable) -> None:
            tasks.create_task(self._release(harness, servable))

        slot.drain(on_idle)

    async def _release(self, harness: Harness, servable: Servable) -> None:
        await call_in_thread("unload", release_memory, servable)
        harness.move(VersionState.UNLOADED, _now(), harness.reason)
        self.wake()

    def _pause_s(self, poll_interval_s: float) -> float:
        """Return how long to sleep: until the next thing becomes due that was not at this look."""
        due: list[float] = [self._looked_s + poll_interval_s]
        if self._no_policies_since_s is not None:
            due.append(self._no_policies_since_s + self.config.settle_time_s)
        for harness in self.catalog.harnesses():
            if not harness.complete:
                due.append(harness.observed.since_s + self.config.settle_time_s)
            elif harness.state is VersionState.FAILED and harness.next_attempt_s is not None:
                due.append(harness.next_attempt_s)
        next_s = min(moment for moment in due if moment > self._looked_s)
        return max(_SHORTEST_PAUSE_S, next_s - time.monotonic())


def _now() -> datetime:
    return datetime.now(UTC)
