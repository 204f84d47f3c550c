"""One version's life: its state, why, since when, and when it is tried again.

The manager owns harnesses. It and its performer alone change them, on the event loop's thread.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime

from skerry.controlplane.completeness import Observation
from skerry.controlplane.loader import LoadedVersion
from skerry.controlplane.source import VersionFiles
from skerry.core.errors import LoadError
from skerry.core.servable import ServableInfo
from skerry.core.traffic_policy import TrafficPolicy
from skerry.core.version_state import VersionState, check_move
from skerry.serving.handle import Slot

FIRST_BACKOFF_S = 1.0
MAX_BACKOFF_S = 300.0


def backoff_s(failures: int) -> float:
    """Return the pause after the n-th failure in a row (n ≥ 1): doubling from 1 s up to 300 s."""
    return float(min(MAX_BACKOFF_S, FIRST_BACKOFF_S * 2.0 ** min(failures - 1, 20)))


class Harness:
    """The version's state and everything that is known about it.

    failures: failed loads in a row, 0 again when it is READY or its files change.
    failed: a load failed, and no later one has succeeded.
    failed_loads: how many loads failed, ever, by the error's category.
    hangs: the thread of a load that was given up still runs.
    next_attempt_s: monotonic time before which a failed version is not tried again.
    loaded, info: of the last successful load; kept while DRAINING and UNLOADED.
    loaded_files: what the last load read, to notice that an immutable version was changed.
    """

    def __init__(
        self,
        observed: Observation,
        now: datetime,
        announce: Callable[[Harness, VersionState, float], None],
    ) -> None:
        self.observed = observed
        self.present = True
        self.state = VersionState.DISCOVERED
        self.reason: str | None = None
        self.category: str | None = None
        self.since = now
        self.attempts = 0
        self.failures = 0
        self.next_attempt_s: float | None = None
        self.next_attempt_at: datetime | None = None
        self.complete = False
        self.failed = False
        self.failed_loads: Counter[str] = Counter()
        self.hangs = False
        self.slot: Slot | None = None
        self.loaded_files = observed.files
        self.loaded: LoadedVersion | None = None
        self.info: ServableInfo | None = None
        self._announce = announce

    @property
    def files(self) -> VersionFiles:
        """The files as last seen."""
        return self.observed.files

    @property
    def model(self) -> str:
        """The model's name."""
        return self.files.model

    @property
    def version(self) -> str:
        """The version's name."""
        return self.files.version

    def is_due(self, now_s: float) -> bool:
        """Tell whether a load may be tried now."""
        return not self.hangs and (self.next_attempt_s is None or self.next_attempt_s <= now_s)

    def contradicts(self, policy: TrafficPolicy | None) -> bool:
        """Tell whether it is served with another digest than the policy names, maybe since."""
        digest = None if policy is None else policy.digests.get(self.version)
        if digest is None or self.loaded is None or self.state is not VersionState.READY:
            return False
        return bool(digest != self.loaded.artifact.digest)

    def move(self, state: VersionState, now: datetime, reason: str | None = None) -> None:
        """Go to another state and announce it.

        Raises:
            ValueError: the move is not legal.
        """
        check_move(self.state, state)
        before, self.state = self.state, state
        duration_s = (now - self.since).total_seconds()
        self.since, self.reason = now, reason
        if state is not VersionState.FAILED:
            self.category = None
        self._announce(self, before, duration_s)

    def begin_attempt(self, now: datetime) -> None:
        """Start a load."""
        self.attempts += 1
        self.loaded_files = self.files
        self.move(VersionState.VERIFYING, now)

    def serve(self, slot: Slot, loaded: LoadedVersion, now: datetime) -> None:
        """Become READY with a servable that has answered already."""
        self.failures, self.failed = 0, False
        self.next_attempt_s = self.next_attempt_at = None
        self.slot, self.loaded, self.info = slot, loaded, slot.servable.info
        self.move(VersionState.READY, now)

    def fail(self, error: LoadError, now: datetime, now_s: float) -> None:
        """Become FAILED, to be tried again after a pause that doubles."""
        self.failures, self.failed = self.failures + 1, True
        pause_s = backoff_s(self.failures)
        self.next_attempt_s = now_s + pause_s
        self.next_attempt_at = datetime.fromtimestamp(now.timestamp() + pause_s, tz=now.tzinfo)
        self.category = error.category
        self.failed_loads[error.category] += 1
        self.move(VersionState.FAILED, now, error.detail)

    def retry(self, now_s: float) -> None:
        """Have it tried at once, if it waits for its next attempt."""
        if self.next_attempt_s is not None:
            self.next_attempt_s = now_s

    def files_changed(self, now_s: float) -> None:
        """Forget past failures: what is there now deserves a fresh try."""
        self.failures = 0
        self.complete = False
        if self.state is VersionState.FAILED:
            self.next_attempt_s = now_s
