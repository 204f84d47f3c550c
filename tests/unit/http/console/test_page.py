"""The page as HTML: what models call things stays text, and nothing comes from outside."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from importlib import resources

import numpy as np
import pytest

from skerry.core.evidence import ERRORS, N_COUNTS, REQUESTS, Comparison, Tally, TrackEvidence
from skerry.core.history import TrackHistory
from skerry.core.plan import Candidate, Executor, Parity, Plan, RowRange
from skerry.core.signature import DType, Feature, Output, Signature
from skerry.http.console.assets import assets
from skerry.http.console.drift_table import DriftRow, DriftTable
from skerry.http.console.model_section import WINDOWS, ClassRow, EvidenceRow, ModelSection
from skerry.http.console.page import Page, duration_in_words, locked_page, render
from skerry.http.console.plan_table import plan_table
from skerry.http.console.traffic_panel import canary_sentence, traffic_panel
from skerry.http.console.try_form import try_form
from skerry.http.console.version_card import VersionCard

HOSTILE = """"'><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7*7 }}</textarea>&amp;"""
VOID = ("meta", "link", "img", "input", "rect", "path", "polyline")


class Seen(HTMLParser):
    """Gathers elements, attributes and text, as a browser would see them."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.unbalanced: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.texts)

    def attributes(self, name: str) -> list[str]:
        return [str(attrs[name]) for _, attrs in self.elements if name in attrs]


def seen(page: Page) -> Seen:
    parser = Seen()
    parser.feed(render(page))
    parser.close()
    return parser


def evidence(track: str) -> TrackEvidence:
    counts = np.zeros(N_COUNTS, np.int64)
    counts[REQUESTS], counts[ERRORS] = 100, 1
    return TrackEvidence.of("v1", track, Tally(counts), {})


def hostile_model() -> ModelSection:
    signature = Signature(
        (
            Feature(HOSTILE, DType.FLOAT64, range=(0.0, 1.0)),
            Feature(f"2{HOSTILE}", DType.STRING, categories=(HOSTILE, "b"), nullable=True),
            Feature(f"3{HOSTILE}", DType.STRING),
        ),
        (Output("prediction", DType.STRING, (HOSTILE, "b")),),
    )
    refused = Candidate(Executor.TREELITE, accepted=False, reason=HOSTILE, duration_us={1: 2.0})
    plan = Plan(Parity.EXACT, (RowRange(1, None, Executor.SKLEARN),), (refused,))
    policy = {
        "stable": "v1",
        "canary": {"version": "v2", "weight": 10, "headers": [{"name": "X", "value": HOSTILE}]},
        "sticky": {"header": HOSTILE},
    }
    traffic = traffic_panel(
        {
            "generation": "default",
            "store": "file",
            "writable": True,
            "declared": policy,
            "in_force": policy,
            "differences": [{"version": "v2", "state": None, "reason": HOSTILE}],
            "previous": policy,
        },
        {("v2", "canary"): 10.0, ("v1", "stable"): 90.0},
        [evidence("stable")],
        ["v1", "v2"],
    )
    history = TrackHistory("v1", "stable", 1, (1, 2), (0, 0), (0.1, None), (0.1, 0.2))
    card = VersionCard(
        "v3",
        "FAILED",
        "bad",
        "for 1 s",
        (),
        HOSTILE,
        None,
        (HOSTILE,),
        (("Estimator", HOSTILE),),
        plan_table(plan),
    )
    sentence = canary_sentence(
        [evidence("canary")], Comparison("v1", "v0", class_shift={HOSTILE: 0.5}), "minute"
    )
    assert sentence is not None
    return ModelSection(
        "iris",
        True,
        True,
        traffic,
        (history,),
        (evidence("stable"),),
        (EvidenceRow("v1", "stable", "100", "10/s", "1", True, "1 ms", "1 ms", "1 ms"),),
        (ClassRow(HOSTILE, 10.0, "10 %", None, "–", "–"),),
        (sentence,),
        (card,),
        (DriftTable("v1", "10", (DriftRow(HOSTILE, "0.3", 60, "moved", "–", "–", "–"),), 1, ""),),
        try_form(signature, ("v1",)),
    )


def hostile_page() -> Page:
    return Page(
        "/prefix",
        False,
        WINDOWS[0],
        (hostile_model(),),
        ("wine",),
        state="ready",
        troubles=(HOSTILE,),
        uptime="1 s",
        at="12:00:00 UTC",
        can_change=True,
    )


def test_hostile_names_stay_text() -> None:
    found = seen(hostile_page())

    scripts = [attrs for tag, attrs in found.elements if tag == "script"]
    files = "/prefix/console/assets"
    assert [{"src": f"{files}/early.js"}, {"type": "module", "src": f"{files}/main.js"}] == scripts
    assert [] == [a for _, attrs in found.elements for a in attrs if a.startswith("on")]
    assert ["/prefix/console/assets/icon.svg"] == found.attributes("src")[2:]
    assert [] == found.unbalanced + found.open
    # Reason, warning, fact, verdict, difference, trouble, class, drift: each is there, as it is.
    assert 8 <= found.text.count(HOSTILE)
    assert [HOSTILE, f"2{HOSTILE}", f"3{HOSTILE}"] == found.attributes("data-feature")


def test_nothing_is_inline_that_the_policy_forbids() -> None:
    found = seen(hostile_page())

    assert [] == found.attributes("style")
    assert [] == [tag for tag, _ in found.elements if tag == "style"]


def test_the_policy_that_a_change_begins_with_is_on_the_page() -> None:
    (policy,) = seen(hostile_page()).attributes("data-policy")

    assert "v1" == json.loads(policy)["stable"]
    assert HOSTILE == json.loads(policy)["sticky"]["header"]


def test_controls_have_the_names_that_are_promised() -> None:
    found = seen(hostile_page())
    sliders = [a for t, a in found.elements if t == "input" and a.get("type") == "range"]

    assert ["canary share of iris"] == [slider["aria-label"] for slider in sliders]
    assert ("0", "100", "10.0") == tuple(sliders[0][name] for name in ("min", "max", "value"))
    assert "try iris" in found.attributes("aria-label")
    assert "admin token" in found.texts
    buttons = re.findall(r"<button[^>]*>([^<]*)</button>", render(hostile_page()))
    assert ["Apply", "Promote", "Roll back", "Predict", "Copy as curl"] == buttons


def test_ids_are_unique() -> None:
    ids = seen(hostile_page()).attributes("id")

    assert sorted(set(ids)) == sorted(ids)


def test_a_locked_page_has_no_data() -> None:
    found = seen(locked_page("", WINDOWS[0]))

    assert "This server asks for a token" in found.text
    assert [] == found.attributes("data-model")
    assert "data-locked" in next(attrs for tag, attrs in found.elements if tag == "body")


def test_a_page_without_models_says_what_to_do() -> None:
    page = Page("", False, WINDOWS[0], state="not ready", uptime="1 s", at="12:00:00 UTC")

    assert "No models yet" in seen(page).text


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.4, "0 s"), (59, "59 s"), (60, "1 min"), (3720, "1 h 2 min"), (90_000, "1 d 1 h")],
)
def test_uptime_in_words(seconds: float, expected: str) -> None:
    assert expected == duration_in_words(seconds)


# The page's own files.


def static_text(suffix: str) -> dict[str, str]:
    return {n: a.content.decode() for n, a in assets().items() if n.endswith(suffix)}


def test_every_script_that_is_imported_is_there() -> None:
    for name, text in static_text(".js").items():
        for imported in re.findall(r'from "\./([^"]+)"', text):
            assert imported in assets(), name


def test_every_file_is_used() -> None:
    page = render(hostile_page())
    used = set(re.findall(r"console/assets/([a-z.]+)", page))
    scripts = static_text(".js")
    while (
        more := {
            imported
            for name in used & set(scripts)
            for imported in re.findall(r'from "\./([^"]+)"', scripts[name])
        }
        - used
    ):
        used |= more

    assert set(assets()) == used


def test_no_file_names_another_host_or_makes_markup_of_text() -> None:
    for name, asset in assets().items():
        text = asset.content.decode().replace("http://www.w3.org/2000/svg", "")
        assert [] == re.findall(r"https?://|//[a-z]+\.|@import|\burl\(", text), name
        for sink in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
            assert sink not in text, name


def test_nothing_is_stored_in_the_browser() -> None:
    for name, text in static_text(".js").items():
        for store in ("localStorage", "sessionStorage", "indexedDB", "document.cookie"):
            assert store not in text, name


def test_templates_switch_escaping_off_nowhere() -> None:
    folder = resources.files("skerry.http.console").joinpath("templates")
    for template in folder.iterdir():
        text = template.read_text(encoding="utf-8")
        assert "|safe" not in text.replace(" ", "")
        assert "autoescape" not in text
        assert template.name.endswith(".html")
