"""A model's classes, numbered as they come: at most ``MAX_CLASSES`` of those of the last hour."""

from __future__ import annotations

from skerry.core.evidence import MAX_CLASSES
from skerry.dataplane.time_slots import LONGEST_WINDOW_S

_FORGOTTEN_AFTER_S = LONGEST_WINDOW_S + 120
"""Later, no time slot counts the class any more, so that its number may be another's."""


class ClassIndex:
    """Numbers for classes, the same for all versions of a model, so that they can be compared."""

    def __init__(self) -> None:
        self._index: dict[str, int] = {}
        self._last_seen: dict[str, int] = {}
        self._full_until = 0

    def names(self) -> dict[int, str]:
        """Return the classes by their numbers."""
        return {index: name for name, index in self._index.items()}

    def index_of(self, name: str, second: int) -> int:
        """Return the class's number, ``MAX_CLASSES`` where too many others have one."""
        index = self._index.get(name)
        if index is None:
            index = self._free(second)
            if index == MAX_CLASSES:
                return index
            self._index[name] = index
        # A second may be counted long after it, when its series has been idle.
        self._last_seen[name] = max(second, self._last_seen.get(name, second))
        return index

    def _free(self, second: int) -> int:
        if len(self._index) < MAX_CLASSES:
            return min(set(range(MAX_CLASSES)).difference(self._index.values()))
        if second < self._full_until:
            return MAX_CLASSES
        oldest = min(self._last_seen, key=self._last_seen.__getitem__)
        last_seen = self._last_seen[oldest]
        if second <= last_seen + _FORGOTTEN_AFTER_S:
            self._full_until = last_seen + _FORGOTTEN_AFTER_S
            return MAX_CLASSES
        del self._last_seen[oldest]
        return self._index.pop(oldest)
