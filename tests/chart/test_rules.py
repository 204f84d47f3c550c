"""The chart's rules for Prometheus: valid, tried on made-up series, and about metrics there are."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.promql import labels_of, series_of
from tests.integration.prometheus import PROMTOOL, needs_promtool

ROOT = Path(__file__).parents[2]
RULES = ROOT / "helm" / "skerry" / "files" / "rules.yaml"
METRICS_PAGE = ROOT / "docs" / "metrics.md"
CASES = Path(__file__).with_name("alerts.yaml")
_TEMPLATE = re.compile(r"\{\{ *(.*?) *\}\}")
_ACTIONS = re.compile(
    r"\$labels\.(?P<label>[a-z_]+)|with \$labels\.(?P<tried>[a-z_]+)|\.|else|end"
    r"|\$value( \| humanize(Percentage|Duration)?)?"
)


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


ALERTS = [rule for rule in rules() if "alert" in rule]
RECORDED = {rule["record"]: rule["expr"] for rule in rules() if "record" in rule}


def promtool(*arguments: str) -> None:
    assert PROMTOOL is not None
    done = subprocess.run(
        [PROMTOOL, *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    assert 0 == done.returncode, done.stdout + done.stderr


@needs_promtool
def test_promtool_accepts_the_rules() -> None:
    promtool("check", "rules", "--lint=all", "--lint-fatal", str(RULES))


@needs_promtool
def test_alerts_fire_on_what_they_are_for_and_on_nothing_else() -> None:
    promtool("test", "rules", str(CASES))


def firing() -> Iterator[set[str]]:
    """Yield which alerts each check of each case expects."""
    for case in yaml.safe_load(CASES.read_text(encoding="utf-8"))["tests"]:
        for check in case["promql_expr_test"]:
            samples = check["exp_samples"]
            yield {re.findall(r'alertname="(\w+)"', each["labels"])[0] for each in samples}


def test_every_alert_has_a_case_in_which_it_fires() -> None:
    assert {rule["alert"] for rule in ALERTS} == set().union(*firing())


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule.get("alert", "recorded")))
def test_a_rule_asks_for_metrics_and_labels_that_there_are(rule: dict[str, Any]) -> None:
    """And is about whole jobs, or says of which of their pods."""
    labels = labels_of(rule["expr"], RECORDED)

    assert {"namespace", "job"} <= labels
    assert {"pod", "instance"} <= labels or not {"pod", "instance"} & labels


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: str(rule["alert"]))
def test_an_alert_says_what_is_wrong_and_what_to_do(rule: dict[str, Any]) -> None:
    summary, description = (rule["annotations"][key] for key in ("summary", "description"))

    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert re.fullmatch(r"[^\n]{20,160}\.", summary)
    assert re.fullmatch(r"[^\n]{200,800}\.", description)
    assert re.search(r"`[^`]+`", description), "names nothing to look at"


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: str(rule["alert"]))
def test_annotations_use_labels_that_the_alert_has(rule: dict[str, Any]) -> None:
    known = labels_of(rule["expr"], RECORDED)
    for text in rule["annotations"].values():
        for action in _TEMPLATE.findall(text):
            match = _ACTIONS.fullmatch(action)
            assert match is not None, action
            assert {match["label"] or match["tried"] or "job"} <= known, action


def test_every_rule_that_is_recorded_is_used() -> None:
    used = {name for rule in rules() for name in series_of(rule["expr"])}

    assert set(RECORDED) <= used


def test_every_alert_is_documented_and_no_other() -> None:
    page = METRICS_PAGE.read_text(encoding="utf-8")
    documented = re.findall(r"^\| `(Skerry\w+)` \| (\w+) \| (\w+) \| .+\. \|$", page, re.MULTILINE)

    assert documented == [
        (rule["alert"], rule.get("for", "0m"), rule["labels"]["severity"]) for rule in ALERTS
    ]


def documented_configs() -> list[dict[str, Any]]:
    """Return what the page tells Prometheus to scrape: its own file's, and the Collector's."""
    page = METRICS_PAGE.read_text(encoding="utf-8")
    blocks = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]
    collector = [block for block in blocks if "receivers" in block]
    for block in collector:
        for pipeline in block["service"]["pipelines"].values():
            assert set(pipeline["receivers"]) <= set(block["receivers"])
            assert set(pipeline["exporters"]) <= set(block["exporters"])
    return [
        *(block for block in blocks if "scrape_configs" in block),
        *(block["receivers"]["prometheus"]["config"] for block in collector),
    ]


@needs_promtool
@pytest.mark.parametrize("at", [0, 1], ids=["prometheus", "collector"])
def test_what_the_page_tells_to_scrape_is_valid(tmp_path: Path, at: int) -> None:
    configs = documented_configs()
    (tmp_path / "rules.yaml").write_bytes(RULES.read_bytes())
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(configs[at]), encoding="utf-8")

    assert 2 == len(configs)
    promtool("check", "config", str(tmp_path / "prometheus.yml"))
