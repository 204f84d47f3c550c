"""Which versions on the volume are to be loaded."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from skerry.core.errors import InvalidPolicy
from skerry.core.names import is_name, natural_key, shown

_COUNT = re.compile(r"[1-9][0-9]{0,8}")
EXPECTED = "all, latest:N or specific:v1,v2"


@dataclass(frozen=True, slots=True)
class VersionPolicy:
    """All versions, the N latest, or those that are named; at most one of the two is set."""

    latest: int | None = None
    specific: frozenset[str] | None = None

    def select(self, versions: Iterable[str], failed: Iterable[str]) -> frozenset[str]:
        """Return the versions that are to be loaded or tried again.

        versions: what is on the volume.
        failed: those whose last load failed; they do not count towards ``latest``, so a broken
            new version never unloads the good one, yet stay selected, to be tried again.
        """
        names = frozenset(versions)
        if self.specific is not None:
            return names & self.specific
        if self.latest is None:
            return names
        broken = frozenset(failed)
        selected: set[str] = set()
        sound = 0
        for version in sorted(names, key=natural_key, reverse=True):
            if sound == self.latest:
                break
            selected.add(version)
            sound += version not in broken
        return frozenset(selected)

    def to_value(self) -> str | list[str]:
        """Return the policy as a traffic policy writes it."""
        if self.specific is not None:
            return sorted(self.specific, key=natural_key)
        return "all" if self.latest is None else f"latest:{self.latest}"

    @classmethod
    def from_value(cls, value: Any, where: str) -> VersionPolicy:
        """Read ``all``, ``latest:N``, ``specific:v1,v2`` or a list of versions.

        Raises:
            InvalidPolicy: anything else.
        """
        if isinstance(value, list):
            return cls(specific=_names(value, where))
        if value == "all":
            return cls()
        kind, _, rest = value.partition(":") if isinstance(value, str) else ("", "", "")
        if kind == "latest" and _COUNT.fullmatch(rest):
            return cls(latest=int(rest))
        if kind == "specific" and rest:
            return cls(specific=_names([part.strip() for part in rest.split(",")], where))
        raise InvalidPolicy(f"{where}: expected {EXPECTED}, got {shown(value)}")


def _names(values: list[Any], where: str) -> frozenset[str]:
    for value in values:
        if not isinstance(value, str) or not is_name(value):
            raise InvalidPolicy(f"{where}: expected names of versions, got {shown(value)}")
    if not values:
        raise InvalidPolicy(f"{where}: expected at least one version, got an empty list")
    return frozenset(values)
