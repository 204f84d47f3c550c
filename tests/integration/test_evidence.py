"""Evidence of a running server: what was answered is what is counted, on every way to an answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from tests.integration.models import (
    IRIS_ROW,
    SLOW_ROW,
    constant_model,
    estimators,
    iris_model,
    plugin_env,
    put,
    settle,
)
from tests.integration.server import RunningServer, serve


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    directory = tmp_path_factory.mktemp("evidence")
    repository = directory / "models"
    repository.mkdir()
    rows = np.arange(8.0).reshape(4, 2)
    put(repository, "counted", "v1", iris_model())
    put(repository, "counted", "v2", iris_model())
    put(repository, "expiring", "v1", constant_model(1))
    put(repository, "regressor", "v1", LinearRegression().fit(rows, rows.sum(axis=1)))
    put(repository, "slow", "v1", estimators(directory).SlowRegressor(2.0).fit(np.zeros((2, 1))))
    settle(repository)
    with serve(repository, env=plugin_env(directory)) as running:
        yield running


def ask(server: RunningServer, model: str, path: str, features: Any, **headers: str) -> int:
    answer = server.client.post(
        f"/api/v1/models/{model}/{path}", json={"features": features}, headers=headers
    )
    return answer.status_code


def evidence(server: RunningServer, model: str, **query: Any) -> dict[str, Any]:
    answer = server.client.get(f"/api/v1/models/{model}/evidence", params=query)
    assert 200 == answer.status_code, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_predictions_are_counted_by_version_track_and_class(server: RunningServer) -> None:
    classes = (IRIS_ROW, [6.2, 2.9, 4.3, 1.3], [6.7, 3.0, 5.8, 2.3])
    for _ in range(3):
        assert 200 == ask(server, "counted", "predict", IRIS_ROW)
    assert 200 == ask(server, "counted", "predict/batch", classes)
    assert 400 == ask(server, "counted", "predict", [1.0])
    assert 200 == ask(server, "counted", "versions/v1/predict", classes[1])
    assert 200 == ask(server, "counted", "predict", classes[2], **{"X-Model-Version": "v1"})
    assert 404 == ask(server, "counted", "versions/v9/predict", IRIS_ROW)

    found = evidence(server, "counted", window_s=60)

    pinned, stable = found["versions"]
    facts = ("version", "track", "requests", "rows", "errors", "classes")
    assert ["v1", "pinned", 2, 2, 0, {"1": 1, "2": 1}] == [pinned[key] for key in facts]
    assert ["v2", "stable", 5, 6, 0, {"0": 4, "1": 1, "2": 1}] == [stable[key] for key in facts]
    assert 6 == sum(stable["confidence"]["counts"])
    assert 0 < stable["latency_ms"]["p50"] <= stable["latency_ms"]["p99"] < 10_000
    assert ("counted", "process", 60, "default") == tuple(
        found[key] for key in ("model", "scope", "window_s", "generation")
    )
    assert None is found["comparison"]["canary"]


def test_an_answer_by_a_thread_and_a_deadline_are_counted(server: RunningServer) -> None:
    assert 200 == ask(server, "slow", "predict", [1.0])
    late = {"X-Request-Timeout-Seconds": "0.2"}
    assert 504 == ask(server, "slow", "predict", SLOW_ROW, **late)

    (found,) = evidence(server, "slow")["versions"]

    assert (2, 2, 1) == (found["requests"], found["rows"], found["errors"])
    assert found["latency_ms"]["p99"] < 200
    assert 1.0 == found["predicted"]["mean"]


def test_a_regressor_s_numbers_are_summed_up(server: RunningServer) -> None:
    assert 200 == ask(server, "regressor", "predict/batch", [[1.0, 1.0], [3.0, 3.0]])

    (found,) = evidence(server, "regressor")["versions"]

    assert {} == found["classes"]
    assert None is found["confidence"]
    assert pytest.approx({"mean": 4.0, "std": 2.0, "min": 2.0, "max": 6.0}) == found["predicted"]


def test_what_is_older_than_the_window_leaves(server: RunningServer) -> None:
    assert 200 == ask(server, "expiring", "predict", IRIS_ROW)
    assert {"1": 1} == evidence(server, "expiring")["versions"][0]["classes"]

    server.wait_for(lambda: not evidence(server, "expiring", window_s=1)["versions"], 10)

    assert 1 == len(evidence(server, "expiring", window_s=60)["versions"])


@pytest.mark.parametrize(
    ("window_s", "expected"),
    [
        ("0", "at least 1"),
        ("3601", "at most 3600"),
        ("five", "a whole number"),
        ("1.5", "a whole number"),
        ("9" * 5000, "a whole number"),
    ],
)
def test_a_window_that_is_none_is_refused(
    server: RunningServer, window_s: str, expected: str
) -> None:
    answer = server.client.get("/api/v1/models/counted/evidence", params={"window_s": window_s})

    assert 400 == answer.status_code
    assert "application/problem+json" == answer.headers["content-type"]
    assert answer.json()["detail"].startswith(f"query.window_s: expected {expected}, got '")


@pytest.mark.parametrize(
    ("model", "query", "detail"),
    [
        ("cars", {}, "model 'cars' does not exist"),
        ("counted", {"version": "v9"}, "counted has no version 'v9'"),
    ],
)
def test_what_does_not_exist_is_not_found(
    server: RunningServer, model: str, query: dict[str, str], detail: str
) -> None:
    answer = server.client.get(f"/api/v1/models/{model}/evidence", params=query)

    assert (404, detail) == (answer.status_code, answer.json()["detail"])


def test_a_version_without_requests_can_be_named(server: RunningServer) -> None:
    compared = evidence(server, "expiring", version="v1")["comparison"]

    assert ("v1", None, None) == tuple(compared[k] for k in ("canary", "p99_ratio", "class_shift"))


def test_evidence_needs_the_token_that_predictions_need(tmp_path: Path) -> None:
    repository = tmp_path / "models"
    repository.mkdir()
    put(repository, "iris", "v1", constant_model(0))
    settle(repository)
    with serve(repository, env={"SKERRY_API_TOKEN": "api-secret"}) as running:
        path = "/api/v1/models/iris/evidence"
        answers = [
            running.client.get(path, headers=headers).status_code
            for headers in ({}, {"Authorization": "Bearer api-secret"})
        ]

    assert [401, 200] == answers
