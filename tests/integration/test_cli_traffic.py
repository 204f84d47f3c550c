"""``skerry traffic`` against a running server: a canary, its promotion, and the way back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from skerry.cli import skerry
from tests.integration.models import IRIS_ROW, iris_repository
from tests.integration.prometheus import needs_prometheus, prometheus
from tests.integration.server import ADMIN_TOKEN, RunningServer, serve


@contextmanager
def three_versions(directory: Path) -> Iterator[RunningServer]:
    with serve(iris_repository(directory, "v1", "v2", "v3")) as running:
        for version in ("v1", "v2", "v3"):
            running.wait_for_state("iris", version, "READY")
        yield running


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    """A server of three versions of iris, without a traffic file."""
    with three_versions(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The same for tests that change nothing."""
    with three_versions(tmp_path_factory.mktemp("unchanged")) as running:
        yield running
        assert declared(running) is None


def traffic(server: RunningServer, *arguments: str, input_text: str | None = None) -> Result:
    env = {"SKERRY_ADMIN_TOKEN": ADMIN_TOKEN, "SKERRY_API_TOKEN": ""}
    return CliRunner(env=env).invoke(
        skerry, ["traffic", *arguments, server.url], input=input_text, catch_exceptions=False
    )


def declared(server: RunningServer) -> object:
    return server.client.get("/api/v1/models/iris/traffic").json()["declared"]


def test_a_canary_is_declared_weighed_promoted_and_taken_back(server: RunningServer) -> None:
    policy = "{stable: v1, sticky: {header: X-User-Id}}"
    assert traffic(server, "set", "--file", "-", input_text=policy).exit_code == 0

    unclear = traffic(server, "canary", "10")
    assert unclear.exit_code == 2
    assert "--version v3 or v2" in unclear.stderr

    first = traffic(server, "canary", "10", "--version", "v2")
    assert first.exit_code == 0, first.stderr
    assert traffic(server, "canary", "25.5").exit_code == 0
    canary = {"version": "v2", "weight": 25.5}
    sticky = {"header": "X-User-Id"}
    assert declared(server) == {"stable": "v1", "canary": canary, "sticky": sticky}

    shown = traffic(server, "show")
    assert "v2 25.5 %" in shown.stdout

    promoted = traffic(server, "promote", "--json")
    assert json.loads(promoted.stdout)["in_force"]["stable"] == "v2"
    assert declared(server) == {"stable": "v2", "sticky": sticky}

    assert traffic(server, "rollback").exit_code == 0
    assert declared(server) == {"stable": "v1", "canary": canary, "sticky": sticky}


def test_a_canary_is_watched_and_promoted_on_its_evidence(server: RunningServer) -> None:
    policy = "{stable: v1, canary: {version: v2, weight: 50}}"
    assert traffic(server, "set", "--file", "-", input_text=policy).exit_code == 0
    condition = ("promote", "--if", "errors <= 0 and p99_ratio < 1000 and requests >= 100")

    early = traffic(server, *condition)
    assert early.exit_code == 4
    assert "requests = 0: requests >= 100 is false" in early.stderr
    assert "p99_ratio is not known" in early.stderr

    for _ in range(400):  # Half of them, give or take ten times their standard deviation.
        answer = server.client.post("/api/v1/predict", json={"features": IRIS_ROW})
        assert answer.status_code == 200

    watched = traffic(server, "watch")
    assert watched.exit_code == 0, watched.stderr
    sentence = watched.stdout.splitlines()[-1]
    pattern = r"canary v2: (\d+) requests, 0 errors, p99 \d+\.\d× of stable, class 0 \+0\.0 points"
    match = re.fullmatch(pattern, sentence)
    assert match is not None, sentence

    promoted = traffic(server, *condition)
    assert promoted.exit_code == 0, promoted.stderr
    assert f"requests = {match[1]}\n" in promoted.stderr
    assert declared(server) == {"stable": "v2"}


