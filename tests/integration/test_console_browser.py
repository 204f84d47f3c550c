"""The console in a real Chromium: the flow of a rollout, what goes wrong, and whom it is for."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, expect
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from skerry.cli.policy import with_canary
from tests.integration.console_scene import (
    CHROMIUM,
    chromium,
    console_repository,
    put_canary,
    steady_load,
)
from tests.integration.models import iris_model, iris_repository, put, settle
from tests.integration.server import ADMIN, ADMIN_TOKEN, RunningServer, serve

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's package chromium")

API_TOKEN = "reader-secret"
PATIENCE_MS = 60_000
HOSTILE = """"'><img src=x onerror="window.pwned=1">{{ 7*7 }}"""
DARK: dict[str, Any] = {"color_scheme": "dark"}
PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "has_touch": True}

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    repository = console_repository(tmp_path_factory.mktemp("console"))
    with serve(repository) as running, steady_load(running.url):
        running.wait_for_state("iris", "v1", "READY")
        running.wait_for_state("iris", "v2", "READY")
        running.wait_for_state("iris", "v3", "FAILED")
        yield running


class Visit:
    """A page, with what its console said and which addresses it asked."""

    def __init__(self, context: BrowserContext) -> None:
        self.page: Page = context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", self._note_console)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))

    def _note_console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)


@contextmanager
def visit(browser: Browser, url: str, **context: Any) -> Iterator[Visit]:
    opened = browser.new_context(**context)
    try:
        found = Visit(opened)
        found.page.goto(url)
        yield found
    finally:
        opened.close()


def live_share(page: Page, who: str) -> float:
    text = page.locator(f'[data-live="{who}"]').inner_text()
    return float(re.sub(r"[^\d.]", "", text) or "nan")


def wait_for_share(page: Page, who: str, low: float, high: float) -> float:
    """Return the live share once it lies between the two; the page must get there by itself."""
    page.wait_for_function(
        """([who, low, high]) => {
            const share = parseFloat(document.querySelector(`[data-live="${who}"]`)?.textContent);
            return low <= share && share <= high;
        }""",
        arg=[who, low, high],
    )
    return live_share(page, who)


def wait_for_refreshes(page: Page) -> None:
    """Wait until the page has asked for itself again, more than once."""
    page.wait_for_function(
        "began => performance.getEntriesByType('resource').length > began + 2",
        arg=page.evaluate("performance.getEntriesByType('resource').length"),
    )


def hold(page: Page, pattern: str) -> list[Route]:
    """Keep requests back from now on; the list gets them."""
    held: list[Route] = []
    page.route(pattern, lambda route: held.append(route))
    return held


def drag_to(page: Page, slider: Locator, percent: float) -> None:
    """Take the thumb where it is, as a hand does, and put it elsewhere."""
    box = slider.bounding_box()
    assert box is not None
    thumb, middle = 28, box["y"] + box["height"] / 2

    def x_of(value: float) -> float:
        return box["x"] + thumb / 2 + (box["width"] - thumb) * value / 100

    page.mouse.move(x_of(float(slider.input_value())), middle)
    page.mouse.down()
    page.mouse.move(x_of(percent), middle, steps=8)
    page.mouse.up()


