"""A model's traffic, declared and in force, as a table for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from skerry.cli.console import make_console, plain
from skerry.cli.policy import Policy, canaries_of

_COLUMNS = ("declared", "in force", "previous")


def show(view: Mapping[str, Any]) -> None:
    """Print what the API says of a model's traffic."""
    console = make_console()
    console.print(plain(heading(view)))
    table = Table("", *_COLUMNS)
    for name, *cells in rows(view):
        table.add_row(plain(name), *map(plain, cells))
    console.print(table)
    for sentence in difference_sentences(view):
        console.print(plain(sentence))


def heading(view: Mapping[str, Any]) -> str:
    """Return what is the traffic, and where it is kept."""
    writable = "writable" if view["writable"] else "read-only"
    return f"{view['model']}: generation {view['generation']}, store {view['store']}, {writable}"


def rows(view: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return a row for each key that one of the policies has: its name, and its text in each."""
    policies = [view["declared"], view["in_force"], view["previous"]]
    texts = [{} if policy is None else _texts(policy) for policy in policies]
    names = dict.fromkeys(name for text in texts for name in text)
    return [(name, *(text.get(name, "") for text in texts)) for name in names]


def difference_sentences(view: Mapping[str, Any]) -> list[str]:
    """Return why what is in force is not what is declared."""
    return [_difference(each) for each in view["differences"]]


def _difference(difference: Mapping[str, Any]) -> str:
    if difference["version"] is None:
        return str(difference["reason"])
    state = "" if difference["state"] is None else f" ({difference['state']})"
    return f"{difference['version']}{state}: {difference['reason']}"


def _texts(policy: Policy) -> dict[str, str]:
    """Return each key of a policy as people read it."""
    known = {
        "stable": str(policy.get("stable")),
        "canary": "; ".join(map(_canary, canaries_of(policy))),
        "sticky": _sticky(policy.get("sticky")),
        "shadow": _shadow(policy.get("shadow")),
        "versions": _listed(policy.get("versions")),
        "digests": _listed([f"{v} {d}" for v, d in (policy.get("digests") or {}).items()]),
    }
    return {name: text for name, text in known.items() if text}


def _canary(canary: Mapping[str, Any]) -> str:
    headers = ", ".join(f"{h['name']}: {h['value']}" for h in canary.get("headers") or ())
    return f"{canary['version']} {canary.get('weight', 0):g} %" + (
        f", {headers}" if headers else ""
    )


def _sticky(sticky: Mapping[str, Any] | None) -> str:
    return "" if sticky is None else ", ".join(f"{name} {text}" for name, text in sticky.items())


def _shadow(shadow: Mapping[str, Any] | None) -> str:
    return "" if shadow is None else f"{shadow['version']} {shadow.get('sample', 100):g} %"


def _listed(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value or "")
