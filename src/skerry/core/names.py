"""Names of models and versions: what is one, how they are ordered, how a wrong one is shown."""

from __future__ import annotations

import re
from reprlib import Repr

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_DIGITS = re.compile(r"(\d+)")


def is_name(text: str) -> bool:
    """Tell whether text can name a model or a version (1 to 63 characters)."""
    return text != "lost+found" and _NAME.fullmatch(text) is not None


def natural_key(version: str) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """Return a sort key in which ``v10`` comes after ``v9``; no two names share one."""
    parts = tuple(
        (0, int(part), "") if part.isdigit() else (1, 0, part)
        for part in _DIGITS.split(version)
        if part
    )
    return parts, version


_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = 60


def shown(value: object) -> str:
    """Return a short representation of whatever came, however large it is."""
    return _SHORT.repr(value)
