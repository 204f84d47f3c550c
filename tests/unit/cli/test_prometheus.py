"""What Prometheus is asked, and what becomes of its answers."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from skerry.cli.errors import CommandFailed
from skerry.cli.evidence import Evidence, seen
from skerry.cli.prometheus import Prometheus, Queries
from tests.unit.cli.fake_servers import FakePrometheus, answering

QUERIES = Queries("iris", 300, 'namespace="prod"')
STABLE = {"version": "v1", "track": "stable"}
CANARY = {"version": "v2", "track": "canary"}


def read(prometheus: FakePrometheus, *canaries: str) -> Evidence:
    with prometheus.serving() as url, Prometheus(url, token=None, timeout_s=10) as client:
        return client.evidence(QUERIES, "g1", "v1", canaries)


def test_sums_become_evidence() -> None:
    prometheus = FakePrometheus(
        {
            "skerry_http_requests_total": [
                ({**STABLE, "status": "200"}, 9000.2),
                ({**STABLE, "status": "400"}, 7),
                ({**CANARY, "status": "200"}, 999.6),
                ({**CANARY, "status": "500"}, 1.02),
                ({**CANARY, "status": "503"}, 2),
                ({"version": "v2", "track": "pinned", "status": "200"}, 4),
            ],
            "histogram_quantile(0.5,": [(STABLE, 0.0004), (CANARY, 0.0008)],
            "histogram_quantile(0.9,": [(STABLE, 0.0006), (CANARY, "NaN")],
            "histogram_quantile(0.99,": [(STABLE, 0.001), (CANARY, "+Inf")],
            "skerry_predictions_total": [
                ({"version": "v1", "class": "0"}, 75),
                ({"version": "v1", "class": "1"}, 25),
                ({"version": "v2", "class": "0"}, 50),
                ({"version": "v2", "class": "1"}, 50),
            ],
            "skerry_shadow_requests_total": [
                ({"version": "v2", "result": "agreed"}, 98),
                ({"version": "v2", "result": "disagreed"}, 2),
                ({"version": "v3", "result": "failed"}, 5),
            ],
        }
    )

    evidence = read(prometheus, "v2")

    assert evidence.scope == "prometheus"
    assert evidence.window_s == 300
    assert evidence.generation == "g1"
    latency_ms = {"p50": 0.8, "p90": None, "p99": None}
    classes = {"0": 50, "1": 50}
    assert evidence.row("v2", "canary") == seen(
        "v2", "canary", requests=1003, errors=3, latency_ms=latency_ms, classes=classes
    )
    assert evidence.row("v1", "stable").requests == 9007
    assert evidence.row("v1", "stable").errors == 0
    assert evidence.row("v2", "pinned").classes == {}
    values = evidence.condition_values("v2")
    assert values["p50_ratio"] == pytest.approx(2.0)
    assert values["p99_ratio"] is None
    assert values["max_class_shift"] == pytest.approx(0.25)
    assert values["disagreement_rate"] == pytest.approx(0.02)
    assert evidence.shadows["v3"] == {"failed": 5}


def test_a_prometheus_that_knows_nothing_is_no_evidence() -> None:
    with pytest.raises(CommandFailed) as failure:
        read(FakePrometheus({}), "v2")

    assert "knows no request to a version of iris matching namespace" in failure.value.message


def test_its_refusal_is_told_in_its_words() -> None:
    with pytest.raises(CommandFailed) as failure:
        read(FakePrometheus({}, error="1:3: parse error: unexpected character"), "v2")

    assert failure.value.message.endswith(": 1:3: parse error: unexpected character")


@pytest.mark.parametrize("reply", [[], {}, "text"])
def test_another_server_is_not_taken_for_a_prometheus(reply: Any) -> None:
    with (
        answering(lambda *_: (200, reply)) as url,
        Prometheus(url, token=None, timeout_s=10) as client,
        pytest.raises(CommandFailed) as failure,
    ):
        client.query("up")

    assert failure.value.message == f"{url} answered 200 OK, and not as a Prometheus does"


# The queries, by Prometheus's own engine.

PROMTOOL = shutil.which("promtool")
REQUESTS = "skerry_http_requests_total"
BUCKETS = "skerry_http_request_duration_seconds_bucket"
OURS = {"model": "iris", "version": "v2", "namespace": "prod"}
LABELS = {**OURS, "track": "canary", "pod": "a"}


def text_of(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"


SAMPLES: list[tuple[str, Mapping[str, str], str]] = [
    # Pod a answers ten requests every 15 s since long ago, and pod b since it came at 10 m.
    (REQUESTS, {**LABELS, "status": "200"}, "1000+10x60"),
    (REQUESTS, {**LABELS, "status": "200", "pod": "b"}, "_x40 10+10x19"),
    # Its first two errors make a new series, which never grows: increase alone sees none.
    (REQUESTS, {**LABELS, "status": "500"}, "_x50 2x9"),
    # Errors of long ago, of another model, of elsewhere, and of requests that no version got.
    (REQUESTS, {**LABELS, "status": "503"}, "7x60"),
    (REQUESTS, {**LABELS, "status": "500", "model": "wine"}, "_x50 9x9"),
    (REQUESTS, {**LABELS, "status": "500", "namespace": "test"}, "_x50 9x9"),
    (REQUESTS, {**LABELS, "status": "503", "version": "", "track": ""}, "_x50 9x9"),
    # Half of the requests take up to 1 ms, the others up to 2 ms.
    (BUCKETS, {**LABELS, "le": "0.001"}, "5+5x60"),
    (BUCKETS, {**LABELS, "le": "0.002"}, "10+10x60"),
    (BUCKETS, {**LABELS, "le": "+Inf"}, "10+10x60"),
    ("skerry_predictions_total", {**OURS, "class": "0"}, "0+4x60"),
    ("skerry_shadow_requests_total", {**OURS, "result": "agreed"}, "_x45 3x14"),
]
EXPECTED: dict[str, list[tuple[Mapping[str, str], float]]] = {
    QUERIES.requests(): [
        ({**CANARY, "status": "200"}, 200 + 200),
        ({**CANARY, "status": "500"}, 2),
        ({**CANARY, "status": "503"}, 0),
    ],
    QUERIES.latency(0.5): [(CANARY, 0.001)],
    QUERIES.latency(0.75): [(CANARY, 0.0015)],
    QUERIES.classes(): [({"version": "v2", "class": "0"}, 80)],
    QUERIES.shadows(): [({"version": "v2", "result": "agreed"}, 3)],
}


@pytest.mark.skipif(PROMTOOL is None, reason="needs promtool, of the package prometheus")
def test_prometheus_computes_what_is_meant(tmp_path: Path) -> None:
    expected = [
        {
            "expr": query,
            "eval_time": "14m45s",
            "exp_samples": [{"labels": text_of(labels), "value": n} for labels, n in samples],
        }
        for query, samples in EXPECTED.items()
    ]
    series = [
        {"series": f"{metric}{text_of(labels)}", "values": v} for metric, labels, v in SAMPLES
    ]
    test = {"interval": "15s", "input_series": series, "promql_expr_test": expected}
    suite = {"rule_files": [], "evaluation_interval": "15s", "tests": [test]}
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump(suite), encoding="utf-8")

    done = subprocess.run(
        [str(PROMTOOL), "test", "rules", str(file)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
