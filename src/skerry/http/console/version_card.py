"""One version as the console shows it: its state and why, what it is, and its plan."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from skerry.controlplane.harness import Harness
from skerry.core.version_state import IN_PROGRESS, VersionState
from skerry.http.console.plan_table import PlanTable, plan_table
from skerry.http.console.texts import duration, since, size


@dataclass(frozen=True, slots=True)
class VersionCard:
    """One version.

    tone: ``good``, ``bad``, ``busy`` or ``quiet``.
    facts: what it is and what it took, as pairs of texts.
    retry: when a failed one is tried again, as RFC 3339 has it; None for never.
    """

    version: str
    state: str
    tone: str
    since: str
    tracks: tuple[str, ...]
    reason: str | None
    retry: str | None
    warnings: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    plan: PlanTable | None


def version_card(harness: Harness, view: dict[str, Any], now: datetime) -> VersionCard:
    """Return the card of a version. view: as the API shows it."""
    return VersionCard(
        view["version"],
        str(view["state"]),
        _tone(harness.state),
        since(harness.since, now),
        tuple(view["tracks"]),
        view["reason"],
        view["load"]["next_attempt_at"],
        tuple(view["warnings"]),
        tuple(_facts(view)),
        None if harness.info is None else plan_table(harness.info.plan),
    )


def _tone(state: VersionState) -> str:
    if state is VersionState.READY:
        return "good"
    if state is VersionState.FAILED:
        return "bad"
    return "busy" if state in IN_PROGRESS else "quiet"


def _facts(view: dict[str, Any]) -> list[tuple[str, str]]:
    artifact, load = view["artifact"], view["load"]
    facts = []
    if view["estimator"] is not None:
        facts.append(("Estimator", view["estimator"].rpartition(".")[2]))
    if view["task"] is not None:
        facts.append(("Task", str(view["task"]).replace("_", " ")))
    if artifact is not None:
        facts.append(("Artifact", f"{artifact['file']}, {size(artifact['size_bytes'])}"))
    if artifact is not None and artifact["digest"] is not None:
        kind = "manifest" if artifact["has_manifest"] else "no manifest"
        facts.append(("Digest", f"{artifact['digest'][:19]}… ({kind})"))
    if load["duration_s"] is not None:
        facts.append(("Loaded in", duration(load["duration_s"])))
    if load["memory_bytes"]:
        facts.append(("Memory", size(load["memory_bytes"])))
    if load["attempts"] > 1:
        facts.append(("Attempts", str(load["attempts"])))
    return facts
