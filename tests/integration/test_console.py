"""The console over HTTP: headers, caching, tokens, root path; what a browser is not needed for."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from skerry.http.console.page import WHOLE_MODELS
from tests.integration.models import iris_model, iris_repository, put, settle
from tests.integration.server import ADMIN, RunningServer, serve

API_TOKEN = "reader-secret"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    repository = iris_repository(tmp_path_factory.mktemp("console"), "v1", "v2")
    with serve(repository) as running:
        running.wait_for_state("iris", "v1", "READY")
        running.wait_for_state("iris", "v2", "READY")
        yield running


def test_the_page_is_html_that_nobody_keeps(server: RunningServer) -> None:
    answer = server.client.get("/")

    assert (200, "text/html; charset=utf-8") == (
        answer.status_code,
        answer.headers["content-type"],
    )
    assert "no-store" == answer.headers["cache-control"]
    assert "canary share of iris" in answer.text


def test_the_policy_allows_its_own_files_and_nothing_else(server: RunningServer) -> None:
    directives = dict(
        directive.split(" ", 1)
        for directive in server.client.get("/").headers["content-security-policy"].split("; ")
    )

    assert "'none'" == directives["default-src"]
    assert "'self'" == directives["script-src"] == directives["style-src"]
    assert "'none'" == directives["form-action"] == directives["frame-ancestors"]
    assert "'script'" == directives["require-trusted-types-for"]
    assert [] == [value for value in directives.values() if "unsafe" in value or "*" in value]


def test_a_file_is_sent_once_and_asked_about_later(server: RunningServer) -> None:
    first = server.client.get("/console/assets/main.js")
    tag = first.headers["etag"]
    again = server.client.get("/console/assets/main.js", headers={"If-None-Match": f'"x", W/{tag}'})
    other = server.client.get("/console/assets/main.js", headers={"If-None-Match": '"x"'})

    assert (200, "text/javascript; charset=utf-8") == (
        first.status_code,
        first.headers["content-type"],
    )
    assert ("no-cache", "nosniff") == (
        first.headers["cache-control"],
        first.headers["x-content-type-options"],
    )
    assert (304, b"", tag) == (again.status_code, again.content, again.headers["etag"])
    assert (200, first.content) == (other.status_code, other.content)


@pytest.mark.parametrize("name", ["nothing.js", "..%2Fpage.py", "..%2Ftemplates%2Fpage.html"])
def test_no_other_file_is_sent(server: RunningServer, name: str) -> None:
    answer = server.client.get(f"/console/assets/{name}")

    assert (404, "urn:skerry:error:route-not-found") == (answer.status_code, answer.json()["type"])


def test_the_window_is_one_that_is_known(server: RunningServer) -> None:
    assert "Evidence of the last hour" in server.client.get("/?window=1h").text
    assert "Evidence of the last minute" in server.client.get("/?window=%3Cscript%3E").text
    assert 400 == server.client.get("/?window=12345678901").status_code


def test_a_model_that_is_not_there_shows_those_that_are(server: RunningServer) -> None:
    page = server.client.get("/?model=%3Cscript%3E").text

    assert "canary share of iris" in page
    assert "<script>" not in page


def test_without_a_token_the_page_says_nothing_of_models(tmp_path: Path) -> None:
    repository = iris_repository(tmp_path, "v1")
    with serve(repository, env={"SKERRY_API_TOKEN": API_TOKEN}) as server:
        bare = server.client.get("/")
        wrong = server.client.get("/", headers={"Authorization": "Bearer wrong"})
        reader = server.client.get("/", headers={"Authorization": f"Bearer {API_TOKEN}"})
        admin = server.client.get("/", headers=ADMIN)

    assert [200] * 4 == [each.status_code for each in (bare, wrong, reader, admin)]
    assert ["iris" in each.text for each in (bare, wrong, reader, admin)] == [False] * 2 + [
        True
    ] * 2
    assert "Authorization" == bare.headers["vary"]


def test_everything_stands_below_the_root_path(tmp_path: Path) -> None:
    repository = iris_repository(tmp_path, "v1")
    with serve(repository, env={"SKERRY_ROOT_PATH": "/ml/skerry"}) as server:
        page = server.client.get("/ml/skerry/")
        stripped = server.client.get("/")
        asset = server.client.get("/ml/skerry/console/assets/main.js")

    assert 200 == page.status_code == stripped.status_code == asset.status_code
    assert 'src="/ml/skerry/console/assets/main.js"' in stripped.text
    assert 'data-root="/ml/skerry"' in page.text
    assert 'href="/console' not in page.text


def test_many_models_are_links_to_their_own_page(tmp_path: Path) -> None:
    repository = tmp_path / "models"
    repository.mkdir()
    names = [f"m{number:02}" for number in range(WHOLE_MODELS + 2)]
    for name in names:
        put(repository, name, "v1", iris_model())
    settle(repository)
    with serve(repository) as server:
        page = server.client.get("/").text
        last = server.client.get(f"/?model={names[-1]}").text

    assert [name for name in names if f"canary share of {name}" in page] == names[:WHOLE_MODELS]
    assert [name for name in names if f"/?model={name}&amp;" in page] == names[WHOLE_MODELS:]
    assert [names[-1]] == [name for name in names if f"canary share of {name}" in last]


def test_no_two_elements_share_an_id(tmp_path: Path) -> None:
    """Names may contain hyphens, so that two pairs of them can look the same when joined by one."""
    repository = tmp_path / "models"
    repository.mkdir()
    put(repository, "a", "b-c", iris_model())
    put(repository, "a-b", "c", iris_model())
    settle(repository)
    with serve(repository) as server:
        page = server.client.get("/").text

    ids = re.findall(r'\sid="([^"]*)"', page)
    assert {"version:a:b-c", "version:a-b:c"} <= set(ids)
    assert [] == [name for name, number in Counter(ids).items() if number > 1]
    named = re.findall(r'\s(?:for|aria-labelledby|aria-describedby)="([^"]*)"', page)
    assert [] == sorted(set(named) - set(ids))


def test_a_repository_without_models_has_a_page(tmp_path: Path) -> None:
    with serve(tmp_path, wait_ready=False) as server:
        server.wait_for(lambda: "the repository is being read" not in server.client.get("/").text)
        page = server.client.get("/")

    assert 200 == page.status_code
    assert "No models yet" in page.text
    assert "not ready" in page.text