def violations(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{each['id']}: {node['html'][:200]}" for each in found for node in each["nodes"]]


@pytest.mark.slow
def test_a_rollout_from_the_first_look_to_the_rollback(
    server: RunningServer, browser: Browser
) -> None:
    put_canary(server, 10)
    with visit(browser, server.url) as seen:
        page = seen.page
        # See a canary.
        slider = page.get_by_role("slider", name="canary share of iris", exact=True)
        expect(slider).to_have_value("10")
        before = wait_for_share(page, "canary v2", 3, 17)
        # Drag it to 25 %, and watch the live share move.
        page.get_by_label("admin token", exact=True).fill(ADMIN_TOKEN)
        drag_to(page, slider, 25)
        expect(slider).to_have_value("25")
        page.get_by_role("button", name="Apply", exact=True).click()
        expect(page.get_by_text("Done: v1 is stable, v2 gets 25 %.")).to_be_visible()
        traffic = server.client.get("/api/v1/models/iris/traffic").json()
        assert {"version": "v2", "weight": 25} == traffic["in_force"]["canary"]
        after = wait_for_share(page, "canary v2", 18, 32)
        print(f"live share: {before} % before, {after} % after")
        # Promote.
        page.get_by_role("button", name="Promote", exact=True).click()
        expect(page.get_by_text("Done: v2 is stable.")).to_be_visible()
        wait_for_share(page, "stable v2", 95, 100)
        assert {"stable": "v2"} == server.client.get("/api/v1/models/iris/traffic").json()[
            "declared"
        ]
        # Roll back.
        page.get_by_role("button", name="Roll back", exact=True).click()
        expect(page.get_by_text("Done: v1 is stable, v2 gets 25 %.")).to_be_visible()
        wait_for_share(page, "canary v2", 18, 32)
        # A version that failed says why.
        reason = server.client.get("/api/v1/models/iris/versions/v3").json()["reason"]
        card = page.get_by_role("article", name="v3")
        expect(card.get_by_text("FAILED")).to_be_visible()
        expect(card.get_by_text(reason)).to_be_visible()
    assert [] == seen.complaints
    assert [] == [url for url in seen.asked if not url.startswith(server.url + "/")]
    assert 10 <= sum(url == server.url + "/" for url in seen.asked)


def test_an_answer_shows_probabilities_version_and_track(
    server: RunningServer, browser: Browser
) -> None:
    with visit(browser, server.url) as seen:
        form = seen.page.get_by_role("form", name="try iris", exact=True)
        form.get_by_label("petal_length").fill("1.4")
        form.get_by_label("petal_width").fill("0.2")
        form.get_by_label("asked of").select_option("v2")
        form.get_by_role("button", name="Predict", exact=True).click()

        answer = form.locator(".answer")
        expect(answer.locator(".prediction")).to_have_text("0")
        expect(answer.locator(".by")).to_contain_text("v2")
        expect(answer.locator(".by")).to_contain_text("pinned")
        expect(answer.locator("dt")).to_have_text(["0", "1", "2"])
        widths = answer.locator(".meter > span").evaluate_all(
            "bars => bars.map(bar => bar.getBoundingClientRect().width)"
        )
        assert widths[0] > 50 > widths[1]
    assert [] == seen.complaints


def test_an_answer_that_takes_longer_than_a_refresh_is_shown(
    server: RunningServer, browser: Browser
) -> None:
    with visit(browser, server.url) as seen:
        held = hold(seen.page, "**/predict")
        form = seen.page.get_by_role("form", name="try iris", exact=True)
        form.get_by_role("button", name="Predict", exact=True).click()
        wait_for_refreshes(seen.page)
        held[0].continue_()

        expect(form.locator(".prediction")).to_be_visible()


def test_a_field_that_is_wrong_is_named_and_focused(
    server: RunningServer, browser: Browser
) -> None:
    with visit(browser, server.url) as seen:
        form = seen.page.get_by_role("form", name="try iris")
        form.get_by_label("sepal_width").fill("")
        form.get_by_role("button", name="Predict").click()

        expect(form.get_by_text("sepal_width: expected a number.")).to_be_visible()
        expect(form.get_by_label("sepal_width")).to_be_focused()


def test_what_somebody_does_outlives_the_refreshes(server: RunningServer, browser: Browser) -> None:
    put_canary(server, 10)
    with visit(browser, server.url) as seen:
        page = seen.page
        slider = page.get_by_role("slider", name="canary share of iris")
        page.get_by_label("admin token").fill("typed")
        page.get_by_label("petal_length").fill("6.5")
        page.get_by_role("article", name="v1").get_by_text("Details and plan").click()
        slider.focus()
        page.keyboard.press("ArrowRight")
        asked = len(seen.asked)
        wait_for_refreshes(page)

        assert asked < len(seen.asked)
        expect(slider).to_have_value("11")
        expect(slider).to_be_focused()
        expect(page.get_by_text("11 % to v2")).to_be_visible()
        expect(page.get_by_label("admin token")).to_have_value("typed")
        expect(page.get_by_label("petal_length")).to_have_value("6.5")
        expect(page.get_by_role("group", name="Plan of iris v1")).to_be_visible()
        page.keyboard.press("Escape")
        expect(slider).to_have_value("10")


def test_another_window_keeps_the_token_and_has_its_own_address(
    server: RunningServer, browser: Browser
) -> None:
    with visit(browser, server.url) as seen:
        page = seen.page
        page.get_by_label("admin token").fill("typed")
        page.get_by_role("link", name="10 minutes").click()
        expect(page.get_by_text("Evidence of the last 10 minutes")).to_be_visible()
        expect(page.get_by_label("admin token")).to_have_value("typed")
        assert f"{server.url}/?window=10m" == page.url
        page.go_back()
        expect(page.get_by_text("Evidence of the last minute")).to_be_visible()
        expect(page.get_by_label("admin token")).to_have_value("typed")
    assert [] == seen.complaints


@pytest.mark.parametrize(
    "policy",
    [
        {"stable": "v1"},
        {"stable": "v1", "canary": {"version": "v2", "weight": 5}, "sticky": {"header": "X-User"}},
        {"stable": "v1", "canary": {"version": "v3", "weight": 5}},
        {
            "stable": "v1",
            "canaries": [{"version": "v3", "weight": 1}, {"version": "v2", "weight": 2}],
            "shadow": {"version": "v4", "sample": 100},
        },
    ],
)
def test_the_page_changes_a_policy_as_the_command_does(
    server: RunningServer, browser: Browser, policy: dict[str, Any]
) -> None:
    with visit(browser, server.url) as seen:
        changed = seen.page.evaluate(
            """async (policy) => {
                const { withCanary } = await import("/console/assets/policy.js");
                return withCanary(policy, "v2", 25);
            }""",
            policy,
        )

    assert with_canary(policy, "v2", 25) == changed


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("1.50", "1.50"),
        ("-0", "-0"),
        (".5", "0.5"),
        ("1e5", "1e5"),
        ("9007199254740993", "9007199254740993"),
    ],
)
def test_a_number_is_sent_as_it_was_typed(
    server: RunningServer, browser: Browser, typed: str, sent: str
) -> None:
    with visit(browser, server.url) as seen:
        form = seen.page.get_by_role("form", name="try iris")
        form.get_by_label("sepal_length").fill(typed)
        form.get_by_role("button", name="Copy as curl").click()

        expect(form.locator(".command")).to_contain_text(f'"sepal_length": {sent},')


