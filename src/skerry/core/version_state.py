"""The states of a version, and the only moves between them."""

from __future__ import annotations

from enum import StrEnum


class VersionState(StrEnum):
    """What an observer may conclude about one version.

    DISCOVERED: files are there, perhaps not all of them; nothing was read.
    VERIFYING: digest, manifest and memory are being checked; nothing was unpickled.
    LOADING: the artifact is being read.
    WARMING: it is in memory; golden samples and a first prediction run.
    READY: it answers requests, and did so before this state was announced.
    DRAINING: no new request reaches it; those that hold it finish.
    UNLOADED: its memory is released.
    FAILED: it can't be served, for the reason beside it; it is tried again.
    """

    DISCOVERED = "DISCOVERED"
    VERIFYING = "VERIFYING"
    LOADING = "LOADING"
    WARMING = "WARMING"
    READY = "READY"
    DRAINING = "DRAINING"
    UNLOADED = "UNLOADED"
    FAILED = "FAILED"


_S = VersionState
_MOVES: dict[VersionState, frozenset[VersionState]] = {
    _S.DISCOVERED: frozenset({_S.VERIFYING, _S.FAILED, _S.UNLOADED}),
    _S.VERIFYING: frozenset({_S.LOADING, _S.FAILED, _S.UNLOADED}),
    _S.LOADING: frozenset({_S.WARMING, _S.FAILED, _S.UNLOADED}),
    _S.WARMING: frozenset({_S.READY, _S.FAILED, _S.UNLOADED}),
    _S.READY: frozenset({_S.DRAINING}),
    _S.DRAINING: frozenset({_S.UNLOADED}),
    _S.UNLOADED: frozenset({_S.DISCOVERED}),
    _S.FAILED: frozenset({_S.DISCOVERED, _S.VERIFYING, _S.UNLOADED}),
}
IN_PROGRESS = frozenset({_S.VERIFYING, _S.LOADING, _S.WARMING})


def check_move(before: VersionState, after: VersionState) -> None:
    """Let a legal move pass.

    Raises:
        ValueError: the move is not in the table.
    """
    if after not in _MOVES[before]:
        raise ValueError(f"a version can't go from {before} to {after}")
