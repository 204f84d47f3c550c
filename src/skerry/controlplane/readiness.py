"""Whether this process may take traffic: a pure function from what is known to a verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from skerry.core.version_state import VersionState


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One model as readiness sees it.

    stable: the version in force, None while nothing may answer.
    awaited: the version that would become stable, where one is known.
    reason: why nothing may answer.
    """

    name: str
    stable: str | None
    awaited: str | None = None
    state: VersionState | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class NotReady:
    """One thing that is missing."""

    model: str | None
    version: str | None
    state: VersionState | None
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as ``/readyz`` shows it."""
        return {
            "model": self.model,
            "version": self.version,
            "state": self.state,
            "reason": self.reason,
        }


def required_models(
    configured: Iterable[str],
    in_store: Iterable[str],
    first_found: Iterable[str],
    once_ready: Iterable[str],
) -> frozenset[str]:
    """Return the models that must answer before the process is ready.

    Those that the settings or the store name, else those that the first look found; and each
    model that was READY once, so that a broken new model takes no process out of service.
    """
    named = frozenset(configured) or frozenset(in_store)
    return (named or frozenset(first_found)) | frozenset(once_ready)


def missing(
    required: Iterable[str],
    models: Mapping[str, ModelStatus],
    *,
    draining: bool,
    trouble: str | None,
) -> list[NotReady]:
    """Return what keeps the process from being ready; nothing means ready.

    trouble: what is wrong with volume or store. It is no reason by itself: what was loaded and
        the last good policy stay in force.
    """
    if draining:
        return [NotReady(None, None, None, "the process is shutting down")]
    names = sorted(required)
    if not names:
        return [NotReady(None, None, None, trouble or "no model in the repository")]
    reasons = []
    for name in names:
        status = models.get(name)
        if status is None:
            reasons.append(NotReady(name, None, None, "not in the repository"))
        elif status.stable is None:
            reasons.append(NotReady(name, status.awaited, status.state, status.reason))
    return reasons
