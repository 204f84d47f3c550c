"""What to do next for one model's versions: a pure function from a snapshot to actions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from skerry.core.names import natural_key
from skerry.core.version_state import IN_PROGRESS, VersionState


class TransitionPolicy(StrEnum):
    """Whether a new version is loaded before the old one is dropped, or after."""

    AVAILABILITY_PRESERVING = "availability-preserving"
    RESOURCE_PRESERVING = "resource-preserving"


@dataclass(frozen=True, slots=True)
class VersionSnapshot:
    """One version as the transition sees it.

    present: its files are on the volume.
    aspired: it is present and the version policy selects it.
    loadable: its files are complete, and its next attempt is due.
    preferred: traffic is declared for it, so it loads before the others.
    """

    version: str
    state: VersionState
    present: bool
    aspired: bool
    loadable: bool
    preferred: bool = False


@dataclass(frozen=True, slots=True)
class Load:
    """Start loading the version."""

    version: str


@dataclass(frozen=True, slots=True)
class Unload:
    """Drain the version if it is READY, then forget what it holds."""

    version: str


Action = Load | Unload
_ATTEMPTED = IN_PROGRESS | {VersionState.READY, VersionState.DRAINING}


def next_actions(policy: TransitionPolicy, versions: Sequence[VersionSnapshot]) -> list[Action]:
    """Return what may start now; asked again after every change.

    A version that left the volume is unloaded at once, whatever the policy.
    Availability-preserving: a version that is merely no longer selected stays until every
    selected one is READY or has failed and one of them is READY.
    Resource-preserving: it goes first, and loads wait until its memory is free.
    """
    gone = [v for v in versions if not v.present and _holds(v)]
    deselected = [
        v
        for v in versions
        if v.present and not v.aspired and v.state in (VersionState.READY, VersionState.FAILED)
    ]
    wanted = sorted(
        (v for v in versions if v.aspired and v.loadable and v.state not in _ATTEMPTED),
        key=lambda v: (v.preferred, natural_key(v.version)),
        reverse=True,
    )
    loads: list[Action] = [Load(v.version) for v in wanted if v.state is not VersionState.UNLOADED]
    if policy is TransitionPolicy.RESOURCE_PRESERVING:
        drops: list[Action] = [Unload(v.version) for v in [*gone, *deselected]]
        busy = any(v.state is VersionState.DRAINING for v in versions)
        return drops if drops or busy else loads
    if _may_drop_deselected(versions):
        gone += deselected
    return [*loads, *(Unload(v.version) for v in gone)]


def _holds(version: VersionSnapshot) -> bool:
    return version.state not in IN_PROGRESS | {VersionState.DRAINING, VersionState.UNLOADED}


def _may_drop_deselected(versions: Sequence[VersionSnapshot]) -> bool:
    aspired = [v for v in versions if v.aspired]
    settled = all(v.state in (VersionState.READY, VersionState.FAILED) for v in aspired)
    return not aspired or (settled and any(v.state is VersionState.READY for v in aspired))
