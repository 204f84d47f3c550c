"""What can be reached now: an immutable snapshot with one writer and many readers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from skerry.core.traffic_split import TrafficSplit
from skerry.core.version_state import VersionState
from skerry.serving.handle import Slot


@dataclass(frozen=True, slots=True)
class ShadowRoute:
    """A READY version that is asked what others answered. sample: percent of the requests."""

    slot: Slot
    sample: float


@dataclass(frozen=True, slots=True)
class ModelRoutes:
    """One model as the router sees it.

    slots: READY versions.
    states: every version that is known, for telling "not found" from "not ready".
    split: deals out requests that pin no version; None while nothing may answer, see ``reason``.
    generation: of the traffic policy in force.
    """

    name: str
    slots: Mapping[str, Slot]
    states: Mapping[str, VersionState]
    split: TrafficSplit | None
    generation: str
    reason: str = ""
    shadow: ShadowRoute | None = None


@dataclass(frozen=True, slots=True)
class ServingSnapshot:
    """All models. ``candidates``: names that a request without a model could mean."""

    models: Mapping[str, ModelRoutes] = field(default_factory=dict)
    candidates: tuple[str, ...] = ()


class ServingMap:
    """Holds the snapshot in force. Readers take ``current`` once and use that throughout."""

    def __init__(self) -> None:
        self.current = ServingSnapshot()

    def publish(self, snapshot: ServingSnapshot) -> None:
        """Put another snapshot in force: one atomic assignment."""
        self.current = snapshot