def test_a_chart_tells_the_value_that_is_pointed_at(
    server: RunningServer, browser: Browser
) -> None:
    with visit(browser, server.url) as seen:
        figure = seen.page.locator("figure").first
        figure.locator(".plot").hover(position={"x": 1, "y": 30})
        first = figure.locator("li[data-values]").first
        value = first.get_attribute("data-values") or ""

        expect(first.locator(".number")).to_have_text(value.split("|")[0])


def test_a_change_by_somebody_else_is_told_and_shown(
    server: RunningServer, browser: Browser
) -> None:
    put_canary(server, 10)
    with visit(browser, server.url) as seen:
        page = seen.page
        slider = page.get_by_role("slider", name="canary share of iris")
        page.get_by_label("admin token").fill(ADMIN_TOKEN)
        # From now on the page learns nothing new.
        page.route(server.url + "/", lambda route: route.abort())
        put_canary(server, 40)
        slider.fill("30")
        page.get_by_role("button", name="Apply").click()
        expect(page.get_by_text("Somebody else changed the policy meanwhile")).to_be_visible()
        expect(page.get_by_role("status").first).to_contain_text("no answer since")
        page.unroute(server.url + "/")

        expect(page.locator(".shares")).to_contain_text("40")
        expect(page.get_by_role("status").first).to_have_text("live")
        # What the operator wants stays, for another try.
        expect(slider).to_have_value("30")
        page.get_by_role("button", name="Apply").click()
        expect(page.get_by_text("Done: v1 is stable, v2 gets 30 %.")).to_be_visible()


