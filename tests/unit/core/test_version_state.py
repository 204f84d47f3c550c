"""States: the table of moves."""

from __future__ import annotations

import itertools

import pytest

from skerry.core.version_state import VersionState as S
from skerry.core.version_state import check_move

LEGAL = {
    (S.DISCOVERED, S.VERIFYING),
    (S.VERIFYING, S.LOADING),
    (S.LOADING, S.WARMING),
    (S.WARMING, S.READY),
    (S.READY, S.DRAINING),
    (S.DRAINING, S.UNLOADED),
    (S.UNLOADED, S.DISCOVERED),
    (S.FAILED, S.VERIFYING),
    (S.FAILED, S.DISCOVERED),
    *((state, S.FAILED) for state in (S.DISCOVERED, S.VERIFYING, S.LOADING, S.WARMING)),
    *((state, S.UNLOADED) for state in (S.DISCOVERED, S.VERIFYING, S.LOADING, S.WARMING, S.FAILED)),
}


@pytest.mark.parametrize(("before", "after"), list(itertools.product(S, S)))
def test_only_legal_moves_pass(before: S, after: S) -> None:
    if (before, after) in LEGAL:
        check_move(before, after)
    else:
        with pytest.raises(ValueError, match=f"from {before} to {after}"):
            check_move(before, after)
