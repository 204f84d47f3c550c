"""Dashboard and alerts on a real Prometheus that scrapes real servers in the midst of a rollout.

The model tells who buys: a stable version, a canary that fails on one row in four, a shadow that
answers the opposite, a version that can't be loaded, rows unlike those of training, and a second
pod with a traffic policy of its own.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from helm.dashboard.__main__ import FILE
from tests.chart.queries import dashboard_queries, variable_query
from tests.chart.test_rules import RULES
from tests.integration.buyers import buyers_repository
from tests.integration.models import plugin_env
from tests.integration.prometheus import needs_prometheus, prometheus
from tests.integration.server import RunningServer, serve

pytestmark = [pytest.mark.slow, needs_prometheus]
BOARD: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
WAIT_S = 90
POLICY = {
    "stable": "v1",
    "canary": {"version": "v2", "weight": 50},
    "shadow": {"version": "v3", "sample": 100},
}
VALUES = {"namespace": "ml", "job": "skerry", "model": "buyers", "__rate_interval": "1m"}
DEPENDS_ON_THE_MACHINE = {"SkerrySlow", "SkerryCanarySlow", "SkerryMemoryNearLimit"}
LIMIT = "skerry_memory_limit_bytes"
"""Not exported where the tests run without a memory limit."""


def ask(server: RunningServer, rounds: int = 1) -> None:
    """Send people of a kind that training had not, one without an income, one that is wrong."""
    odd = [
        {"city": "Bodø", "income": 51_000.0, "age": 95.0},
        {"city": "Oslo", "income": None, "age": 90.0},
        {"city": "Oslo", "income": 48_000.0, "age": 13.0},
        {"city": "Oslo", "income": 48_000.0, "age": 88.0},
        {"city": "Oslo"},
    ]
    for _ in range(rounds):
        for features in odd:
            server.client.post("/api/v1/predict", json={"features": features})


@dataclass
class Rollout:
    """Two pods, and the Prometheus that scrapes both."""

    pod: RunningServer
    other: RunningServer
    repository: Path
    url: str

    def result(self, query: str) -> list[dict[str, Any]]:
        """Return the samples of an instant query whose value is a number."""
        answer = httpx.get(f"{self.url}/api/v1/query", params={"query": query}, timeout=30).json()
        assert "success" == answer["status"], answer
        samples: list[dict[str, Any]] = answer["data"]["result"]
        return [each for each in samples if math.isfinite(float(each["value"][1]))]

    def alerts(self) -> list[dict[str, Any]]:
        """Return what fires."""
        answer = httpx.get(f"{self.url}/api/v1/alerts", timeout=30).json()
        alerts: list[dict[str, Any]] = answer["data"]["alerts"]
        return alerts

    def wait_for_alerts(self, names: set[str]) -> list[dict[str, Any]]:
        """Go on asking until all of these fire, and return what does."""
        end_s = time.monotonic() + WAIT_S
        while not names <= names_of(found := self.alerts()):
            assert time.monotonic() < end_s, f"not firing: {sorted(names - names_of(found))}"
            ask(self.pod)
        return found


def names_of(alerts: list[dict[str, Any]]) -> set[str]:
    return {alert["labels"]["alertname"] for alert in alerts}


@pytest.fixture(scope="module")
def rollout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rollout]:
    directory = tmp_path_factory.mktemp("rollout")
    repository = buyers_repository(directory)
    document = {"schema_version": 1, "models": {"buyers": POLICY}}
    (repository / "traffic.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    for group in rules["groups"]:
        for rule in group["rules"]:
            rule.pop("for", None)  # How long it has to last is promtool's to try.
    (directory / "rules.yaml").write_text(yaml.safe_dump(rules), encoding="utf-8")
    other_document = {"schema_version": 1, "models": {"buyers": {"stable": "v1"}}}
    with ExitStack() as running:
        env = {**plugin_env(directory), "SKERRY_PLAN_BUDGET_S": "1"}
        pod = running.enter_context(serve(repository, env=env))
        env = {**env, "SKERRY_TRAFFIC": json.dumps(other_document)}
        other = running.enter_context(serve(repository, env=env))
        for version, state in (("v2", "READY"), ("v3", "READY"), ("v4", "FAILED")):
            pod.wait_for_state("buyers", version, state)
            other.wait_for_state("buyers", version, state)
        url = running.enter_context(
            prometheus(
                directory,
                pod,
                other,
                labels={"namespace": "ml"},
                rules=directory / "rules.yaml",
            )
        )
        rollout = Rollout(pod, other, repository, url)
        # What a counter held when it was first seen is no increase.
        pod.wait_for(lambda: len(rollout.result("count_over_time(up[1m]) > 2")) == 2)
        yield rollout


def test_every_query_of_the_dashboard_finds_data(rollout: Rollout) -> None:
    ask(rollout.pod, rounds=80)
    waiting = dashboard_queries(BOARD, values=VALUES)
    if f"\n{LIMIT} " not in rollout.pod.client.get("/metrics").text:
        waiting = [each for each in waiting if LIMIT not in each[1]]
    print(f"{len(waiting)} queries")
    end_s = time.monotonic() + WAIT_S
    while waiting and time.monotonic() < end_s:
        ask(rollout.pod)
        waiting = [each for each in waiting if not rollout.result(each[1])]

    assert [] == waiting


@pytest.mark.parametrize(
    ("name", "expected"), [("namespace", ["ml"]), ("job", ["skerry"]), ("model", ["buyers"])]
)
def test_a_variable_lists_what_there_is(rollout: Rollout, name: str, expected: list[str]) -> None:
    [variable] = [each for each in BOARD["templating"]["list"] if each["name"] == name]
    series, label = variable_query(variable["query"]["query"], VALUES)
    answer = httpx.get(
        f"{rollout.url}/api/v1/label/{label}/values", params={"match[]": series}, timeout=30
    )

    assert expected == answer.json()["data"]


def test_alerts_fire_and_say_what_they_are_about(rollout: Rollout) -> None:
    """All whose cause a test can bring about on a server; a pod that ends is the last."""
    (rollout.repository / "traffic.yaml").write_text("models: [", encoding="utf-8")
    expected = {
        "SkerryErrors",
        "SkerryCanaryErrors",
        "SkerryVersionFailed",
        "SkerryTrafficNotInForce",
        "SkerryTrafficStoreErrors",
        "SkerryGenerationsDiffer",
        "SkerryShadowDisagrees",
        "SkerryDrift",
    }

    found = rollout.wait_for_alerts(expected)
    assert names_of(found) - expected <= DEPENDS_ON_THE_MACHINE

    rollout.other.stop()
    found += rollout.wait_for_alerts({"SkerryDown"})

    for alert in found:
        text = " ".join(alert["annotations"].values())
        assert "ml" == alert["labels"]["namespace"]
        assert "error expanding" not in text
        assert "no value" not in text
        assert "{{" not in text
        assert "buyers" in text or "skerry" in text
    summaries = "\n".join(sorted(alert["annotations"]["summary"] for alert in found))
    assert "buyers v1: age is unlike training, its stability index is " in summaries
    assert "buyers: canary v2 fails " in summaries
    assert "buyers v4 is FAILED in 2 pods." in summaries