def test_a_change_by_somebody_else_is_not_undone_by_a_slider_that_was_set_before(
    server: RunningServer, browser: Browser
) -> None:
    put_canary(server, 10)
    with visit(browser, server.url) as seen:
        page = seen.page
        slider = page.get_by_role("slider", name="canary share of iris")
        page.get_by_label("admin token").fill(ADMIN_TOKEN)
        slider.fill("30")
        put_canary(server, 40)
        expect(page.locator(".shares")).to_contain_text("40")
        page.get_by_role("button", name="Apply").click()
        expect(page.get_by_text("Somebody else changed the policy meanwhile")).to_be_visible()
        traffic = server.client.get("/api/v1/models/iris/traffic").json()
        assert {"version": "v2", "weight": 40} == traffic["declared"]["canary"]

        # Told once, the operator may decide on what the page shows now.
        expect(slider).to_have_value("30")
        page.get_by_role("button", name="Apply").click()
        expect(page.get_by_text("Done: v1 is stable, v2 gets 30 %.")).to_be_visible()

        # Escape gives the wish up; what is set after it begins with what the page shows then.
        slider.fill("50")
        put_canary(server, 60)
        expect(page.locator(".shares")).to_contain_text("60")
        slider.press("Escape")
        expect(slider).to_have_value("60")
        slider.press("ArrowRight")
        page.get_by_role("button", name="Apply").click()
        expect(page.get_by_text("Done: v1 is stable, v2 gets 61 %.")).to_be_visible()


def test_a_wrong_admin_token_is_told_and_asked_for_again(
    server: RunningServer, browser: Browser
) -> None:
    with visit(browser, server.url) as seen:
        page = seen.page
        token = page.get_by_label("admin token")
        page.get_by_role("button", name="Promote").click()
        expect(page.get_by_text("Enter the admin token first; it is asked once.")).to_be_visible()
        expect(token).to_be_focused()
        token.fill("wrong")
        page.get_by_role("button", name="Promote").click()

        expect(page.get_by_text("The token is missing or wrong.")).to_be_visible()
        expect(token).to_be_focused()


@pytest.mark.slow
def test_a_locked_page_opens_by_its_token_which_allows_no_changes(
    tmp_path: Path, browser: Browser
) -> None:
    repository = iris_repository(tmp_path, "v1", "v2")
    with (
        serve(repository, env={"SKERRY_API_TOKEN": API_TOKEN}) as server,
        visit(browser, server.url) as seen,
    ):
        server.client.headers["Authorization"] = f"Bearer {API_TOKEN}"
        server.wait_for_state("iris", "v1", "READY")
        page = seen.page
        token = page.get_by_label("API token or admin token")
        assert [] == violations(page)
        token.fill("wrong")
        page.get_by_role("button", name="Show").click()
        expect(page.get_by_text("The server does not know this token.")).to_be_visible()
        token.fill(API_TOKEN)
        page.keyboard.press("Enter")
        form = page.get_by_role("form", name="try iris")
        form.get_by_role("button", name="Predict").click()
        expect(form.locator(".prediction")).to_be_visible()
        form.get_by_role("button", name="Copy as curl").click()
        expect(form.locator(".command")).to_contain_text("Bearer $SKERRY_API_TOKEN")
        assert API_TOKEN not in page.content()
        assert [] == seen.complaints

        page.get_by_label("admin token", exact=True).fill(API_TOKEN)
        page.get_by_role("button", name="Promote").click()
        expect(page.get_by_text("Not allowed: the API token allows no changes")).to_be_visible()


def test_a_store_that_is_read_only_is_told(tmp_path: Path, browser: Browser) -> None:
    repository = iris_repository(tmp_path, "v1", "v2")
    policy = {"schema_version": 1, "models": {"iris": {"stable": "v1"}}}
    with (
        serve(repository, env={"SKERRY_TRAFFIC": json.dumps(policy)}) as server,
        visit(browser, server.url) as seen,
    ):
        page = seen.page
        server.wait_for_state("iris", "v2", "READY")
        expect(page.get_by_text("The traffic store (env) is read-only here.")).to_be_visible()
        page.get_by_label("admin token").fill(ADMIN_TOKEN)
        page.get_by_role("button", name="Promote").click()

        expect(page.get_by_text("Not possible now:")).to_be_visible()


@pytest.fixture
def moving(tmp_path: Path) -> Iterator[tuple[Path, RunningServer]]:
    """A repository whose versions come and go, v1 and v2 at first, and its server."""
    repository = iris_repository(tmp_path, "v1", "v2")
    with serve(repository) as running:
        running.wait_for_state("iris", "v1", "READY")
        running.wait_for_state("iris", "v2", "READY")
        yield repository, running


