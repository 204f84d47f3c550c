"""Loads and unloads models on request, in this process and until it ends.

Which versions of a model are loaded stays the version policy's business: a request only says
whether any is. Nothing is written to the volume or the traffic store.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from skerry.controlplane.harness import Harness
from skerry.controlplane.manager import Manager
from skerry.core.errors import ModelNotFound, ModelNotReady
from skerry.core.names import natural_key
from skerry.core.version_state import IN_PROGRESS, VersionState

_RETRY_AFTER_S = 1
_INDEX_STATES: Mapping[VersionState, str] = {
    VersionState.DISCOVERED: "LOADING",
    VersionState.VERIFYING: "LOADING",
    VersionState.LOADING: "LOADING",
    VersionState.WARMING: "LOADING",
    VersionState.READY: "READY",
    VersionState.DRAINING: "UNLOADING",
    VersionState.UNLOADED: "UNAVAILABLE",
    VersionState.FAILED: "UNAVAILABLE",
}
"""Triton's names. Source: its model repository extension, "Index"."""


class ModelControl:
    """For the event loop's thread. Cancelling a call leaves what it asked for in force."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager

    def index(self, *, ready: bool) -> list[dict[str, Any]]:
        """Return every version that is known; those that are READY alone, if so asked."""
        catalog = self._manager.catalog
        return [
            self._entry(harness)
            for model in catalog.models()
            for _, harness in sorted(
                catalog.versions(model).items(), key=lambda item: natural_key(item[0])
            )
            if harness.state is VersionState.READY or not ready
        ]

    def _entry(self, harness: Harness) -> dict[str, Any]:
        model, version = harness.model, harness.version
        state, reason = _INDEX_STATES[harness.state], harness.reason or ""
        if harness.state is VersionState.DISCOVERED and self._is_passed_over(harness):
            state, reason = "UNAVAILABLE", self._manager.catalog.why_not_aspired(model)
        return {"name": model, "version": version, "state": state, "reason": reason}

    def _is_passed_over(self, harness: Harness) -> bool:
        """Tell whether nobody will load it; of what is still being copied, that is not known."""
        if harness.model in self._manager.catalog.unloaded:
            return True
        return harness.complete and harness.version not in self._manager.aspired(harness.model)

    async def load(self, model: str) -> None:
        """Have the model loaded as its version policy says, and wait until that has been tried.

        Versions that are READY stay as they are; those that failed are tried again now.

        Raises:
            ModelNotFound: it is not in the repository.
            ModelNotReady: no version of it can answer, for the reason given; or the control plane
                has ended.
        """
        manager, catalog = self._manager, self._manager.catalog
        manager.check_runs()
        catalog.unloaded.discard(model)
        before = {name: _ended_attempts(h) for name, h in catalog.versions(model).items()}
        for harness in catalog.versions(model).values():
            harness.retry(time.monotonic())
        # A look that is under way may have missed what was put there just now; the next has not.
        for _ in range(2):
            await manager.look()
        while model not in catalog.unloaded and not self._is_settled(model, before):
            await manager.turn()
        in_force = catalog.traffic.get(model)
        if in_force is None or in_force.stable is None:
            raise ModelNotReady(
                f"model {model} has not been loaded: {self._why_not(model)}",
                retry_after_s=_RETRY_AFTER_S,
            )

    async def unload(self, model: str) -> None:
        """Have no version of the model loaded, and wait until none can be reached.

        Requests that hold one finish. A model that is required makes the process not ready.

        Raises:
            ModelNotFound: it is not in the repository.
            ModelNotReady: the control plane has ended.
        """
        manager, catalog = self._manager, self._manager.catalog
        manager.check_runs()
        if model not in catalog.models():
            raise ModelNotFound(f"model {model!r} does not exist")
        catalog.unloaded.add(model)
        await manager.look()
        while model in catalog.unloaded and any(map(_is_held, catalog.versions(model).values())):
            await manager.turn()

    def _is_settled(self, model: str, before: Mapping[str, int]) -> bool:
        """Tell whether every version that is to be loaded is READY, or has failed since.

        One whose files are still being copied is waited for where there is no other.

        Raises:
            ModelNotFound: it is not in the repository.
        """
        manager = self._manager
        versions = manager.catalog.versions(model)
        if not versions:
            raise ModelNotFound(f"model {model!r} does not exist")
        waited_for = manager.aspired(model)
        if not any(harness.state is VersionState.READY for harness in versions.values()):
            waited_for |= {name for name, harness in versions.items() if not harness.complete}
        return all(
            versions[name].state is VersionState.READY
            or _has_failed(versions[name], before.get(name, 0))
            for name in waited_for
        )

    def _why_not(self, model: str) -> str:
        versions = self._manager.catalog.versions(model)
        reasons = [f"{name} is {h.state}: {h.reason}" for name, h in versions.items() if h.reason]
        return "; ".join(reasons) or "the version policy selects none of its versions"


def _ended_attempts(harness: Harness) -> int:
    """Return how many loads of it have ended: one that runs is as good as one that begins now."""
    return harness.attempts - (harness.state in IN_PROGRESS)


def _has_failed(harness: Harness, attempts: int) -> bool:
    """Tell whether it failed, as it lies there now, after so many attempts, or hangs."""
    is_current = harness.loaded_files.files == harness.files.files
    is_over = harness.hangs or (harness.attempts > attempts and is_current)
    return harness.state is VersionState.FAILED and is_over


def _is_held(harness: Harness) -> bool:
    return harness.state is VersionState.READY or harness.state in IN_PROGRESS
