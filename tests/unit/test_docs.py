"""The pages say what the code does: settings, errors, commands, routes, links."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import annotated_types
import click
import pytest
import yaml
from fastapi.routing import APIRoute
from pydantic.fields import FieldInfo

from skerry.app import ROUTES
from skerry.cli import skerry
from skerry.core.errors import InvalidPolicy
from skerry.core.manifest import Artifact, Manifest
from skerry.core.signature import DType, Feature, Output, Signature, Task
from skerry.core.traffic import TrafficDocument
from skerry.core.traffic_policy import TrafficPolicy
from skerry.core.version_state import VersionState
from skerry.http.errors import TABLE, ErrorKind
from skerry.settings import PREFIX, Settings
from skerry.telemetry.metrics import ALL as METRICS
from skerry.telemetry.metrics import PREFIX as METRIC_PREFIX

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
DECISIONS = sorted((DOCS / "decisions").glob("[0-9]*.md"))

_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?!https?://|mailto:)([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose_of(page: Path) -> str:
    """Return a page without its fenced blocks."""
    return _FENCE.sub("", text_of(page))


def rows_of(page: Path, first_column: str) -> Iterator[list[str]]:
    """Yield the cells of every table row whose table begins with a column of that name."""
    inside = False
    for line in prose_of(page).splitlines():
        if not line.startswith("|"):
            inside = False
            continue
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        cells = [cell.strip().strip("|").strip() for cell in cells]
        if cells[0] == first_column:
            inside = True
        elif inside and not set(line) <= set("|- :"):
            yield cells


def anchor_of(heading: str) -> str:
    """Return the fragment that a heading gets: lower case, no punctuation, dashes for spaces."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


# Settings.

SETTINGS = {row[0].strip("`"): row for row in rows_of(DOCS / "configuration.md", "variable")}


def default_of(field: FieldInfo) -> str:
    if field.default in (None, ()):
        return "unset"
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    return f"`{field.default}`" if str(field.default) else "empty"


def range_of(field: FieldInfo) -> tuple[str, ...]:
    """Return what the page's range must contain."""
    choices = [
        a for kind in (field.annotation, *get_args(field.annotation)) for a in get_args(kind)
    ]
    literals = [choice for choice in choices if isinstance(choice, str)]
    if literals:
        return tuple(f"`{choice}`" for choice in literals)
    bounds: dict[type, Any] = {type(bound): bound for bound in field.metadata}
    at_least = bounds.get(annotated_types.Ge)
    above = bounds.get(annotated_types.Gt)
    at_most = bounds.get(annotated_types.Le)
    if at_least and at_most:
        return (f"{at_least.ge} to {at_most.le}",)
    if above and at_most:
        return (f"above {above.gt}, to {at_most.le}",)
    return (f"at least {at_least.ge}",) if at_least else ()


def test_every_setting_is_documented_and_no_other() -> None:
    assert {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} == set(SETTINGS)


@pytest.mark.parametrize(("name", "field"), Settings.model_fields.items())
def test_page_has_flag_range_and_default(name: str, field: FieldInfo) -> None:
    _, flag, bounds, default, meaning = SETTINGS[f"{PREFIX}{name.upper()}"]

    assert (flag, default) == (f"`--{name.replace('_', '-')}`", default_of(field))
    assert [part for part in range_of(field) if part not in bounds] == []
    assert meaning.endswith(".")


# Errors.