def add_version(repository: Path, version: str) -> None:
    put(repository, "iris", version, iris_model())
    settle(repository)


def test_the_controls_stay_when_a_difference_goes_away(
    moving: tuple[Path, RunningServer], browser: Browser
) -> None:
    repository, server = moving
    put_canary(server, 10)
    shutil.rmtree(repository / "iris" / "v2")
    with visit(browser, server.url) as seen:
        page = seen.page
        differences = page.locator(".traffic .troubles")
        expect(differences).to_contain_text("v2")
        page.get_by_label("admin token").fill(ADMIN_TOKEN)
        held = hold(page, "**/rollback")
        page.get_by_role("button", name="Roll back").click()
        slider = page.get_by_role("slider", name="canary share of iris")
        slider.focus()
        add_version(repository, "v2")
        expect(differences).to_have_count(0)

        expect(slider).to_be_focused()
        held[0].fulfill(status=409, json={"detail": "there is nothing to roll back to"})
        expect(page.get_by_text("Not possible now: there is nothing to roll back")).to_be_visible()


def test_a_chosen_version_stays_chosen_when_another_comes_and_is_missed_when_it_goes(
    moving: tuple[Path, RunningServer], browser: Browser
) -> None:
    repository, server = moving
    policy = {"stable": "v1"}
    declared = server.client.put("/api/v1/models/iris/traffic", json=policy, headers=ADMIN)
    assert 200 == declared.status_code
    with visit(browser, server.url) as seen:
        page = seen.page
        page.get_by_label("admin token").fill(ADMIN_TOKEN)
        # Moving the slider chooses the version that it is about.
        slider = page.get_by_role("slider", name="canary share of iris")
        slider.press("ArrowRight")
        asked = page.get_by_label("asked of")
        asked.select_option("v2")
        add_version(repository, "v3")
        canary = page.get_by_label("Canary", exact=True)
        expect(canary.locator("option")).to_have_text(["v3", "v2"])
        expect(canary).to_have_value("v2")
        expect(asked).to_have_value("v2")
        page.get_by_role("button", name="Apply").click()
        expect(page.get_by_text("Done: v1 is stable, v2 gets 1 %.")).to_be_visible()

        # The choice by the list, too, outlives a version that comes before it.
        canary.select_option("v3")
        asked.select_option("v3")
        add_version(repository, "v4")
        expect(canary.locator("option")).to_have_text(["v4", "v3", "v2"])
        expect(canary).to_have_value("v3")
        expect(asked).to_have_value("v3")

        shutil.rmtree(repository / "iris" / "v3")
        expect(page.get_by_text("v3 can’t be the canary any more")).to_be_visible()
        expect(page.get_by_text("v3 can’t be asked any more")).to_be_visible()
        expect(asked).to_have_value("")
        page.get_by_role("button", name="Promote").click()
        expect(page.get_by_text("Choose a version first.")).to_be_visible()
        assert "v1" == server.client.get("/api/v1/models/iris/traffic").json()["declared"]["stable"]
    assert [] == seen.complaints


@pytest.fixture(scope="module")
def hostile_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    directory = tmp_path_factory.mktemp("hostile")
    repository = directory / "models"
    repository.mkdir()
    table = pd.DataFrame(
        {
            HOSTILE: [0.5, None, 1.5, 2.5] * 5,
            "__proto__": [f"it's {HOSTILE}", "$(touch /tmp/x) `id`", "b", "c"] * 5,
            "constructor": [1, 2, 3, 4] * 5,
        }
    )
    encode = ColumnTransformer(
        [("text", OneHotEncoder(sparse_output=False), ["__proto__"])], remainder="passthrough"
    )
    labels = [f"<b>{HOSTILE}</b>", "plain"] * 10
    classifier = make_pipeline(encode, RandomForestClassifier(5, random_state=0))
    put(repository, "hostile", "v1", classifier.fit(table, labels))
    regressor = make_pipeline(encode, HistGradientBoostingRegressor())
    put(repository, "numbers", "v1", regressor.fit(table, range(20)))
    settle(repository)
    with serve(repository) as server:
        yield server


