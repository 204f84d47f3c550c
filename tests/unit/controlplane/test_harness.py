"""The harness: states, reasons and retries of one version."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from skerry.controlplane.completeness import observe
from skerry.controlplane.harness import Harness, backoff_s
from skerry.controlplane.source import FileFacts, VersionFiles
from skerry.core.errors import DigestMismatch
from skerry.core.version_state import VersionState as S

NOW = datetime(2026, 11, 22, 21, 0, tzinfo=UTC)
FILES = VersionFiles("iris", "v1", Path("iris/v1"), (FileFacts("model.pkl", 1, 0, 1),), None)


def made() -> tuple[Harness, list[tuple[S, S]]]:
    moves: list[tuple[S, S]] = []

    def announce(harness: Harness, before: S, duration_s: float) -> None:
        del duration_s
        moves.append((before, harness.state))

    return Harness(observe(None, FILES, 0), NOW, announce), moves


@pytest.mark.parametrize(
    ("failures", "expected_s"), [(1, 1), (2, 2), (3, 4), (9, 256), (10, 300), (10_000, 300)]
)
def test_the_pause_doubles_up_to_five_minutes(failures: int, expected_s: float) -> None:
    assert expected_s == backoff_s(failures)


def test_a_failure_keeps_its_reason_and_is_due_later() -> None:
    harness, moves = made()

    harness.begin_attempt(NOW)
    harness.fail(DigestMismatch("not the file"), NOW, now_s=100)

    assert [(S.DISCOVERED, S.VERIFYING), (S.VERIFYING, S.FAILED)] == moves
    assert ("not the file", "digest_mismatch") == (harness.reason, harness.category)
    assert (101, NOW + timedelta(seconds=1)) == (harness.next_attempt_s, harness.next_attempt_at)
    assert harness.failed


def test_a_failed_version_counts_as_failed_while_it_is_tried_again() -> None:
    harness, _ = made()
    harness.begin_attempt(NOW)
    harness.fail(DigestMismatch("not the file"), NOW, now_s=100)

    harness.begin_attempt(NOW)

    assert (S.VERIFYING, True, 2) == (harness.state, harness.failed, harness.attempts)


def test_changed_files_are_tried_at_once() -> None:
    harness, _ = made()
    harness.begin_attempt(NOW)
    harness.fail(DigestMismatch("not the file"), NOW, now_s=100)

    harness.files_changed(now_s=100.5)

    assert (100.5, 0, False) == (harness.next_attempt_s, harness.failures, harness.complete)
    assert harness.failed


def test_an_illegal_move_raises() -> None:
    harness, _ = made()

    with pytest.raises(ValueError, match="from DISCOVERED to READY"):
        harness.move(S.READY, NOW)
