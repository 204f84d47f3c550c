"""The metrics of a real server: what was sent is what is counted."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from http.client import HTTPConnection
from itertools import count, islice
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import joblib
import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text
from sklearn.datasets import load_iris

from skerry import __version__
from tests.integration.models import (
    IRIS_ROW,
    SLOW_ROW,
    constant_model,
    iris_model,
    iris_repository,
    plugin_env,
    put,
    settle,
    slow_repository,
)
from tests.integration.probe import summary, waiting_times
from tests.integration.prometheus import PROMTOOL, needs_promtool
from tests.integration.server import ADMIN, RunningServer, serve

Labels = frozenset[tuple[str, str]]
HANG_S = 1.0


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


@needs_promtool
def test_promtool_has_nothing_to_say(server: RunningServer) -> None:
    batch = {"features": [IRIS_ROW] * 3}
    assert 200 == server.client.post("/api/v1/predict/batch", json=batch).status_code
    assert 404 == server.client.get("/nothing").status_code
    text = server.client.get("/metrics").content

    assert b"skerry_prediction_confidence_ratio_bucket" in text
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


def test_what_was_sent_is_what_is_counted(tmp_path: Path) -> None:
    with serve(iris_repository(tmp_path, "v1")) as server:
        client = server.client
        for _ in range(7):
            assert 200 == client.post("/api/v1/predict", json={"features": IRIS_ROW}).status_code
        batch = {"features": [IRIS_ROW, [6.7, 3.0, 5.2, 2.3]] * 10}
        pinned = "/api/v1/models/iris/versions/v1/predict/batch"
        predicted = Counter(
            str(each)
            for _ in range(3)
            for each in client.post(pinned, json=batch).json()["predictions"]
        )
        # Over the framework's way, as its connection header is unusual for HTTP/1.1.
        kept = {"Connection": "keep-alive, x"}
        client.post("/api/v1/predict", json={"features": IRIS_ROW}, headers=kept)
        assert 400 == client.post("/api/v1/predict", json={"features": [1.0]}).status_code
        assert 404 == client.get("/nothing").status_code

        found = scrape(server)

    answered = {"model": "iris", "version": "v1"}
    requests = found["http_requests_total"]
    single = {"route": "/api/v1/predict", "method": "POST", "track": "stable", **answered}
    batches = {"method": "POST", "track": "pinned", **answered}
    route = "/api/v1/models/{model}/versions/{version}/predict/batch"
    assert 8 == requests[labels(status="200", **single)]
    assert 1 == requests[labels(status="400", **single)]
    assert 3 == requests[labels(status="200", route=route, **batches)]
    unknown = {"route": "other", "model": "", "version": "", "track": ""}
    assert 1 == requests[labels(status="404", method="GET", **unknown)]
    timed = found["http_request_duration_seconds_count"]
    assert 9 == timed[labels(route="/api/v1/predict", track="stable", **answered)]
    assert {
        labels(reason="wrong-feature-count", model="iris"): 1.0,
        labels(reason="route-not-found", model=""): 1.0,
    } == found["http_requests_rejected_total"]

    predicted["0"] += 8
    classes = {
        dict(key)["class"]: value for key, value in found["predictions_total"].items() if value
    }
    assert dict(predicted) == classes
    assert 68 == found["prediction_confidence_ratio_count"][labels(**answered)]
    assert 11 == found["inference_duration_seconds_count"][labels(executor="numpy", **answered)]
    assert 68 == found["inference_batch_rows_sum"][labels(**answered)]
    assert 1 == found["http_requests_in_flight"][labels()]


@pytest.mark.slow
def test_made_up_names_make_no_series(server: RunningServer) -> None:
    """Names of models, versions, paths, methods and header values, ten thousand in all."""
    address = urlsplit(server.url)
    assert address.hostname is not None
    connection = HTTPConnection(address.hostname, address.port, timeout=30)
    token = {"Authorization": "Bearer api-secret"}
    body = json.dumps({"features": IRIS_ROW}).encode()

    def sent(name: str) -> Iterator[tuple[str, str, dict[str, str]]]:
        yield "POST", f"/api/v1/models/{name}/predict", {}
        yield "POST", f"/api/v1/models/iris/versions/{name}/predict", {}
        yield "POST", "/api/v1/predict", {"X-Model-Version": name}
        yield "POST", "/api/v1/predict", {"X-Request-ID": name, "User-Agent": name, "Accept": name}
        yield "GET", f"/{name}", {}
        yield "GET", f"/api/v1/models/{name}/traffic", {}
        yield "GET", f"/docs/assets/{name}", {}
        yield "PROPFIND", f"/{name}", {}
        yield "PURGE", "/api/v1/predict", {"X-HTTP-Method-Override": name}
        yield "GET", f"/metrics?name[]={name}", {"Accept": f"text/plain; version={name}"}

    def ask(name: str) -> Iterator[int]:
        for method, path, headers in sent(name):
            connection.request(method, path, body, {**token, **headers})
            answer = connection.getresponse()
            answer.read()
            yield answer.status

    def series() -> set[tuple[str, Labels]]:
        return {(name, key) for name, found in scrape(server).items() for key in found}

    statuses = list(ask("first"))
    # Counted aside, some seconds later.
    server.wait_for(lambda: bool(scrape(server).get("feature_rows_total")))
    before = series()
    asked = list(islice((status for number in count() for status in ask(f"n{number}")), 10_000))
    after = series()
    connection.close()

    assert [404, 404, 404, 200, 404, 404, 404, 404, 405, 200] == statuses
    assert statuses * 1000 == asked
    assert before == after


@pytest.mark.slow
@pytest.mark.parametrize("busy", [False, True], ids=["asleep", "holding-the-gil"])
def test_metrics_answer_while_a_long_prediction_runs(tmp_path: Path, busy: bool) -> None:
    with serve(slow_repository(tmp_path, seconds=4, busy=busy), env=plugin_env(tmp_path)) as server:

        async def predict() -> int:
            async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
                answer = await client.post("/api/v1/predict", json={"features": SLOW_ROW})
                return answer.status_code

        with waiting_times(server.url, "/metrics") as times:
            status = asyncio.run(predict())
        found = scrape(server)

    print(f"/metrics beside a long prediction (busy: {busy}): {summary(times)}")
    assert 200 == status
    assert max(times) < HANG_S
    call = labels(model="slow", version="v1", executor="sklearn")
    assert found["inference_duration_seconds_sum"][call] > 4
    assert 1 == found["queue_wait_seconds_count"][labels(model="slow")]
    assert {labels(model="slow"): 0.0} == found["queue_rows"]
    assert "predictions_total" not in found


def test_rows_unlike_those_of_training_show_as_drift(tmp_path: Path) -> None:
    """Sepals as in training, petals of a giant."""
    data = load_iris(as_frame=True).data
    data.to_csv(tmp_path / "iris.csv", index=False)
    joblib.dump(iris_model(), tmp_path / "iris.joblib")
    repository = tmp_path / "models"
    command = [sys.executable, "-m", "skerry", "package", str(tmp_path / "iris.joblib")]
    command += ["--model", "iris", "--version", "v1", "--to", str(repository)]
    command += ["--data", str(tmp_path / "iris.csv")]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    sepal, petal = data.columns[0], data.columns[2]
    with serve(repository) as server:
        for _ in range(2):
            for row in data.to_numpy().tolist():
                features = {"features": [*row[:2], 70.0, row[3]]}
                assert 200 == server.client.post("/api/v1/predict", json=features).status_code
        server.wait_for(lambda: bool(scrape(server).get("feature_stability_index")))

        found = scrape(server)

    rows = found["feature_rows_total"][labels(model="iris", version="v1")]
    outside = found["feature_out_of_range_total"]
    index = found["feature_stability_index"]
    assert 200 <= rows <= 300
    assert rows == outside[labels(model="iris", version="v1", feature=petal)]
    assert 0 == outside[labels(model="iris", version="v1", feature=sepal)]
    assert index[labels(model="iris", version="v1", feature=petal)] > 1
    assert index[labels(model="iris", version="v1", feature=sepal)] < 0.25


def test_a_shadow_is_counted_by_what_came_of_it(tmp_path: Path) -> None:
    repository = tmp_path / "models"
    for version, label in (("v1", 0), ("v2", 1)):
        put(repository, "iris", version, constant_model(label))
    settle(repository)
    policy = {"stable": "v1", "shadow": {"version": "v2", "sample": 100}}
    document = {"schema_version": 1, "models": {"iris": policy}}
    (repository / "traffic.yaml").write_text(json.dumps(document), encoding="utf-8")
    shadow = {"model": "iris", "version": "v2"}
    with serve(repository) as server:
        server.wait_for_state("iris", "v2", "READY")
        for _ in range(5):
            server.client.post("/api/v1/predict", json={"features": IRIS_ROW})
        disagreed = labels(result="disagreed", **shadow)
        server.wait_for(lambda: scrape(server).get("shadow_requests_total", {}).get(disagreed) == 5)
        found = scrape(server)

        assert 0 == found["shadow_requests_total"][labels(result="agreed", **shadow)]
        assert 5 == found["shadow_difference_ratio_count"][labels(**shadow)]
        assert 5 == found["predictions_total"][labels(model="iris", version="v1", **{"class": "0"})]
        assert 0 == found["traffic_weight_ratio"].get(labels(track="shadow", **shadow), 0)

        shutil.rmtree(repository / "iris" / "v2")
        server.wait_for(lambda: server.state("iris", "v2") == "")

        assert "shadow_requests_total" not in scrape(server)
