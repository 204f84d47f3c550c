"""Which of a model's versions are to be loaded or to stay, and how each stands to that."""

from __future__ import annotations

from collections.abc import Mapping

from skerry.controlplane.harness import Harness
from skerry.controlplane.transition import VersionSnapshot
from skerry.core.traffic_policy import TrafficPolicy
from skerry.core.version_policy import VersionPolicy


def aspired_versions(
    versions: Mapping[str, Harness],
    policy: TrafficPolicy | None,
    rule: VersionPolicy,
    in_force: str | None,
    previous: TrafficPolicy | None = None,
) -> frozenset[str]:
    """Return the versions that are to be loaded, or to stay.

    policy: the declared traffic policy; its own version policy goes before ``rule``.
    in_force: the version that is stable now. Where the declared one is not READY, it goes on.
    previous: the policy that a rollback returns to, which takes a stable version that is READY.
    """
    # What was never complete must not push out what is served.
    known = {name for name, h in versions.items() if h.present and (h.complete or h.attempts)}
    failed = {name for name, h in versions.items() if h.failed}
    if policy is None:
        return rule.select(known, failed)
    named = {*policy.named_versions(), *(() if in_force is None else (in_force,))}
    if previous is not None:
        named.add(previous.stable)
    return (policy.versions or rule).select(known, failed) | (named & known)


def snapshots_of(
    versions: Mapping[str, Harness],
    policy: TrafficPolicy | None,
    aspired: frozenset[str],
    now_s: float,
) -> list[VersionSnapshot]:
    """Return what the transition decides by; a version that contradicts the policy counts as gone.

    now_s: monotonic seconds.
    """
    return [
        VersionSnapshot(
            version=name,
            state=harness.state,
            present=harness.present and not harness.contradicts(policy),
            aspired=name in aspired,
            loadable=harness.complete and harness.is_due(now_s),
            preferred=policy is not None and name in policy.named_versions(),
        )
        for name, harness in versions.items()
    ]