def test_a_shadow_is_watched(server: RunningServer) -> None:
    policy = "{stable: v1, shadow: {version: v3, sample: 100}}"
    assert traffic(server, "set", "--file", "-", input_text=policy).exit_code == 0
    for _ in range(20):
        server.client.post("/api/v1/predict", json={"features": IRIS_ROW})

    def is_seen() -> bool:
        last = traffic(server, "watch").stdout.splitlines()[-1]
        return last == "shadow v3: 20 requests, 0 disagreed (0.0%), 0 failed, 0 dropped"

    server.wait_for(is_seen)


def test_the_built_in_default_gets_a_canary(server: RunningServer) -> None:
    result = traffic(server, "canary", "5", "--version", "v1")

    assert result.exit_code == 0, result.stderr
    assert declared(server) == {"stable": "v3", "canary": {"version": "v1", "weight": 5}}


@pytest.mark.parametrize(
    ("arguments", "policy", "expected"),
    [
        (["canary", "5", "--version", "v9"], "", "422 invalid-policy: policy: iris has no version"),
        (["set", "--file", "-"], "stable: v1\nweights: {}", "422 invalid-policy: policy: expected"),
        (["set", "--file", "-"], "[v1]", "422 invalid-policy: policy: expected a policy such as"),
        (["promote", "--version", "v9"], "", "404 version-not-found: "),
        (["rollback"], "", "409 nothing-to-roll-back: "),
        (["rollback", "--token", "wrong"], "", "401 unauthorized: "),
        (["show", "--model", "wine"], "", "404 model-not-found: "),
    ],
)
def test_refusals_are_one_line(
    unchanged: RunningServer, arguments: list[str], policy: str, expected: str
) -> None:
    result = traffic(unchanged, *arguments, input_text=policy)

    assert result.exit_code == 1
    assert result.stderr.startswith(f"skerry: {expected}")
    assert len(result.stderr.splitlines()) == 1


def test_a_generation_that_is_gone_changes_nothing(unchanged: RunningServer) -> None:
    arguments = ("set", "--file", "-", "--if-match", "0123456789ab")

    result = traffic(unchanged, *arguments, input_text="stable: v1")

    assert result.exit_code == 1
    assert "somebody else changed the traffic of iris meanwhile" in result.stderr


def test_a_store_that_is_read_only_names_the_command_to_use(tmp_path: Path) -> None:
    env = {"SKERRY_TRAFFIC": '{"schema_version": 1, "models": {"iris": {"stable": "v1"}}}'}
    with serve(iris_repository(tmp_path, "v1", "v2"), env=env) as running:
        running.wait_for_state("iris", "v2", "READY")
        result = traffic(running, "canary", "10")

    assert result.exit_code == 1
    assert result.stderr.startswith("skerry: 409 store-read-only: ")
    assert "helm upgrade" in result.stderr


# All pods


@pytest.mark.slow
@needs_prometheus
def test_a_canary_is_promoted_on_the_sums_of_all_pods(
    server: RunningServer, tmp_path: Path
) -> None:
    policy = "{stable: v1, canary: {version: v2, weight: 100}}"
    assert traffic(server, "set", "--file", "-", input_text=policy).exit_code == 0
    with serve(tmp_path / "models") as other, prometheus(tmp_path, server, other) as url:
        other.wait_for_state("iris", "v2", "READY")
        for pod, n in ((server, 30), (other, 20)):
            for _ in range(n):
                pod.client.post("/api/v1/predict", json={"features": IRIS_ROW})

        def has_both() -> bool:
            watched = traffic(server, "watch", "--prometheus", url)
            return "canary v2: 50 requests, 0 errors" in watched.stdout

        server.wait_for(has_both, timeout_s=60)
        condition = "requests == 50 and errors <= 0"
        own = traffic(server, "promote", "--if", condition)
        elsewhere = traffic(
            server, "promote", "--if", condition, "--prometheus", url, "--selector", 'job="x"'
        )
        promoted = traffic(server, "promote", "--if", condition, "--prometheus", url)

    assert own.exit_code == 4
    assert "requests = 30: requests == 50 is false" in own.stderr
    assert elsewhere.exit_code == 1
    assert 'knows no request to a version of iris matching job="x"' in elsewhere.stderr
    assert promoted.exit_code == 0, promoted.stderr
    assert declared(server) == {"stable": "v2"}
