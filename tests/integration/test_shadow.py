"""A shadow over real sockets: asked after the answer, counted right, and nobody's trouble."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from sklearn.datasets import load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

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
from tests.integration.server import ADMIN, RunningServer, serve

ROWS = load_iris().data.tolist()
SHADOW = "/api/v1/models/m/shadow"


@contextmanager
def shadowed(
    directory: Path, served: object, shadow: object, **settings: str
) -> Iterator[RunningServer]:
    """Serve v1 of the model m with v2 as its shadow."""
    repository = directory / "models"
    repository.mkdir(exist_ok=True)
    put(repository, "m", "v1", served)
    put(repository, "m", "v2", shadow)
    settle(repository)
    policy = {"stable": "v1", "shadow": {"version": "v2", "sample": 100}}
    document = {"schema_version": 1, "models": {"m": policy}}
    (repository / "traffic.yaml").write_text(yaml.safe_dump(document))
    with serve(repository, env={**plugin_env(directory), **settings}) as server:
        server.wait_for_state("m", "v2", "READY")
        yield server


def settled(server: RunningServer, requests: int) -> dict[str, Any]:
    """Return the report once so many requests are counted."""
    server.wait_for(lambda: report(server)["requests"] >= requests)
    found = report(server)
    assert (requests, 0) == (found["requests"], found["waiting"])
    return found


def report(server: RunningServer) -> dict[str, Any]:
    found: dict[str, Any] = server.client.get(SHADOW).json()
    return found


def ask(server: RunningServer, path: str, features: object, **headers: str) -> dict[str, Any]:
    answer = server.client.post(f"/api/v1/{path}", json={"features": features}, headers=headers)
    assert 200 == answer.status_code, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_disagreements_of_a_known_pair_are_counted_right(tmp_path: Path) -> None:
    """Quick rows are answered in the parser, 200 rows at a time in the ordinary way."""
    features, classes = load_iris(return_X_y=True)
    served = iris_model()
    other = LogisticRegression(C=0.001).fit(features, classes)
    other.classes_, other.coef_ = np.array([2, 0, 1]), other.coef_[[2, 0, 1]]
    other.intercept_ = other.intercept_[[2, 0, 1]]
    with shadowed(tmp_path, served, other) as server:
        for row in ROWS:
            ask(server, "predict", row)
        ask(server, "predict/batch", ROWS[:50])
        ask(server, "predict/batch", ROWS * 2)
        found = settled(server, len(ROWS) + 2)

    differ = served.predict(features) != other.predict(features)
    expected = int(differ.sum()) + int(differ[:50].any()) + int(differ.any())
    columns = [other.classes_.tolist().index(label) for label in served.classes_]
    gaps = np.abs(served.predict_proba(features) - other.predict_proba(features)[:, columns]).max(
        axis=1
    )
    differences = [*gaps, gaps[:50].max(), gaps.max()]
    bounds = [1e-9, 1e-6, 1e-3, 0.1]
    counts = np.bincount(np.searchsorted(bounds, differences), minlength=5).tolist()
    assert (len(ROWS) + 2 - expected, expected) == (found["agreed"], found["disagreed"])
    assert {"upper_bounds": [*bounds, None], "counts": counts} == found["differences"]
    assert min(expected, 100) == len(found["recent"])


def test_both_answers_are_shown_and_no_input(tmp_path: Path) -> None:
    with shadowed(tmp_path, iris_model(), constant_model(2), SKERRY_SHADOW_KEEP="3") as server:
        for i in range(5):
            ask(server, "predict", IRIS_ROW, **{"X-Request-ID": f"id-{i}"})
        found = settled(server, 5)

    assert ["id-4", "id-3", "id-2"] == [each["request_id"] for each in found["recent"]]
    newest = found["recent"][0]
    assert {"time", "request_id", "row", "difference", "served", "shadow"} == set(newest)
    assert ("v1", 0) == (newest["served"]["version"], newest["served"]["prediction"])
    assert {"version": "v2", "prediction": 2, "confidence": 1.0} == newest["shadow"]
    assert 0.9 < newest["served"]["confidence"] < 1


def test_inputs_are_shown_where_they_are_asked_for(tmp_path: Path) -> None:
    with shadowed(
        tmp_path, iris_model(), constant_model(2), SKERRY_SHADOW_KEEP_INPUTS="true"
    ) as server:
        ask(server, "predict", IRIS_ROW)
        found = settled(server, 1)

    assert [IRIS_ROW] == [each["features"] for each in found["recent"]]


def test_only_successes_that_pin_no_version_are_mirrored(tmp_path: Path) -> None:
    with shadowed(tmp_path, iris_model(), iris_model()) as server:
        ask(server, "predict", IRIS_ROW, **{"X-Model-Version": "v1"})
        ask(server, "models/m/versions/v1/predict", IRIS_ROW)
        refused = server.client.post("/api/v1/predict", json={"features": [1.0]})
        ask(server, "predict", IRIS_ROW)
        found = settled(server, 1)

    assert 400 == refused.status_code
    assert 1 == found["agreed"]


def asleep(module: Any) -> object:
    return module.SlowRegressor(2.0).fit(np.zeros((2, 1)))


def raising(module: Any) -> object:
    return module.Picky().fit(np.zeros((2, 1)))


@pytest.mark.parametrize(
    ("make", "row", "key"), [(asleep, SLOW_ROW, "waiting"), (raising, [13.0], "failed")]
)
def test_a_caller_notices_nothing_of_a_shadow_that_is_slow_or_raises(
    tmp_path: Path, make: Callable[[Any], object], row: list[float], key: str
) -> None:
    module = estimators(tmp_path)
    served = LinearRegression().fit(np.array([[0.0], [1.0]]), np.array([0.0, 2.0]))
    with shadowed(tmp_path, served, make(module)) as server:
        began_s = time.monotonic()
        predictions = [ask(server, "predict", row)["prediction"] for _ in range(20)]
        took_s = time.monotonic() - began_s
        server.wait_for(lambda: report(server)[key] > 0)
        assert 0 == server.stop()

    assert [row[0] * 2] * 20 == pytest.approx(predictions)
    assert took_s < 1


def test_a_shadow_is_changed_by_the_policy_and_starts_anew(tmp_path: Path) -> None:
    path = "/api/v1/models/m/traffic"
    with shadowed(tmp_path, iris_model(), constant_model(2)) as server:
        ask(server, "predict", IRIS_ROW)
        assert 1 == settled(server, 1)["disagreed"]
        server.client.put(path, json={"stable": "v1"}, headers=ADMIN).raise_for_status()
        ask(server, "predict", IRIS_ROW)
        without = report(server)
        policy = {"stable": "v2", "shadow": {"version": "v1", "sample": 100}}
        server.client.put(path, json=policy, headers=ADMIN).raise_for_status()
        changed = report(server)
        ask(server, "predict", IRIS_ROW)
        found = settled(server, 1)
        unknown = server.client.get("/api/v1/models/other/shadow")

    assert ("v2", 0, 1) == (without["version"], without["sample"], without["requests"])
    assert ("v1", 100, 0) == (changed["version"], changed["sample"], changed["requests"])
    assert ("v1", 2) == (found["version"], found["recent"][0]["served"]["prediction"])
    assert 404 == unknown.status_code


def test_a_served_model_that_writes_into_its_rows_misleads_no_comparison(tmp_path: Path) -> None:
    features, classes = load_iris(return_X_y=True)

    def scaled() -> object:
        return make_pipeline(StandardScaler(copy=False), LogisticRegression()).fit(
            features.copy(), classes
        )

    with shadowed(tmp_path, scaled(), scaled(), SKERRY_PARITY="native") as server:
        for row in ROWS[::5]:
            ask(server, "predict", row)
        ask(server, "predict/batch", ROWS)
        found = settled(server, 31)

    assert 31 == found["agreed"]
