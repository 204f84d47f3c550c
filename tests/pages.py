"""Commands in Markdown pages, and whether their output is what the page shows.

Put ``<!-- run: name -->`` before a fenced ``sh`` block to have it run by the tests,
``<!-- run: name, exit 2 -->`` where it must fail, ``<!-- run on kind: name -->`` where it needs a
cluster, or ``<!-- not run: reason -->``. A ``json`` or ``text`` block right after it is the
expected output; there ``…`` stands for anything, and where the mark ends in ``, other figures``
any number for a number.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_BLOCK = re.compile(
    r"(?:^<!-- (?P<kind>run|run on kind|not run): (?P<name>[^>]+?)"
    r"(?:, exit (?P<exit>\d+)|, (?P<other>other figures))? -->\n)?"
    r"^```sh\n(?P<command>.*?)^```\n"
    r"(?:\n```(?P<format>json|text)\n(?P<expected>.*?)^```$)?",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """One fenced block of commands.

    exit_code: expected. expected: output, None where not shown. other_figures: its numbers are
    those of one run, and others come.
    """

    kind: str | None
    name: str
    command: str
    exit_code: int
    expected: str | None
    other_figures: bool = False

    @property
    def starts_server(self) -> bool:
        """Whether it leaves a process behind."""
        return self.command.rstrip().endswith("&")


def blocks_of(page: Path) -> list[Block]:
    """Return the fenced blocks of commands of a page."""
    return [
        Block(
            m["kind"],
            m["name"] or "",
            m["command"],
            int(m["exit"] or 0),
            m["expected"],
            m["other"] is not None,
        )
        for m in _BLOCK.finditer(page.read_text(encoding="utf-8"))
    ]


def runnable(page: Path, kind: str = "run") -> list[Block]:
    """Return the blocks of a page that are run there: here, or on a cluster of kind."""
    return [block for block in blocks_of(page) if block.kind == kind]


# Comparing what is shown with what comes out.

_TOKENS = {
    "rest": ("…", ".*"),
    "id": (r"\b[0-9A-HJKMNP-TV-Z]{26}\b", None),
    "time": (r"\d{4}-\d\d-\d\dT[\d:.]+Z|\b\d\d:\d\d:\d\d\b", None),
    "digest": (r"sha256:[0-9a-f]+", None),
    "generation": (r"\b[0-9a-f]{12}\b", None),
    "release": (r"\b\d+\.\d+\.\d+\b", None),
    "measured": (r"\d+(?:\.\d+)? ?(?:ms|s|µs|[kKMG]?i?B|bytes)\b", None),
    "duration": (r"duration_m?s=\d+(?:\.\d+)?", None),
    "number": (r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.])", r"(-?\d+(?:\.\d+)?(?:e-?\d+)?)"),
    "rule": (r"[━─]+", None),
    "space": (r"\s+", None),
}
"""What is found in an expected text, and what may stand for it: None is another of its kind."""
_ANY_NUMBER = r"[-+]?\d[\d,]*(?:\.\d+)?"
_TOKEN = re.compile("|".join(f"(?P<{kind}>{found})" for kind, (found, _) in _TOKENS.items()))
VOLATILE = {"duration_s", "memory_bytes", "uptime_s", "size_bytes", "duration_ms"}
"""Keys whose number is measured: only that it is a number counts."""


def is_close(expected: str, got: str) -> bool:
    """Tell whether two numbers agree: whole ones exactly, others to a twentieth."""
    if "." not in expected and "." not in got:
        return expected == got
    return math.isclose(float(got), float(expected), rel_tol=0.05, abs_tol=0.02)


def same_text(expected: str, got: str, *, other_figures: bool = False) -> bool:
    """Tell whether two texts agree but for ids, times, digests, measures and rounding.

    other_figures: every number may be another one.
    """
    pattern, numbers, end = "", [], 0
    for token in _TOKEN.finditer(expected):
        kind = str(token.lastgroup)
        found, stands_for = _TOKENS[kind]
        if other_figures and kind == "number":
            stands_for = _ANY_NUMBER
        pattern += re.escape(expected[end : token.start()]) + f"(?:{stands_for or found})"
        numbers += [token[0]] if kind == "number" else []
        end = token.end()
    match = re.fullmatch(pattern + re.escape(expected[end:]), got, re.DOTALL)
    return match is not None and (other_figures or all(map(is_close, numbers, match.groups())))


def same_value(expected: Any, got: Any, key: str = "") -> bool:
    """Tell whether two JSON values agree, by the same rules."""
    if isinstance(expected, dict) and isinstance(got, dict):
        return list(expected) == list(got) and all(same_value(expected[k], got[k], k) for k in got)
    if isinstance(expected, list) and isinstance(got, list):
        return len(expected) == len(got) and all(map(same_value, expected, got))
    if isinstance(expected, str) and isinstance(got, str):
        return same_text(expected, got)
    if isinstance(expected, float) and isinstance(got, float) and key not in VOLATILE:
        return is_close(str(expected), str(got))
    return type(expected) is type(got) and (key in VOLATILE or bool(expected == got))


def is_shown(expected: str, got: str) -> bool:
    """Tell whether a page's output is what came out."""
    try:
        return same_value(json.loads(expected), json.loads(got))
    except ValueError:
        return same_text(expected.strip(), got.strip())
