"""A slot keeps a servable reachable, a handle keeps it in memory while a request uses it.

Both live on the event loop's thread, so their counts need no lock.
"""

from __future__ import annotations

from collections.abc import Callable

from skerry.core.servable import Servable


class Slot:
    """One READY version: its servable, and how many requests hold it."""

    __slots__ = ("_on_idle", "_servable", "in_flight", "model", "version")

    def __init__(self, model: str, version: str, servable: Servable) -> None:
        self.model = model
        self.version = version
        self.in_flight = 0
        self._servable: Servable | None = servable
        self._on_idle: Callable[[Servable], None] | None = None

    @property
    def servable(self) -> Servable:
        """The servable.

        Raises:
            RuntimeError: the slot was drained and nothing holds it any more.
        """
        if self._servable is None:
            raise RuntimeError(f"{self.model}/{self.version} is unloaded")
        return self._servable

    def acquire(self) -> Handle:
        """Return a handle; the caller releases it exactly once."""
        self.in_flight += 1
        return Handle(self)

    def drain(self, on_idle: Callable[[Servable], None]) -> None:
        """Give the servable to ``on_idle`` when the last handle is released, or now if none is."""
        self._on_idle = on_idle
        self._leave_if_idle()

    def _release(self) -> None:
        self.in_flight -= 1
        self._leave_if_idle()

    def _leave_if_idle(self) -> None:
        if self.in_flight or self._on_idle is None or self._servable is None:
            return
        on_idle, servable = self._on_idle, self._servable
        self._on_idle = self._servable = None
        on_idle(servable)


class Handle:
    """A request's hold on a version; valid until ``release``."""

    __slots__ = ("_released", "_slot")

    def __init__(self, slot: Slot) -> None:
        self._slot = slot
        self._released = False

    @property
    def slot(self) -> Slot:
        """The version that is held."""
        return self._slot

    @property
    def servable(self) -> Servable:
        """The servable that is held."""
        return self._slot.servable

    @property
    def model(self) -> str:
        """The model's name."""
        return self._slot.model

    @property
    def version(self) -> str:
        """The version's name."""
        return self._slot.version

    def release(self) -> None:
        """Let go; a second call does nothing."""
        if not self._released:
            self._released = True
            self._slot._release()  # noqa: SLF001 - the two halves of one count
