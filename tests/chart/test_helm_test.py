"""What `helm test` runs, against a real server that has the policy that the chart renders."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.chart.rendering import GATEWAY, SMALL, is_hook, needs_helm, of_kind, render, with_changes
from tests.integration.models import IRIS_ROW, iris_repository
from tests.integration.server import RunningServer, serve

pytestmark = needs_helm

CANARY: Mapping[str, Any] = {
    "version": "v2",
    "weight": 30,
    "headers": [{"name": "X-Canary", "value": "true"}],
}
WITH_CANARY = with_changes(SMALL, {"traffic": {"canary": CANARY}})
Spec = dict[str, Any]


def spec_of(values: Mapping[str, Any]) -> tuple[Spec, str]:
    """Return what the test pod expects, and the program that it runs."""
    [config_map] = [
        each for each in render(values) if is_hook(each) and each["kind"] == "ConfigMap"
    ]
    return json.loads(config_map["data"]["spec.json"]), config_map["data"]["helm_test.py"]


@pytest.fixture(scope="module")
def canary_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of a server whose canary is v2."""
    with released(tmp_path_factory.mktemp("canary"), WITH_CANARY) as server:
        yield server.url


@contextmanager
def released(
    directory: Path, values: Mapping[str, Any], env: Mapping[str, str] | None = None
) -> Iterator[RunningServer]:
    """Run a server with the models v1 and v2 and the release's traffic policy."""
    policy = directory / "traffic" / "traffic.yaml"
    policy.parent.mkdir()
    policy.write_text(of_kind(render(values), "ConfigMap")[0]["data"]["traffic.yaml"])
    settings = {"SKERRY_TRAFFIC_FILE": str(policy), "SKERRY_MODELS": "iris", **(env or {})}
    with serve(iris_repository(directory, "v1", "v2"), env=settings) as server:
        yield server


def outcome_of(
    directory: Path,
    values: Mapping[str, Any],
    url: str,
    change: Callable[[Spec], object] | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run the test pod's program against a server, as if that were the release's Service."""
    spec, program = spec_of(with_changes(values, {"helmTest": {"timeoutSeconds": 5}}))
    for each in spec["servers"]:
        assert "http://iris-skerry.skerry:80" == each["url"]
        each["url"] = url
    if change is not None:
        change(spec)
    folder = directory / "test"
    folder.mkdir()
    (folder / "spec.json").write_text(json.dumps(spec))
    (folder / "helm_test.py").write_text(program)
    return subprocess.run(
        [sys.executable, str(folder / "helm_test.py")],
        env=dict(env or {}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_passes_on_what_the_values_say(canary_url: str, tmp_path: Path) -> None:
    done = outcome_of(tmp_path, WITH_CANARY, canary_url)
    assert (0, "") == (done.returncode, done.stderr)
    assert "v1: pinned, predicts" in done.stdout
    assert "v2: pinned, predicts" in done.stdout
    assert "v2: answers {'X-Canary': 'true'} as canary" in done.stdout
    assert "20 predictions" in done.stdout


def test_asks_with_the_row_of_the_values_and_the_token_of_the_secret(tmp_path: Path) -> None:
    values = with_changes(SMALL, {"model": {"exampleRow": IRIS_ROW}})
    with released(tmp_path, values, {"SKERRY_API_TOKEN": "secret"}) as server:
        done = outcome_of(tmp_path, values, server.url, env={"API_TOKEN": "secret\n"})
        (tmp_path / "test").rename(tmp_path / "first")
        without = outcome_of(tmp_path, values, server.url)
    assert 0 == done.returncode, done.stderr
    assert f"for {IRIS_ROW}" in done.stdout
    assert 1 == without.returncode
    assert "401" in without.stderr


def another_generation(spec: Spec) -> None:
    spec["servers"][0]["generation"] = "000000000000"


def another_version(spec: Spec) -> None:
    spec["servers"][0]["versions"].append("v3")


def another_canary(spec: Spec) -> None:
    spec["servers"][0]["canaries"][0]["version"] = "v1"


def another_share(spec: Spec) -> None:
    spec["servers"][0]["routed"] = ["v2"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (another_generation, "expected traffic generation 000000000000, got "),
        (another_version, "404"),
        (another_canary, "expected an answer of v1 as canary, got one of v2 as canary"),
        (another_share, "expected an answer of v2, got v1"),
    ],
)
def test_fails_on_anything_else(
    change: Callable[[Spec], object], sentence: str, canary_url: str, tmp_path: Path
) -> None:
    done = outcome_of(tmp_path, WITH_CANARY, canary_url, change)
    assert 1 == done.returncode, done.stdout
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_fails_where_nobody_answers(tmp_path: Path) -> None:
    done = outcome_of(tmp_path, SMALL, "http://127.0.0.1:9")
    assert 1 == done.returncode
    assert "Connection refused" in done.stderr


def test_behind_a_gateway_every_service_is_asked_and_the_gateway_where_it_is_known() -> None:
    values = with_changes(GATEWAY, {"traffic": {"canary": CANARY}})
    urls = ["http://iris-skerry-v1.skerry:80", "http://iris-skerry-v2.skerry:80"]
    assert urls == [each["url"] for each in spec_of(values)[0]["servers"]]

    known = with_changes(
        values,
        {
            "helmTest": {"gatewayUrl": "http://gateway.example/"},
            "traffic": {"gateway": {"hostnames": ["*.example.org"]}},
        },
    )
    gateway = spec_of(known)[0]["servers"][-1]
    assert "http://gateway.example" == gateway["url"]
    assert {"Host": "skerry.example.org"} == gateway["headers"]
    assert ["v1", "v2"] == gateway["routed"]
    assert "stable" == gateway["canaries"][0]["track"]
