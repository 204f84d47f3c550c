"""Every model and version that is known, and what is in force: the control plane's state.

The manager and its performer change it, on the event loop's thread; routes and views read it. It
is the only writer of the serving map, and tells the log of every move.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import replace
from typing import Any

from skerry.controlplane.harness import Harness
from skerry.controlplane.readiness import required_models
from skerry.controlplane.source import Key
from skerry.controlplane.traffic_store import StoreContent
from skerry.core.signature import Signature
from skerry.core.traffic import (
    DEFAULT_GENERATION,
    Standing,
    TrafficDocument,
    TrafficInForce,
    resolve_traffic,
)
from skerry.core.traffic_policy import TrafficPolicy
from skerry.core.version_state import VersionState
from skerry.serving.handle import Slot
from skerry.serving.serving_map import ModelRoutes, ServingMap, ServingSnapshot, ShadowRoute
from skerry.telemetry.logs import EventLog

_NOTHING = (DEFAULT_GENERATION, TrafficInForce(None))
"""Generation and traffic in force of a model before anything was announced."""


class Catalog:
    """Harnesses by model and version, the traffic store's content, and what follows from them.

    document: the last traffic document that validated, None while there was none.
    generation: of that document; that of the store's bytes is in ``content``.
    first_found: models that the first look found, None before it.
    once_ready: models that have had a READY version.
    unloaded: models that are not to be loaded until a request says so, or the process restarts.
    started: the first look, with its loads, has finished.
    store_errors: how often the store was found unreadable or invalid, for another reason.
    """

    def __init__(self, configured: Iterable[str], serving_map: ServingMap, log: EventLog) -> None:
        self._models: dict[str, dict[str, Harness]] = {}
        self.traffic: dict[str, TrafficInForce] = {}
        self.content = StoreContent("default", "default", TrafficDocument())
        self.document: TrafficDocument | None = None
        self.generation = DEFAULT_GENERATION
        self.first_found: frozenset[str] | None = None
        self.once_ready: set[str] = set()
        self.unloaded: set[str] = set()
        self.started = False
        self.stuck_at_first_load = False
        self.source_error: str | None = None
        self.store_errors = 0
        self.volume_gone = False
        self._configured = frozenset(configured)
        self._serving_map = serving_map
        self._log = log
        self._announced: dict[str, tuple[str, TrafficInForce]] = {}

    def models(self) -> list[str]:
        """Return the names of all models that are known, sorted."""
        return sorted(self._models)

    def versions(self, model: str) -> Mapping[str, Harness]:
        """Return the model's versions by name."""
        return self._models.get(model, {})

    def harnesses(self) -> list[Harness]:
        """Return all versions of all models."""
        return [harness for versions in self._models.values() for harness in versions.values()]

    def keys(self) -> Set[Key]:
        """Return model and version of all that are known."""
        return {(model, version) for model, found in self._models.items() for version in found}

    def find(self, key: Key) -> Harness | None:
        """Return a version, None where it is not known."""
        return self.versions(key[0]).get(key[1])

    def reference(self, key: Key) -> tuple[Signature, Mapping[str, Any] | None] | None:
        """Return a loaded version's signature and what its manifest tells of its training."""
        harness = self.find(key)
        if harness is None or harness.info is None:
            return None
        training = None if harness.loaded is None else harness.loaded.training
        return harness.info.signature, training

    def add(self, harness: Harness) -> None:
        """Take in a version that was discovered."""
        self._models.setdefault(harness.model, {})[harness.version] = harness

    def policy(self, model: str) -> TrafficPolicy | None:
        """Return the declared policy, None where the store has none for the model."""
        return None if self.document is None else self.document.models.get(model)

    def previous(self, model: str) -> TrafficPolicy | None:
        """Return the policy that a rollback returns to, None where there is none."""
        return None if self.document is None else self.document.previous.get(model)

    def why_not_aspired(self, model: str) -> str:
        """Return why a version of the model is not to be loaded, though its files are there."""
        if model in self.unloaded:
            return f"unloaded by request: POST /v2/repository/models/{model}/load loads it"
        return "not selected by the version policy"

    def required(self) -> frozenset[str]:
        """Return the models that must answer before the process is ready."""
        in_store = () if self.document is None else self.document.models
        return required_models(
            self._configured,
            in_store,
            filter(self._is_present, self.first_found or ()),
            filter(self._is_present, self.once_ready),
        )

    def _is_present(self, model: str) -> bool:
        """Tell whether the model is on the volume, rather than being drained."""
        return any(harness.present for harness in self.versions(model).values())

    def drops_policies(self, content: StoreContent) -> bool:
        """Tell whether the store holds no policy, where it held some."""
        held = self.document is not None and bool(self.document.models)
        return held and content.document is not None and not content.document.models

    def lost_with_volume(self, content: StoreContent) -> bool:
        """Tell whether the traffic file is missing only because its volume is."""
        return self.drops_policies(content) and self.volume_gone and content.kind == "default"

    def take_over(self, content: StoreContent) -> None:
        """Put what the store holds in force; the last good document stays where it is invalid."""
        if content == self.content:
            return
        if content.error is not None and content.error != self.content.error:
            self.store_errors += 1
            self._log.warning("traffic_store_error", store=content.kind, reason=content.error)
        if content.generation == DEFAULT_GENERATION and content.error is not None:
            # It could not be read at all: what is in force is of the generation before.
            content = replace(content, generation=self.content.generation)
        self.content = content
        if content.document is not None:
            self.document, self.generation = content.document, content.generation
        self.publish()

    def forget(self, key: Key) -> None:
        """Drop a version that is gone; its model no longer counts once it has none."""
        model, version = key
        del self._models[model][version]
        if not self._models[model]:
            del self._models[model]
            self._announced.pop(model, None)
            self.first_found = (self.first_found or frozenset()) - {model}
            self.once_ready.discard(model)
            self.traffic.pop(model, None)

    def publish(self) -> None:
        """Work out what is in force and put it on the serving map, in one swap."""
        routes: dict[str, ModelRoutes] = {}
        for model, versions in self._models.items():
            standings = {name: Standing(h.state, h.reason) for name, h in versions.items()}
            before = self.traffic.get(model, TrafficInForce(None))
            in_force = resolve_traffic(
                model, self.policy(model), standings, before, self.content.error
            )
            self.traffic[model] = in_force
            slots = {name: h.slot for name, h in versions.items() if h.slot is not None}
            reason = "; ".join(d.reason for d in in_force.differences)
            routes[model] = ModelRoutes(
                model,
                slots,
                {name: h.state for name, h in versions.items()},
                in_force.split,
                self.generation,
                reason,
                _shadow_route(in_force, slots),
            )
        self._serving_map.publish(ServingSnapshot(routes, tuple(sorted(self.required()))))
        self._announce_traffic(routes)

    def announce(self, harness: Harness, before: VersionState, duration_s: float) -> None:
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
            previous = self._announced.get(model, _NOTHING)
            in_force = self.traffic[model]
            # What is in force, not why it differs: a version that loads tells of its own moves.
            bare = replace(in_force, differences=())
            if (route.generation, bare) == previous:
                continue
            self._announced[model] = (route.generation, bare)
            self._log.info(
                "traffic_changed",
                model=model,
                generation=route.generation,
                previous_generation=previous[0],
                store=self.content.kind,
                stable=in_force.stable,
                previous_stable=previous[1].stable,
                canaries={each.version: each.weight for each in in_force.canaries} or None,
                shadow=None if in_force.shadow is None else in_force.shadow.version,
                reason=route.reason or None,
            )

    def report_source(self, error: str | None, *, gone: bool = False) -> None:
        """Note what is wrong with the repository, None for nothing; said once.

        gone: the volume seems to have dropped out.
        """
        if error is not None and error != self.source_error:
            self._log.warning("repository_trouble", reason=error)
        self.source_error, self.volume_gone = error, gone


def _shadow_route(in_force: TrafficInForce, slots: Mapping[str, Slot]) -> ShadowRoute | None:
    shadow = in_force.shadow
    return None if shadow is None else ShadowRoute(slots[shadow.version], shadow.sample)