def sections_of_errors() -> dict[str, str]:
    parts = re.split(r"^### +(\S+)\n", text_of(DOCS / "errors.md"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


ERRORS = sections_of_errors()


def test_every_error_is_documented_and_no_other() -> None:
    assert sorted(kind.slug for kind in TABLE.values()) == sorted(ERRORS)


@pytest.mark.parametrize("kind", TABLE.values(), ids=lambda kind: str(kind.slug))
def test_error_has_status_title_and_advice(kind: ErrorKind) -> None:
    section = ERRORS[kind.slug]

    assert f"- **Status:** {kind.status}, *{kind.title}*." in section
    assert ["When", "Example", "What to do"] == re.findall(
        r"^- \*\*(When|Example|What to do):\*\* \S", section, re.MULTILINE
    )


def test_errors_stand_in_the_order_of_their_status() -> None:
    statuses = {kind.slug: kind.status for kind in TABLE.values()}

    assert sorted(ERRORS, key=lambda slug: statuses[slug]) == list(ERRORS)


# Commands.


def commands_of(group: click.Command, path: Sequence[str] = ()) -> Iterator[str]:
    """Yield every command below a group, subcommands by their whole name."""
    if not isinstance(group, click.Group):
        yield " ".join(path)
        return
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield from commands_of(command, (*path, name))


def test_every_command_is_documented_and_no_other() -> None:
    page = text_of(DOCS / "cli.md")
    documented = re.findall(r"^##+ +`?skerry ([a-z -]+?)`?$", page, re.MULTILINE)

    assert sorted(commands_of(skerry)) == sorted(documented)


# Routes.


def routes() -> set[tuple[str, str]]:
    found = [route for part in ROUTES for route in part.router.routes]
    return {
        (method, route.path)
        for route in found
        if isinstance(route, APIRoute) and "/assets/" not in route.path
        for method in route.methods or ()
        if method != "HEAD"  # where it is taken, it is GET without the body
    } | {("GET", "/openapi.json")}


def test_every_route_is_in_the_api_table_and_no_other() -> None:
    cells = [row[0] for row in rows_of(ROOT / "README.md", "route")]
    listed = {
        (method, path.replace("MODEL", "{model}").replace("VERSION", "{version}"))
        for cell in cells
        for method, path in re.findall(r"`(GET|POST|PUT) ([^`]+)`", cell)
    }

    assert routes() == listed


# Metrics.


def test_every_metric_is_documented_and_no_other() -> None:
    expected = [
        [
            f"`{METRIC_PREFIX}{metric.name}`",
            metric.kind,
            ", ".join(f"`{label}`" for label in metric.labels),
            metric.unit,
            f"{metric.meaning}.",
        ]
        for metric in METRICS
    ]

    assert expected == list(rows_of(DOCS / "metrics.md", "metric"))


# The repository.


def keys_of(page: Path, heading: str) -> set[str]:
    """Return the keys that the table with that first line describes."""
    after = prose_of(page).partition(heading)[2].partition("\n| key | meaning |\n")[2]
    table = after.partition("\n\n")[0]
    return {
        key for row in table.splitlines() for key in re.findall(r"`([a-z_.]+)`", row.split("|")[1])
    }


def a_manifest() -> Mapping[str, Any]:
    feature = Feature("x0", DType.FLOAT64)
    manifest = Manifest(
        model="iris",
        version="v1",
        created_at="",
        skerry_version="",
        artifact=Artifact("model.joblib", "joblib", "", 0),
        task=Task.CLASSIFICATION,
        estimator="",
        packages={},
        signature=Signature((feature,), (Output("prediction", DType.INT64),)),
        training={},
    )
    data: dict[str, Any] = json.loads(manifest.to_json())
    return data


def test_manifest_is_documented_field_by_field() -> None:
    data = a_manifest()
    nested = ("artifact", "signature")
    keys = {key for key in data if key not in nested}
    keys |= {f"{outer}.{inner}" for outer in nested for inner in data[outer]}

    assert keys == keys_of(DOCS / "repository.md", "## Manifest")


def test_features_of_a_manifest_are_documented() -> None:
    assert set(Feature("x0", DType.FLOAT64).to_dict()) == keys_of(
        DOCS / "repository.md", "A feature:"
    )


def test_the_traffic_file_that_is_shown_is_valid() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", text_of(DOCS / "traffic.md"), re.DOTALL)

    document = TrafficDocument.from_value(yaml.safe_load(blocks[0]))

    assert ("v1", "v0") == (document.models["iris"].stable, document.previous["iris"].stable)
    assert 2 == len(TrafficPolicy.from_value(yaml.safe_load(blocks[1]), "policy").canaries)


def test_every_key_of_a_traffic_policy_is_shown() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", text_of(DOCS / "traffic.md"), re.DOTALL)
    with pytest.raises(InvalidPolicy) as refusal:
        TrafficPolicy.from_value({"no_key": 1}, "policy")
    known = refusal.value.detail.partition("the keys ")[2].rpartition(", got")[0].split(", ")

    shown = {*yaml.safe_load(blocks[0])["models"]["iris"], *yaml.safe_load(blocks[1])}
    assert set(known) == shown


def test_glossary_has_every_state() -> None:
    page = text_of(DOCS / "glossary.md")

    assert [] == [state for state in VersionState if state not in page]


# All pages.


def resolves(page: Path, link: str) -> bool:
    path, _, fragment = link.partition("#")
    target = page.parent / path if path else page
    if not target.exists() or not fragment:
        return target.exists()
    return fragment in map(anchor_of, _HEADING.findall(prose_of(target)))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_resolve(page: Path) -> None:
    assert [] == [link for link in _LINK.findall(prose_of(page)) if not resolves(page, link)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_source_files_that_are_named_exist(page: Path) -> None:
    sources = [f"/{path.relative_to(ROOT)}" for path in (ROOT / "src").rglob("*.py")]
    named = re.findall(r"`((?:[a-z_]+/)*[a-z_]+\.py)`", prose_of(page))

    assert [] == [name for name in named if not any(s.endswith(f"/{name}") for s in sources)]


@pytest.mark.parametrize(
    "page",
    [p for p in PAGES if p.name != "CHANGELOG.md"],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_one_sentence_a_line(page: Path) -> None:
    lines = [line for line in prose_of(page).splitlines() if not re.match(r"\||- |\d", line)]

    assert [] == [line for line in lines if re.search(r"[a-z)`*\"][.?!] +[A-Z]", line)]


def test_decisions_are_numbered_and_listed() -> None:
    index = text_of(DOCS / "decisions" / "README.md")
    listed = re.findall(r"^(\d+)\. \[(.+)\]\((.+)\)$", index, re.MULTILINE)
    expected = [
        (str(number), text_of(page).splitlines()[0].partition(". ")[2], page.name)
        for number, page in enumerate(DECISIONS, start=1)
    ]

    assert expected == listed
    assert [f"{n:04}" for n in range(1, len(DECISIONS) + 1)] == [p.name[:4] for p in DECISIONS]


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: str(page.name))
def test_a_decision_has_its_three_parts(page: Path) -> None:
    assert ["Context", "Choice", "What would change our mind"] == re.findall(
        r"^## (.+)$", text_of(page), re.MULTILINE
    )
