"""Changes the traffic policy: writes the store, then puts what it holds in force."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from skerry.controlplane.background import call_in_thread
from skerry.controlplane.manager import Manager
from skerry.controlplane.traffic_store import StoreContent
from skerry.core.errors import (
    GenerationChanged,
    InvalidPolicy,
    ModelNotFound,
    NothingToRollBack,
    StoreReadOnly,
    VersionNotFound,
    VersionNotReady,
)
from skerry.core.traffic import TrafficDocument, TrafficInForce, resolve_traffic
from skerry.core.traffic_policy import TrafficPolicy
from skerry.core.version_state import VersionState

Change = Callable[[TrafficPolicy | None], TrafficPolicy]


class TrafficControl:
    """The API's way to the traffic store. When a call returns, new requests see the change."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager

    def describe(self, model: str) -> dict[str, Any]:
        """Return the model's traffic: declared, in force, and why they differ.

        Raises:
            ModelNotFound: neither the volume nor the store knows the model.
        """
        catalog = self._manager.catalog
        declared = catalog.policy(model)
        if declared is None and model not in catalog.models():
            raise ModelNotFound(f"model {model!r} does not exist")
        document = catalog.document or TrafficDocument()
        previous = document.previous.get(model)
        nothing = TrafficInForce(None)
        in_force = catalog.traffic.get(model) or resolve_traffic(model, declared, {}, nothing)
        return {
            "model": model,
            "generation": catalog.content.generation,
            "store": catalog.content.kind,
            "writable": catalog.content.writable,
            "declared": None if declared is None else declared.to_dict(),
            "in_force": in_force.to_dict(),
            "differences": [difference.to_dict() for difference in in_force.differences],
            "previous": None if previous is None else previous.to_dict(),
        }

    async def put(self, model: str, value: Any, if_match: frozenset[str] | None) -> None:
        """Replace the model's policy.

        Raises:
            InvalidPolicy: it does not validate, or names a version that does not exist.
            VersionNotReady: its stable is not READY.
            StoreReadOnly, GenerationChanged: as the names say.
        """
        policy = TrafficPolicy.from_value(value, "policy")
        for version in sorted(policy.named_versions()):
            if version not in self._manager.catalog.versions(model):
                raise InvalidPolicy(f"policy: {model} has no version {version!r}")
        await self._change(model, lambda _: policy, if_match)

    async def activate(self, model: str, version: str, if_match: frozenset[str] | None) -> None:
        """Make a READY version the stable one, no longer a canary, and keep the rest.

        Raises:
            VersionNotFound, VersionNotReady, StoreReadOnly, GenerationChanged: as the names say.
        """

        def change(before: TrafficPolicy | None) -> TrafficPolicy:
            if before is None:
                return TrafficPolicy(version)
            others = tuple(each for each in before.canaries if each.version != version)
            return replace(before, stable=version, canaries=others)

        await self._change(model, change, if_match)

    async def rollback(self, model: str, if_match: frozenset[str] | None) -> None:
        """Return to the policy before the last change; a second call returns from there.

        Raises:
            NothingToRollBack: the store knows no previous policy.
            VersionNotReady, StoreReadOnly, GenerationChanged: as the names say.
        """
        await self._change(model, None, if_match)

    def _check_ready(self, model: str, version: str) -> None:
        if model not in self._manager.catalog.models():
            raise ModelNotFound(f"model {model!r} does not exist")
        harness = self._manager.catalog.versions(model).get(version)
        if harness is None:
            raise VersionNotFound(f"{model} has no version {version!r}")
        if harness.state is not VersionState.READY:
            why = f" ({harness.reason})" if harness.reason else ""
            raise VersionNotReady(f"{model}/{version}: expected READY, got {harness.state}{why}")

    async def _change(
        self, model: str, change: Change | None, if_match: frozenset[str] | None
    ) -> None:
        """Write the changed policy, or without a change the previous one.

        What is decided holds for the bytes that were read: should another process write in
        between, the store refuses, and the decision is made again.
        """
        manager = self._manager
        store = manager.store
        async with manager.store_lock:
            while True:
                before = await call_in_thread("store", store.read)
                if manager.catalog.lost_with_volume(before):
                    raise StoreReadOnly("the volume with the traffic file is gone")
                document = self._decide(before, model, change, if_match)
                after = await call_in_thread("store", store.replace, document, before.generation)
                if after is not None:
                    break
            manager.catalog.take_over(after)
        manager.wake()

    def _decide(
        self,
        content: StoreContent,
        model: str,
        change: Change | None,
        if_match: frozenset[str] | None,
    ) -> TrafficDocument:
        if if_match is not None and content.generation not in if_match:
            raise GenerationChanged(
                f"If-Match: expected {content.generation}, got {', '.join(sorted(if_match))};"
                " somebody else changed the policy: read it again"
            )
        if content.document is None:
            raise InvalidPolicy(f"the store must be mended first: {content.error}")
        declared = content.document.models.get(model)
        previous = dict(content.document.previous)
        after = previous.get(model) if change is None else change(declared)
        if after is None:
            raise NothingToRollBack(f"no previous traffic policy of {model} is known")
        self._check_ready(model, after.stable)
        before = declared or self._implied(model)
        if before is not None and before != after:
            previous[model] = before
        return TrafficDocument({**content.document.models, model: after}, previous)

    def _implied(self, model: str) -> TrafficPolicy | None:
        """Return the built-in default as a policy, so that a first change can be taken back."""
        in_force = self._manager.catalog.traffic.get(model)
        if in_force is None or in_force.stable is None:
            return None
        return TrafficPolicy(in_force.stable)


def generations_of(if_match: str) -> frozenset[str]:
    """Return the generations that an If-Match header names; quotes are optional (RFC 9110)."""
    return frozenset(part.strip().removeprefix("W/").strip('"') for part in if_match.split(","))
