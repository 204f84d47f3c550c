"""Whether a version's files are all there, or a copy is still going on."""

from __future__ import annotations

from dataclasses import dataclass

from skerry.controlplane.source import VersionFiles


@dataclass(frozen=True, slots=True)
class Observation:
    """The files as last seen, since when (monotonic seconds), and whether they ever changed."""

    files: VersionFiles
    since_s: float
    changed: bool


def observe(before: Observation | None, files: VersionFiles, now_s: float) -> Observation:
    """Return the observation after one more look; the clock restarts when anything changed."""
    if before is None:
        return Observation(files, now_s, changed=False)
    if before.files.files == files.files:
        return before
    return Observation(files, now_s, changed=True)


def waits_for(
    observed: Observation, *, now_s: float, wall_s: float, settle_time_s: float
) -> str | None:
    """Return what an incomplete version still waits for, or None where it may be loaded.

    Files have settled when they were unchanged for ``settle_time_s``, or when they were that old
    at first sight, as whatever lies there at start.
    """
    files = observed.files
    if not files.artifacts:
        return "its artifact"
    old_at_first_sight = not observed.changed and wall_s - files.modified_s >= settle_time_s
    if old_at_first_sight or now_s - observed.since_s >= settle_time_s:
        return None
    return "its files to stop changing"
