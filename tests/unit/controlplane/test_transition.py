"""The transition: from a snapshot to what may start now."""

from __future__ import annotations

import pytest

from skerry.controlplane.transition import (
    Action,
    Load,
    TransitionPolicy,
    Unload,
    VersionSnapshot,
    next_actions,
)
from skerry.core.version_state import VersionState as S

KEEP = TransitionPolicy.AVAILABILITY_PRESERVING
DROP = TransitionPolicy.RESOURCE_PRESERVING


def snap(
    version: str,
    state: S,
    *,
    present: bool = True,
    aspired: bool = True,
    loadable: bool = True,
    preferred: bool = False,
) -> VersionSnapshot:
    return VersionSnapshot(version, state, present, aspired and present, loadable, preferred)


@pytest.mark.parametrize(
    ("policy", "versions", "expected"),
    [
        pytest.param(KEEP, [], [], id="nothing-to-do"),
        pytest.param(KEEP, [snap("v1", S.DISCOVERED)], [Load("v1")], id="loads-what-is-new"),
        pytest.param(
            KEEP,
            [snap("v9", S.DISCOVERED), snap("v10", S.DISCOVERED)],
            [Load("v10"), Load("v9")],
            id="newest-first-in-natural-order",
        ),
        pytest.param(
            KEEP,
            [snap("v1", S.DISCOVERED, preferred=True), snap("v2", S.DISCOVERED)],
            [Load("v1"), Load("v2")],
            id="declared-stable-first",
        ),
        pytest.param(
            KEEP, [snap("v1", S.DISCOVERED, loadable=False)], [], id="waits-for-incomplete-files"
        ),
        pytest.param(KEEP, [snap("v1", S.FAILED, loadable=False)], [], id="waits-for-backoff"),
        pytest.param(KEEP, [snap("v1", S.FAILED)], [Load("v1")], id="tries-a-failed-one-again"),
        pytest.param(KEEP, [snap("v1", S.LOADING)], [], id="leaves-a-load-alone"),
        pytest.param(
            KEEP,
            [snap("v1", S.READY, aspired=False), snap("v2", S.DISCOVERED)],
            [Load("v2")],
            id="keeps-old-version-until-new-is-ready",
        ),
        pytest.param(
            KEEP,
            [snap("v1", S.READY, aspired=False), snap("v2", S.LOADING)],
            [],
            id="keeps-old-version-while-new-loads",
        ),
        pytest.param(
            KEEP,
            [snap("v1", S.READY, aspired=False), snap("v2", S.READY)],
            [Unload("v1")],
            id="drops-old-version-once-new-is-ready",
        ),
        pytest.param(
            KEEP,
            [snap("v1", S.READY, aspired=False), snap("v2", S.FAILED, loadable=False)],
            [],
            id="keeps-old-version-when-new-one-failed",
        ),
        pytest.param(
            KEEP,
            [snap("v1", S.READY, present=False), snap("v2", S.LOADING)],
            [Unload("v1")],
            id="unloads-what-left-the-volume-at-once",
        ),
        pytest.param(
            KEEP,
            [snap("v1", S.READY, aspired=False)],
            [Unload("v1")],
            id="drops-when-none-is-wanted",
        ),
        pytest.param(
            DROP,
            [snap("v1", S.READY, aspired=False), snap("v2", S.DISCOVERED)],
            [Unload("v1")],
            id="resource-preserving-drops-first",
        ),
        pytest.param(
            DROP,
            [snap("v1", S.DRAINING, aspired=False), snap("v2", S.DISCOVERED)],
            [],
            id="resource-preserving-waits-for-the-drain",
        ),
        pytest.param(
            DROP,
            [snap("v1", S.UNLOADED, aspired=False), snap("v2", S.DISCOVERED)],
            [Load("v2")],
            id="resource-preserving-loads-once-memory-is-free",
        ),
    ],
)
def test_next_actions(
    policy: TransitionPolicy, versions: list[VersionSnapshot], expected: list[Action]
) -> None:
    assert expected == next_actions(policy, versions)
