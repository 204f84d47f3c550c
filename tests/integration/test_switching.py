"""Switching versions under load: no request fails, and each answer is of one version wholly."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import httpx
import pytest

from tests.integration.load import load
from tests.integration.models import IRIS_ROW, constant_model, iris_repository, put, settle
from tests.integration.server import ADMIN, serve

CLIENTS = 16
SWITCHES = 200
LABELS = {"v1": 1, "v2": 2}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    repository = tmp_path / "models"
    repository.mkdir()
    for version, label in LABELS.items():
        put(repository, "iris", version, constant_model(label))
    settle(repository)
    return repository


def test_activate_under_load_fails_no_request(repository: Path) -> None:
    with serve(repository) as server:
        server.wait_for_state("iris", "v1", "READY")
        wrong: list[str] = []
        switching = True

        async def switch() -> None:
            nonlocal switching
            async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
                for i in range(SWITCHES):
                    version = ("v1", "v2")[i % 2]
                    answer = await client.post(
                        f"/api/v1/models/iris/versions/{version}/activate", headers=ADMIN
                    )
                    after = await client.post("/api/v1/predict", json={"features": IRIS_ROW})
                    got = after.json().get("model_version")
                    if (answer.status_code, got) != (200, version):
                        wrong.append(f"{i}: {answer.status_code}, {version} wanted, {got} served")
            switching = False

        async def run() -> list[object]:
            body = {"features": [IRIS_ROW] * 3}
            running = load(
                server.url,
                "/api/v1/predict/batch",
                body,
                clients=CLIENTS,
                go_on=lambda: switching,
            )
            tally, _ = await asyncio.gather(running, switch())
            assert [] == tally.lost
            assert {200} == {answer.status for answer in tally.answers}
            return [answer.body | answer.headers for answer in tally.answers]

        answers = asyncio.run(run())

        assert [] == wrong
        served = set()
        for answer in answers:
            assert isinstance(answer, dict)
            version = answer["model_version"]
            served.add(version)
            assert version == answer["x-model-version"]
            assert [LABELS[version]] * 3 == answer["predictions"]
        assert {"v1", "v2"} == served


def test_rollback_returns_to_what_was_before(repository: Path) -> None:
    with serve(repository) as server:
        server.wait_for_state("iris", "v1", "READY")
        url = "/api/v1/models/iris"

        server.client.post(f"{url}/versions/v1/activate", headers=ADMIN)
        rolled_back = server.client.post(f"{url}/rollback", headers=ADMIN).json()
        again = server.client.post(f"{url}/rollback", headers=ADMIN).json()

        assert ({"stable": "v2"}, {"stable": "v1"}) == (
            rolled_back["in_force"],
            rolled_back["previous"],
        )
        assert {"stable": "v1"} == again["in_force"]


def test_two_operators_cannot_overwrite_each_other(repository: Path) -> None:
    with serve(repository) as server:
        server.wait_for_state("iris", "v1", "READY")
        url = "/api/v1/models/iris/traffic"
        etag = server.client.get(url).headers["etag"]
        headers = {**ADMIN, "If-Match": etag}

        first = server.client.put(url, json={"stable": "v1"}, headers=headers)
        second = server.client.put(url, json={"stable": "v2"}, headers=headers)

        assert (200, 412) == (first.status_code, second.status_code)
        assert {"stable": "v1"} == server.client.get(url).json()["in_force"]


def test_every_process_on_one_store_converges(repository: Path) -> None:
    with serve(repository) as one, serve(repository) as other:
        for server in (one, other):
            server.wait_for_state("iris", "v1", "READY")

        answer = one.client.post("/api/v1/models/iris/versions/v1/activate", headers=ADMIN)

        def in_force() -> object:
            return other.client.get("/api/v1/models/iris/traffic").json()["in_force"]

        assert answer.status_code == 200
        other.wait_for(lambda: in_force() == {"stable": "v1"}, timeout_s=5)


def test_a_file_that_does_not_validate_leaves_the_last_good_policy(repository: Path) -> None:
    file = repository / "traffic.yaml"
    file.write_text("schema_version: 1\nmodels: {iris: {stable: v1}}\n", encoding="utf-8")
    with serve(repository) as server:
        file.write_text("schema_version: 1\nmodels: {iris: {stabel: v2}}\n", encoding="utf-8")

        def traffic() -> dict[str, object]:
            view: dict[str, object] = server.client.get("/api/v1/models/iris/traffic").json()
            return view

        server.wait_for(lambda: bool(traffic()["differences"]), timeout_s=5)

        assert {"stable": "v1"} == traffic()["in_force"]
        assert "got 'stabel'" in str(traffic()["differences"])
        assert server.client.get("/readyz").status_code == 200


def test_a_file_that_is_empty_for_a_moment_changes_nothing(repository: Path) -> None:
    policy = "schema_version: 1\nmodels: {iris: {stable: v1}}\n"
    file = repository / "traffic.yaml"
    file.write_text(policy, encoding="utf-8")
    with serve(repository, env={"SKERRY_SETTLE_TIME_S": "2"}) as server:
        server.wait_for_state("iris", "v2", "READY")
        for _ in range(5):
            file.write_bytes(b"")
            time.sleep(0.2)
            file.write_text(policy, encoding="utf-8")
            time.sleep(0.2)

        stable = [r["stable"] for r in server.log() if r["event"] == "traffic_changed"]
        assert {"v1"} == {version for version in stable if version is not None}


def test_a_file_that_stays_empty_means_the_built_in_default(repository: Path) -> None:
    file = repository / "traffic.yaml"
    file.write_text("schema_version: 1\nmodels: {iris: {stable: v1}}\n", encoding="utf-8")
    with serve(repository) as server:
        server.wait_for_state("iris", "v2", "READY")
        file.unlink()

        def in_force() -> object:
            return server.client.get("/api/v1/models/iris/traffic").json()["in_force"]

        server.wait_for(lambda: in_force() == {"stable": "v2"}, timeout_s=5)


def test_a_file_that_does_not_validate_at_start_keeps_it_from_being_ready(
    tmp_path: Path,
) -> None:
    repository = iris_repository(tmp_path, "v1")
    file = repository / "traffic.yaml"
    file.write_text("models: [", encoding="utf-8")
    with serve(repository, wait_ready=False) as server:
        server.wait_for_state("iris", "v1", "READY")

        ready = server.client.get("/readyz")
        answer = server.client.post("/api/v1/predict", json={"features": IRIS_ROW})

        assert (503, 503) == (ready.status_code, answer.status_code)
        assert "YAML" in ready.json()["reasons"][0]["reason"]
        file.write_text("schema_version: 1\nmodels: {iris: {stable: v1}}\n", encoding="utf-8")
        server.wait_for(lambda: server.client.get("/readyz").status_code == 200, timeout_s=5)


def test_a_digest_that_is_declared_later_is_held_against_what_is_served(
    repository: Path,
) -> None:
    policy = {"stable": "v1", "digests": {"v2": "sha256:" + "0" * 64}}
    with serve(repository) as server:
        server.wait_for_state("iris", "v1", "READY")

        answer = server.client.put("/api/v1/models/iris/traffic", json=policy, headers=ADMIN)
        server.wait_for_state("iris", "v2", "FAILED")

        version = server.client.get("/api/v1/models/iris/versions/v2").json()
        assert answer.status_code == 200
        assert "the traffic policy says sha256:000" in version["reason"]
        assert server.client.get("/readyz").status_code == 200
