"""The metrics of a real server: what was sent is what is counted."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text

from skerry import __version__
from tests.integration.models import iris_repository, put
from tests.integration.server import ADMIN, RunningServer, serve

PROMTOOL = shutil.which("promtool")
Labels = frozenset[tuple[str, str]]


def scrape(server: RunningServer) -> dict[str, dict[Labels, float]]:
    """Return the value of every series, by the sample's name without prefix, and its labels."""
    found: dict[str, dict[Labels, float]] = {}
    answer = server.client.get("/metrics")
    assert 200 == answer.status_code
    for family in parse_text(answer.text):
        for sample in family.samples:
            name = sample.name.removeprefix("skerry_")
            found.setdefault(name, {})[frozenset(sample.labels.items())] = sample.value
    return found


def labels(**values: str) -> Labels:
    return frozenset(values.items())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    repository = iris_repository(tmp_path_factory.mktemp("metrics"), "v1", "v2")
    with serve(repository, env={"SKERRY_API_TOKEN": "api-secret"}) as running:
        running.client.headers["Authorization"] = "Bearer api-secret"
        running.wait_for_state("iris", "v1", "READY")
        yield running


def test_metrics_need_no_token_and_are_not_logged(server: RunningServer) -> None:
    answer = server.client.get("/metrics", headers={"Authorization": ""})

    assert 200 == answer.status_code
    assert "text/plain; version=0.0.4; charset=utf-8" == answer.headers["content-type"]
    assert [] == [record for record in server.log() if record.get("route") == "/metrics"]


def test_openmetrics_where_it_is_asked_for(server: RunningServer) -> None:
    answer = server.client.get("/metrics", headers={"Accept": "application/openmetrics-text"})

    content_type = answer.headers["content-type"]
    assert "application/openmetrics-text; version=1.0.0; charset=utf-8" == content_type
    families = parse_openmetrics(answer.text)  # type: ignore[no-untyped-call]  # it has no types
    assert "skerry_build_info" in {family.name for family in families}


def test_versions_traffic_and_build(server: RunningServer) -> None:
    found = scrape(server)

    ready = {key for key, value in found["version_state"].items() if value}
    assert {labels(model="iris", version=v, state="READY") for v in ("v1", "v2")} == ready
    assert {labels(model="iris", version="v2", track="stable"): 1.0} == found[
        "traffic_weight_ratio"
    ]
    assert {labels(model="iris", generation="default"): 1.0} == found["traffic_info"]
    assert {labels(model="iris"): 1.0} == found["traffic_in_force"]
    assert [__version__] == [dict(key)["version"] for key in found["build_info"]]
    assert all(value > 1 for value in found["plan_speedup_ratio"].values())
    assert 2 == len(found["plan_speedup_ratio"])
    assert {"process_cpu_seconds_total", "process_open_fds", "python_info"} <= set(found)


@pytest.mark.skipif(PROMTOOL is None, reason="needs promtool (Debian: apt install prometheus)")
def test_promtool_has_nothing_to_say(server: RunningServer) -> None:
    text = server.client.get("/metrics").content

    assert PROMTOOL is not None
    check = subprocess.run(
        [PROMTOOL, "check", "metrics"], input=text, capture_output=True, timeout=60, check=False
    )

    assert (0, b"", b"") == (check.returncode, check.stdout, check.stderr)


def test_a_failure_shows_with_its_reason_and_goes_with_its_version(tmp_path: Path) -> None:
    repository = iris_repository(tmp_path, "v1")
    with serve(repository) as server:
        directory = put(repository, "iris", "v2", object())
        server.wait_for_state("iris", "v2", "FAILED")
        found = scrape(server)

        failure = labels(model="iris", version="v2", reason="unsupported")
        assert found["version_load_failures_total"][failure] >= 1
        assert 1 == found["version_state"][labels(model="iris", version="v2", state="FAILED")]

        shutil.rmtree(directory)
        server.wait_for(lambda: server.state("iris", "v2") == "")

        assert {"v1"} == {dict(key)["version"] for key in scrape(server)["version_state"]}


def test_the_generation_follows_the_store(tmp_path: Path) -> None:
    repository = iris_repository(tmp_path, "v1", "v2")
    with serve(repository) as server:
        server.wait_for_state("iris", "v1", "READY")
        activated = server.client.post(
            "/api/v1/models/iris/versions/v1/activate", headers=ADMIN
        ).json()
        found = scrape(server)

        assert {labels(model="iris", generation=activated["generation"]): 1.0} == found[
            "traffic_info"
        ]
        assert {labels(model="iris", version="v1", track="stable"): 1.0} == found[
            "traffic_weight_ratio"
        ]

        (repository / "traffic.yaml").write_text("models: [", encoding="utf-8")
        server.wait_for(lambda: scrape(server)["traffic_store_errors_total"][labels()] == 1)

        assert {labels(model="iris"): 0.0} == scrape(server)["traffic_in_force"]