def test_hostile_names_are_text_and_are_sent_as_they_are(
    hostile_server: RunningServer, browser: Browser
) -> None:
    with visit(browser, hostile_server.url) as seen:
        page = seen.page
        form = page.get_by_role("form", name="try hostile")
        form.get_by_label("__proto__").select_option(index=0)
        form.get_by_role("button", name="Predict").click()
        expect(form.locator("dt").first).to_contain_text(f"<b>{HOSTILE}</b>")
        answered = form.locator(".prediction").inner_text()
        form.get_by_role("button", name="Copy as curl").click()
        command = form.locator(".command").inner_text()

        assert page.evaluate("window.pwned === undefined")
    assert [] == seen.complaints
    assert [] == [url for url in seen.asked if not url.startswith(hostile_server.url + "/")]
    bash = shutil.which("bash")
    if bash is None or shutil.which("curl") is None:
        pytest.skip("needs bash and curl, to run the command that was copied")
    run = subprocess.run([bash, "-c", command], capture_output=True, check=True, timeout=30)
    assert answered == json.loads(run.stdout)["prediction"]


def test_a_regressor_takes_a_missing_value(hostile_server: RunningServer, browser: Browser) -> None:
    with visit(browser, hostile_server.url) as seen:
        form = seen.page.get_by_role("form", name="try numbers")
        form.get_by_label(HOSTILE).fill("")
        form.get_by_label("constructor").fill("2")
        form.get_by_role("button", name="Predict").click()

        expect(form.locator(".prediction")).to_have_text(re.compile(r"^-?\d"))
        assert [] == violations(seen.page)


def test_without_javascript_the_numbers_are_there(server: RunningServer, browser: Browser) -> None:
    put_canary(server, 10)
    with visit(browser, server.url, java_script_enabled=False) as seen:
        page = seen.page
        for text in ("v2 canary", "v1 stable", "Requests per second", "faster than scikit-learn"):
            expect(page.get_by_text(text).first).to_be_visible()
        expect(page.get_by_text("FAILED")).to_be_visible()
        expect(page.get_by_text("Changes from this page need JavaScript")).to_be_visible()
        for name in ("Apply", "Promote", "Roll back", "Predict"):
            expect(page.get_by_role("button", name=name)).to_be_hidden()
        page.get_by_role("article", name="v2").get_by_text("Details and plan").click()
        expect(page.get_by_text("Treelite").last).to_be_visible()
        page.get_by_role("link", name="hour", exact=True).click()
        expect(page.get_by_text("Evidence of the last hour")).to_be_visible()


@pytest.mark.slow
@pytest.mark.parametrize(
    "context", [{}, DARK, PHONE, {**PHONE, **DARK}], ids=["light", "dark", "phone", "dark phone"]
)
def test_axe_has_nothing_to_report(
    server: RunningServer, browser: Browser, context: dict[str, Any]
) -> None:
    put_canary(server, 10)
    with visit(browser, server.url, **context) as seen:
        page = seen.page
        page.get_by_role("form", name="try iris").get_by_role("button", name="Predict").click()
        expect(page.locator(".prediction")).to_be_visible()
        page.get_by_role("button", name="Promote").click()
        for details in page.locator("summary").all():
            details.click()

        assert [] == violations(page)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= page.evaluate("innerWidth")


def test_axe_has_nothing_to_report_where_there_is_no_model(
    tmp_path: Path, browser: Browser
) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(serve(tmp_path, wait_ready=False))
        seen = stack.enter_context(visit(browser, server.url))

        expect(seen.page.get_by_text("No models yet")).to_be_visible()
        assert [] == violations(seen.page)
        assert [] == seen.complaints


@pytest.mark.slow
def test_below_a_root_path_everything_works(tmp_path: Path, browser: Browser) -> None:
    repository = iris_repository(tmp_path, "v1")
    with (
        serve(repository, env={"SKERRY_ROOT_PATH": "/ml"}) as server,
        visit(browser, f"{server.url}/ml/") as seen,
    ):
        form = seen.page.get_by_role("form", name="try iris")
        form.get_by_role("button", name="Predict").click()

        expect(form.locator(".prediction")).to_be_visible()
        assert [] == seen.complaints
        assert [] == [url for url in seen.asked if not url.startswith(f"{server.url}/ml/")]
