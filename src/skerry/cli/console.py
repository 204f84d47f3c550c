"""Where tables for people go, and how a value from elsewhere gets there harmlessly."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

_WIDTH_WITHOUT_TERMINAL = 120


def make_console() -> Console:
    """Return a console on stdout, wide enough where that is no terminal."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH_WITHOUT_TERMINAL
    return console


def plain(value: object) -> Text:
    """Return a value as text in which nothing is markup or a control sequence of the terminal."""
    text = "" if value is None else str(value)
    return Text("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text))
