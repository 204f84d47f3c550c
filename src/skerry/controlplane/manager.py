"""Brings what is served in line with what is on the volume and in the traffic store.

It owns every harness and is the only writer of the serving map. All its state lives on the event
loop's thread; reading the volume and loading models happen in threads of their own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from skerry.controlplane.background import call_in_thread
from skerry.controlplane.completeness import observe, waits_for
from skerry.controlplane.harness import Harness
from skerry.controlplane.loader import Loader, matches_manifest
from skerry.controlplane.readiness import required_models
from skerry.controlplane.source import Key, VersionFiles, artifact_format, scan
from skerry.controlplane.traffic_store import StoreContent, TrafficStore
from skerry.controlplane.transition import (
    Load,
    TransitionPolicy,
    VersionSnapshot,
    next_actions,
)
from skerry.controlplane.unload import release_memory
from skerry.core.errors import LoadError, LoadTimeout, Unreadable
from skerry.core.servable import Servable
from skerry.core.traffic import TrafficDocument, TrafficInForce, TrafficPolicy, resolve_traffic
from skerry.core.version_policy import VersionPolicy
from skerry.core.version_state import VersionState
from skerry.serving.handle import Slot
from skerry.serving.serving_map import ModelRoutes, ServingMap, ServingSnapshot
from skerry.telemetry.logs import EventLog

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
        serving_map: ServingMap,
        log: EventLog,
    ) -> None:
        self.config = config
        self.store = store
        self.harnesses: dict[Key, Harness] = {}
        self.traffic: dict[str, TrafficInForce] = {}
        self.content = StoreContent("default", "default", TrafficDocument())
        self.document: TrafficDocument | None = None  # the last good one
        self.store_lock = asyncio.Lock()
        self.first_found: frozenset[str] | None = None
        self.once_ready: set[str] = set()
        self.started = False
        self.stuck_at_first_load = False
        self.source_error: str | None = None
        self._loader = loader
        self._serving_map = serving_map
        self._log = log
        self._wake = asyncio.Event()
        self._loading: asyncio.Task[None] | None = None
        self._announced: dict[str, tuple[str, str | None]] = {}

    async def run(self, poll_interval_s: float) -> None:
        """Reconcile until cancelled: after every ``wake``, and at least once a poll interval."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._wake.clear()
                await self._look()
                self._act(tasks)
                pause_s = self._pause_s(poll_interval_s)
                try:
                    async with asyncio.timeout(pause_s):
                        await self._wake.wait()
                except TimeoutError:
                    continue

    def wake(self) -> None:
        """Ask for another look soon."""
        self._wake.set()

    # Looking at the volume and the store.

    async def _look(self) -> None:
        async with self.store_lock:
            self.take_over(await call_in_thread("store", self.store.read))
        try:
            found = await call_in_thread("scan", scan, self.config.models_dir)
        except OSError as error:
            self._report_source(f"the repository can't be read: {error.strerror}")
            return
        if self.config.models:
            found = {key: files for key, files in found.items() if key[0] in self.config.models}
        served = any(h.state is VersionState.READY for h in self.harnesses.values())
        if not found and served:
            self._report_source("the repository looks empty; what was loaded is still served")
            return
        self._report_source(None)
        if self.first_found is None:
            self.first_found = frozenset(model for model, _ in found)
        await self._update_harnesses(found)

    def take_over(self, content: StoreContent) -> None:
        """Put what the store holds in force; the last good document stays where it is invalid."""
        if content == self.content:
            return
        if content.error is not None and content.error != self.content.error:
            self._log.warning("traffic_store_error", store=content.kind, reason=content.error)
        self.content = content
        if content.document is not None:
            self.document = content.document
        self.publish()

    async def _update_harnesses(self, found: Mapping[Key, VersionFiles]) -> None:
        now_s = time.monotonic()
        for key, harness in list(self.harnesses.items()):
            harness.present = key in found
            if not harness.present and harness.state is VersionState.UNLOADED:
                self._forget(key)
        for key, files in found.items():
            harness = self.harnesses.get(key) or self._discover(key, files, now_s)
            if harness.files.files != files.files:
                harness.observed = observe(harness.observed, files, now_s)
                harness.files_changed(now_s)
            if not harness.complete:
                await self._check_complete(harness, now_s)

    def _discover(self, key: Key, files: VersionFiles, now_s: float) -> Harness:
        harness = Harness(observe(None, files, now_s), _now(), self._announce)
        self.harnesses[key] = harness
        return harness

    def _forget(self, key: Key) -> None:
        del self.harnesses[key]
        model = key[0]
        if not self.versions(model):
            self.first_found = (self.first_found or frozenset()) - {model}
            self.once_ready.discard(model)
            self.traffic.pop(model, None)

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

    # Acting on it.

    def _act(self, tasks: asyncio.TaskGroup) -> None:
        loads: list[Harness] = []
        for model in self.models():
            for action in next_actions(self.config.transition_policy, self._snapshots(model)):
                harness = self.harnesses[model, action.version]
                if isinstance(action, Load):
                    loads.append(harness)
                else:
                    self._unload(harness, tasks)
        # One load at a time: two would compete for memory, and with requests for the GIL.
        if loads and self._loading is None:
            self._loading = tasks.create_task(self._load(loads[0]))
        self.started |= self.first_found is not None and self._loading is None
        self.publish()

    def _snapshots(self, model: str) -> list[VersionSnapshot]:
        versions, policy, now_s = self.versions(model), self.policy(model), time.monotonic()
        present = {name for name, h in versions.items() if h.present}
        failed = {name for name, h in versions.items() if h.failed}
        rule = self.config.version_policy
        if policy is not None and policy.versions is not None:
            rule = policy.versions
        named = frozenset() if policy is None else policy.named_versions()
        aspired = rule.select(present, failed) | (named & present)
        for name, harness in versions.items():
            if harness.state is VersionState.UNLOADED and name in aspired:
                harness.move(VersionState.DISCOVERED, _now())
        return [
            VersionSnapshot(
                version=name,
                state=harness.state,
                present=harness.present,
                aspired=name in aspired,
                loadable=harness.complete
                and (harness.next_attempt_s is None or harness.next_attempt_s <= now_s),
                preferred=name in named,
            )
            for name, harness in versions.items()
        ]

    async def _load(self, harness: Harness) -> None:
        try:
            await self._load_within_time(harness)
        finally:
            self._loading = None
            self.wake()

    async def _load_within_time(self, harness: Harness) -> None:
        loop = asyncio.get_running_loop()
        policy = self.policy(harness.model)
        digest = None if policy is None else policy.digests.get(harness.version)
        current = True

        def progress(state: VersionState) -> None:
            loop.call_soon_threadsafe(lambda: harness.move(state, _now()) if current else None)

        harness.begin_attempt(_now())
        load = self._loader.load
        try:
            async with asyncio.timeout(self.config.load_timeout_s):
                servable, loaded = await call_in_thread(
                    "load", load, harness.files, digest, progress
                )
        except TimeoutError:
            self.stuck_at_first_load = not self.once_ready
            limit = f"{self.config.load_timeout_s:g} s"
            self._fail(harness, LoadTimeout(f"not loaded within {limit} (SKERRY_LOAD_TIMEOUT_S)"))
        except LoadError as error:
            self._fail(harness, error)
        except Exception as error:  # noqa: BLE001 - a model's own code may raise anything
            self._fail(harness, Unreadable(f"loading raised {type(error).__name__}: {error}"))
        else:
            self.stuck_at_first_load = False
            self.once_ready.add(harness.model)
            harness.serve(Slot(harness.model, harness.version, servable), loaded, _now())
        finally:
            current = False

    def _fail(self, harness: Harness, error: LoadError) -> None:
        harness.fail(error, _now(), time.monotonic())

    def _unload(self, harness: Harness, tasks: asyncio.TaskGroup) -> None:
        reason = "not selected by the version policy" if harness.present else "not on the volume"
        slot, harness.slot = harness.slot, None
        if slot is None:
            harness.move(VersionState.UNLOADED, _now(), reason)
            return
        harness.move(VersionState.DRAINING, _now(), reason)

        def on_idle(servable: Servable) -> None:
            tasks.create_task(self._release(harness, [servable]))

        slot.drain(on_idle)

    async def _release(self, harness: Harness, held: list[Servable]) -> None:
        format_ = artifact_format(harness.loaded_files.artifacts[0].name)
        await call_in_thread("unload", release_memory, format_, held)
        harness.move(VersionState.UNLOADED, _now(), harness.reason)
        self.wake()

    def _pause_s(self, poll_interval_s: float) -> float:
        now_s = time.monotonic()
        due = [poll_interval_s]
        for harness in self.harnesses.values():
            if not harness.complete:
                due.append(harness.observed.since_s + self.config.settle_time_s - now_s)
            elif harness.state is VersionState.FAILED and harness.next_attempt_s is not None:
                due.append(harness.next_attempt_s - now_s)
        return max(_SHORTEST_PAUSE_S, min(due))

    # What others ask, and what they are told.

    def models(self) -> list[str]:
        """Return the names of all models that are known, sorted."""
        return sorted({model for model, _ in self.harnesses})

    def versions(self, model: str) -> dict[str, Harness]:
        """Return the model's versions by name."""
        return {h.version: h for (name, _), h in self.harnesses.items() if name == model}

    def policy(self, model: str) -> TrafficPolicy | None:
        """Return the declared policy, None where the store has none for the model."""
        return None if self.document is None else self.document.models.get(model)

    def required(self) -> frozenset[str]:
        """Return the models that must answer before the process is ready."""
        in_store = () if self.document is None else self.document.models
        return required_models(
            self.config.models, in_store, self.first_found or (), self.once_ready
        )

    def publish(self) -> None:
        """Work out what is in force and put it on the serving map, in one swap."""
        routes: dict[str, ModelRoutes] = {}
        for model in self.models():
            versions = self.versions(model)
            states = {name: h.state for name, h in versions.items()}
            before = self.traffic.get(model, TrafficInForce(None))
            in_force = resolve_traffic(self.policy(model), states, before, self.content.error)
            self.traffic[model] = in_force
            slots = {name: h.slot for name, h in versions.items() if h.slot is not None}
            reason = "; ".join(d.reason for d in in_force.differences)
            routes[model] = ModelRoutes(
                model, slots, states, in_force.stable, self.content.generation, reason
            )
        self._serving_map.publish(ServingSnapshot(routes, tuple(sorted(self.required()))))
        self._announce_traffic(routes)

    def _announce(self, harness: Harness, before: VersionState, duration_s: float) -> None:
        """Log a move. READY is announced once reachable, DRAINING while it still is."""
        if harness.state is not VersionState.DRAINING:
            self.publish()
        fields = {
            "model": harness.model,
            "version": harness.version,
            "from": before,
            "state": harness.state,
            "reason": harness.reason,
            "duration_s": round(duration_s, 3),
        }
        if harness.state is VersionState.FAILED:
            self._log.warning("version_state", **fields)
        else:
            self._log.info("version_state", **fields)
        if harness.state is VersionState.DRAINING:
            self.publish()

    def _announce_traffic(self, routes: Mapping[str, ModelRoutes]) -> None:
        for model, route in routes.items():
            previous = self._announced.get(model, (None, None))
            if (route.generation, route.stable) == previous:
                continue
            self._announced[model] = (route.generation, route.stable)
            self._log.info(
                "traffic_changed",
                model=model,
                generation=route.generation,
                previous_generation=previous[0],
                store=self.content.kind,
                stable=route.stable,
                previous_stable=previous[1],
            )

    def _report_source(self, error: str | None) -> None:
        if error is not None and error != self.source_error:
            self._log.warning("repository_trouble", reason=error)
        self.source_error = error


def _now() -> datetime:
    return datetime.now(UTC)
