"""What an installation prints: the next commands, as they are to be typed."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.chart.rendering import (
    GATEWAY,
    SMALL,
    VALUE_FILES,
    needs_helm,
    notes,
    render,
    values_of,
    with_changes,
)

pytestmark = needs_helm


def commands_in(text: str) -> list[list[str]]:
    """Return the commands, which are indented by two, as a shell splits them."""
    lines = [line.strip() for line in text.splitlines() if line.startswith("  ")]
    return [
        shlex.split(line, comments=True)
        for line in lines
        if line.split()[0] in ("kubectl", "helm", "curl", "skerry") or line.startswith("TOKEN=")
    ]


@pytest.mark.parametrize("path", VALUE_FILES, ids=lambda path: path.name)
def test_commands_are_whole(path: Path) -> None:
    commands = commands_in(notes(values_of(path)))
    programs = {each[0] for each in commands}
    assert {"kubectl", "helm", "curl"} <= programs
    for each in commands:
        assert not any(word in ("<no", "%!s", "map[") for word in " ".join(each).split())
        assert "<nil>" not in each


def options_after(command: list[str], option: str) -> list[str]:
    return [value for name, value in itertools.pairwise(command) if name == option]


def upgraded(values: Mapping[str, Any], command: list[str]) -> dict[str, Any]:
    """Return the release's values after a ``helm upgrade`` that the notes show."""
    assert ["helm", "upgrade", "iris", "CHART", "--namespace", "skerry"] == command[:6]
    assert "--reset-then-reuse-values" in command
    changed: dict[str, Any] = dict(values)
    for assignment in options_after(command, "--set"):
        path, _, value = assignment.partition("=")
        change: Any = {"null": None}.get(value, int(value) if value.isdigit() else value)
        changed = with_changes(changed, nested(path, change))
    for assignment in options_after(command, "--set-string"):
        path, _, value = assignment.partition("=")
        changed = with_changes(changed, nested(path, value))
    return changed


def nested(path: str, value: Any) -> dict[str, Any]:
    """Return the value below the keys of a path with dots."""
    head, _, rest = path.partition(".")
    return {head: nested(rest, value) if rest else value}


@pytest.mark.parametrize("base", [SMALL, GATEWAY], ids=["inProcess", "gateway"])
def test_upgrades_are_to_half_of_the_traffic_and_to_all_of_it(base: Mapping[str, Any]) -> None:
    values = with_changes(base, {"traffic": {"canary": {"version": "v2", "weight": 10}}})
    upgrades = [each for each in commands_in(notes(values)) if each[1] == "upgrade"]

    half, promoted = (upgraded(values, each) for each in upgrades)

    assert {"version": "v2", "weight": 50} == half["traffic"]["canary"]
    assert ("v2", None) == (promoted["traffic"]["stable"], promoted["traffic"]["canary"])
    assert render(half)
    assert render(promoted)


def test_a_version_whose_name_is_a_number_is_promoted_as_text() -> None:
    canary = {"version": "10", "weight": 10}
    values = {**SMALL, "versions": {"9": {}, "10": {}}}
    values["traffic"] = {"stable": "9", "canary": canary}
    promotion = [each for each in commands_in(notes(values)) if each[1] == "upgrade"][1]

    assert ["traffic.stable=10"] == options_after(promotion, "--set-string")
    assert "10" == upgraded(values, promotion)["traffic"]["stable"]


def test_without_a_canary_the_next_version_is_one() -> None:
    [command] = [each for each in commands_in(notes(SMALL)) if each[1] == "upgrade"]
    assert [
        'versions={"v1": {}, "v2": {}, "NEXT": {}}',
        'traffic.canary={"version": "NEXT", "weight": 10}',
    ] == options_after(command, "--set-json")


def test_tells_who_answers() -> None:
    canary = {"version": "v2", "weight": 2.5, "headers": [{"name": "X-Canary", "value": "true"}]}
    text = notes(with_changes(SMALL, {"traffic": {"canary": canary}}))
    first = text.splitlines()[0]
    assert (
        "The model iris is served: v1 answers, the canary v2 gets 2.5 % and whatever has"
        " X-Canary: true." == first
    )


def test_asks_with_the_token_where_there_is_one() -> None:
    text = notes(with_changes(SMALL, {"tokens": {"existingSecret": "tokens"}}))
    assert "get secret tokens -o jsonpath='{.data.api-token}' | base64 -d)" in text
    assert all(
        "Authorization: Bearer $TOKEN" in " ".join(c) for c in commands_in(text) if c[0] == "curl"
    )
    [show] = [each for each in commands_in(text) if each[0] == "skerry"]
    assert ["$TOKEN"] == options_after(show, "--token")
    assert "Authorization" not in notes(SMALL)


def test_row_is_quoted_for_the_shell() -> None:
    text = notes(with_changes(SMALL, {"model": {"exampleRow": {"text": 'it\'s "so"'}}}))
    [command] = [each for each in commands_in(text) if "-d" in each]
    assert ['{"features": {"text":"it\'s \\"so\\""}}'] == options_after(command, "-d")
