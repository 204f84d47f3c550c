"""Brings what is served in line with what is on the volume and in the traffic store.

It looks and decides; the performer carries out, and the catalog keeps what is known. All its state
lives on the event loop's thread; reading the volume happens in threads of its own.
"""

from __future__ import annotations

import asyncio
import gc
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from skerry.controlplane.aspiration import aspired_versions, snapshots_of
from skerry.controlplane.background import call_in_thread
from skerry.controlplane.catalog import Catalog
from skerry.controlplane.completeness import observe, waits_for
from skerry.controlplane.harness import Harness
from skerry.controlplane.loader import Loader, matches_manifest
from skerry.controlplane.performer import Performer
from skerry.controlplane.source import Scan, VersionFiles, scan
from skerry.controlplane.traffic_store import StoreContent, TrafficStore
from skerry.controlplane.transition import (
    Load,
    TransitionPolicy,
    VersionSnapshot,
    next_actions,
)
from skerry.core.errors import ModelNotReady
from skerry.core.times import utc_now
from skerry.core.traffic import TrafficInForce
from skerry.core.version_policy import VersionPolicy
from skerry.core.version_state import VersionState
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
        self._wake = asyncio.Event()
        self._turn = asyncio.Event()
        self._performer = Performer(loader, config.load_timeout_s, catalog, log, tracing, self.wake)
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
        harness = Harness(observe(None, files, now_s), utc_now(), self.catalog.announce)
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
                    self._performer.unload(harness, tasks)
        # A version that hung or failed before must not keep new ones waiting.
        loads.sort(key=lambda harness: harness.attempts > 0)
        # One load at a time: two would compete for memory, and with requests for the GIL.
        if loads and not self._performer.is_loading:
            self._performer.load(loads[0], tasks)
        self.catalog.publish()
        if not self._performer.is_loading and self._looked:
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
                harness.move(VersionState.DISCOVERED, utc_now())
        return snapshots_of(versions, policy, aspired, time.monotonic())

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
