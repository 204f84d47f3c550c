"""The life of a version, with a real server and real files."""

from __future__ import annotations

import pickle
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.integration.models import IRIS_ROW, iris_model, iris_repository, put
from tests.integration.server import ADMIN, RunningServer, serve

REQUEST = {"features": IRIS_ROW}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return iris_repository(tmp_path, "v1")


@contextmanager
def asking(server: RunningServer) -> Iterator[list[httpx.Response]]:
    """Ask for predictions all the while; give the answers."""
    answers: list[httpx.Response] = []
    stop = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=server.url, timeout=30) as client:
            while not stop.is_set():
                answers.append(client.post("/api/v1/predict", json=REQUEST))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield answers
    finally:
        stop.set()
        thread.join(30)


def package(repository: Path, version: str, artifact: Path) -> Path:
    """Package a version as a user does."""
    command = [sys.executable, "-m", "skerry", "package", str(artifact)]
    command += ["--model", "iris", "--version", version, "--to", str(repository)]
    subprocess.run(command, check=True, capture_output=True)
    return repository / "iris" / version


def reason(server: RunningServer, version: str) -> str:
    return str(server.client.get(f"/api/v1/models/iris/versions/{version}").json()["reason"])


def test_a_version_that_is_copied_in_slowly_is_not_loaded_early(repository: Path) -> None:
    content = pickle.dumps(iris_model())
    with serve(repository, env={"SKERRY_SETTLE_TIME_S": "1"}) as server:
        directory = repository / "iris" / "v2"
        directory.mkdir()
        with (directory / "model.pkl").open("wb") as file:
            step = len(content) // 8 + 1
            for start in range(0, len(content), step):
                file.write(content[start : start + step])
                file.flush()
                time.sleep(0.3)
                assert server.state("iris", "v2") in {"", "DISCOVERED"}

        server.wait_for_state("iris", "v2", "READY")

        states = [r["state"] for r in server.log() if r.get("version") == "v2" and "state" in r]
        assert "FAILED" not in states


def test_a_package_waits_for_its_artifact_and_loads_at_once_then(
    repository: Path, tmp_path: Path
) -> None:
    whole = package(tmp_path / "elsewhere", "v2", repository / "iris" / "v1" / "model.joblib")
    content = (whole / "model.joblib").read_bytes()
    with serve(repository, env={"SKERRY_SETTLE_TIME_S": "60"}) as server:
        directory = repository / "iris" / "v2"
        directory.mkdir()
        shutil.copy(whole / "manifest.json", directory)
        (directory / "model.joblib").write_bytes(content[:500])
        time.sleep(1.5)
        early = server.state("iris", "v2")
        (directory / "model.joblib").write_bytes(content)

        server.wait_for_state("iris", "v2", "READY", timeout_s=10)

        assert early == "DISCOVERED"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param(pickle.dumps(iris_model())[:300], "", id="truncated"),
        pytest.param(b"not a pickle at all", "", id="unpicklable"),
        pytest.param(b"", "", id="empty"),
        pytest.param(pickle.dumps({"a": 1}), "predict", id="wrong-type"),
        pytest.param(b"cno_such_module\nThing\n.", "no_such_module", id="unknown-module"),
    ],
)
def test_a_bad_artifact_fails_with_its_reason_while_the_old_version_serves(
    repository: Path, content: bytes, sentence: str
) -> None:
    with serve(repository) as server, asking(server) as answers:
        directory = repository / "iris" / "v2"
        directory.mkdir()
        (directory / "model.pkl").write_bytes(content)

        server.wait_for_state("iris", "v2", "FAILED")

        assert sentence in reason(server, "v2")
        assert str(repository) not in reason(server, "v2")
        time.sleep(0.2)
        assert {(200, "v1")} == {(a.status_code, a.json()["model_version"]) for a in answers}
        assert server.client.get("/readyz").status_code == 200


def test_a_tampered_artifact_fails_before_it_is_unpickled(repository: Path, tmp_path: Path) -> None:
    proof = tmp_path / "was-unpickled"
    with serve(repository) as server, asking(server) as answers:
        whole = package(tmp_path / "elsewhere", "v2", repository / "iris" / "v1" / "model.joblib")
        evil = b"cos\nmknod\n(V" + str(proof).encode() + b"\ntR."
        (whole / "model.joblib").write_bytes(evil)
        whole.rename(repository / "iris" / "v2")

        server.wait_for_state("iris", "v2", "FAILED")

        assert "the manifest says sha256:" in reason(server, "v2")
        assert not proof.exists()
        assert {200} == {answer.status_code for answer in answers}


def test_two_artifacts_in_one_version_fail(repository: Path) -> None:
    with serve(repository) as server:
        directory = put(repository, "iris", "v2", iris_model())
        shutil.copy(directory / "model.joblib", directory / "model.pkl")

        server.wait_for_state("iris", "v2", "FAILED")

        assert "exactly one artifact" in reason(server, "v2")


def test_a_failed_version_is_loaded_once_its_files_are_mended(repository: Path) -> None:
    with serve(repository) as server:
        directory = repository / "iris" / "v2"
        directory.mkdir()
        (directory / "model.pkl").write_bytes(b"broken")
        server.wait_for_state("iris", "v2", "FAILED")

        (directory / "model.pkl").write_bytes(pickle.dumps(iris_model()))

        server.wait_for_state("iris", "v2", "READY")


def test_a_removed_version_drains(repository: Path) -> None:
    put(repository, "iris", "v2", iris_model())
    with serve(repository) as server:
        server.wait_for_state("iris", "v2", "READY")
        server.wait_for_state("iris", "v1", "READY")
        with asking(server) as answers:
            time.sleep(0.3)
            shutil.rmtree(repository / "iris" / "v2")
            server.wait_for(lambda: server.state("iris", "v2") == "")
            time.sleep(0.2)

        assert {200} == {answer.status_code for answer in answers}
        assert ("v2", "v1") == (
            answers[0].json()["model_version"],
            answers[-1].json()["model_version"],
        )
        states = [r["state"] for r in server.log() if r.get("version") == "v2" and "state" in r]
        assert ["READY", "DRAINING", "UNLOADED"] == states[-3:]


def test_a_repository_that_vanishes_is_served_on_and_comes_back(repository: Path) -> None:
    away = repository.with_name("away")
    with serve(repository) as server, asking(server) as answers:
        repository.rename(away)
        server.wait_for(lambda: server.client.get("/health").json()["status"] == "degraded")
        while_gone = (server.state("iris", "v1"), server.client.get("/readyz").status_code)
        away.rename(repository)
        put(repository, "iris", "v2", iris_model())
        server.wait_for_state("iris", "v2", "READY")

        assert ("READY", 200) == while_gone
        assert server.client.get("/health").json()["status"] == "ok"
        assert {200} == {answer.status_code for answer in answers}


def test_v10_is_newer_than_v9(tmp_path: Path) -> None:
    with serve(iris_repository(tmp_path, "v9", "v10")) as server:
        server.wait_for_state("iris", "v9", "READY")

        assert server.client.post("/api/v1/predict", json=REQUEST).json()["model_version"] == "v10"


def test_latest_keeps_the_good_version_when_the_new_one_is_broken(repository: Path) -> None:
    with serve(repository, env={"SKERRY_VERSION_POLICY": "latest:1"}) as server:
        directory = repository / "iris" / "v2"
        directory.mkdir()
        (directory / "model.pkl").write_bytes(b"broken")
        server.wait_for_state("iris", "v2", "FAILED")
        assert server.state("iris", "v1") == "READY"

        put(repository, "iris", "v3", iris_model())
        server.wait_for_state("iris", "v3", "READY")
        server.wait_for_state("iris", "v1", "UNLOADED")

        assert server.client.post("/api/v1/predict", json=REQUEST).json()["model_version"] == "v3"


def test_a_broken_new_model_takes_no_process_out_of_service(repository: Path) -> None:
    with serve(repository) as server:
        directory = repository / "wine" / "v1"
        directory.mkdir(parents=True)
        (directory / "model.pkl").write_bytes(b"broken")
        server.wait_for_state("wine", "v1", "FAILED")

        assert server.client.get("/readyz").status_code == 200
        assert server.client.post("/api/v1/predict", json=REQUEST).status_code == 200


def test_is_not_ready_with_a_broken_model_from_the_start(tmp_path: Path) -> None:
    repository = iris_repository(tmp_path)
    directory = repository / "iris" / "v1"
    directory.mkdir(parents=True)
    (directory / "model.pkl").write_bytes(b"broken")
    with serve(repository, wait_ready=False) as server:
        server.wait_for_state("iris", "v1", "FAILED")

        ready = server.client.get("/readyz")
        answer = server.client.post("/api/v1/predict", json=REQUEST)

        assert (503, "FAILED") == (ready.status_code, ready.json()["reasons"][0]["state"])
        assert (503, "1") == (answer.status_code, answer.headers["retry-after"])
        assert server.client.get("/livez").status_code == 200


def test_an_empty_repository_is_alive_and_not_ready(tmp_path: Path) -> None:
    with serve(iris_repository(tmp_path), wait_ready=False) as server:
        answer = server.client.post("/api/v1/predict", json=REQUEST)

        assert (503, "1") == (answer.status_code, answer.headers["retry-after"])
        assert server.client.get("/readyz").status_code == 503
        assert server.client.get("/livez").status_code == 200


def test_a_version_without_a_manifest_is_refused_where_one_is_required(repository: Path) -> None:
    env = {"SKERRY_REQUIRE_MANIFEST": "true"}
    with serve(repository, wait_ready=False, env=env) as server:
        server.wait_for_state("iris", "v1", "FAILED")
        assert "no manifest.json" in reason(server, "v1")

        package(repository, "v2", repository / "iris" / "v1" / "model.joblib")

        server.wait_for(lambda: server.client.get("/readyz").status_code == 200)


def test_a_traffic_file_that_vanished_with_its_volume_changes_nothing(repository: Path) -> None:
    put(repository, "iris", "v2", iris_model())
    (repository / "traffic.yaml").write_text(
        "schema_version: 1\nmodels: {iris: {stable: v1}}\n", encoding="utf-8"
    )
    away = repository.with_name("away")
    with serve(repository) as server, asking(server) as answers:
        server.wait_for_state("iris", "v2", "READY")
        repository.rename(away)
        server.wait_for(lambda: server.client.get("/health").json()["status"] == "degraded")
        time.sleep(1.5)
        changed = server.client.post("/api/v1/models/iris/versions/v2/activate", headers=ADMIN)
        away.rename(repository)
        server.wait_for(lambda: server.client.get("/health").json()["status"] == "ok")

        assert changed.status_code == 409
        assert {(200, "v1")} == {(a.status_code, a.json()["model_version"]) for a in answers}


def test_a_file_ahead_of_the_volume_leaves_the_last_stable_in_force(repository: Path) -> None:
    put(repository, "iris", "v2", iris_model())
    traffic = repository / "traffic.yaml"
    traffic.write_text("schema_version: 1\nmodels: {iris: {stable: v1}}\n", encoding="utf-8")
    with serve(repository) as server, asking(server) as answers:
        server.wait_for_state("iris", "v2", "READY")
        traffic.write_text(
            "schema_version: 1\nmodels: {iris: {stable: v3, versions: [v2, v3]}}\n",
            encoding="utf-8",
        )
        url = "/api/v1/models/iris/traffic"
        server.wait_for(lambda: server.client.get(url).json()["declared"]["stable"] == "v3")
        time.sleep(1.5)
        before = {(a.status_code, a.json()["model_version"]) for a in answers}
        put(repository, "iris", "v3", iris_model())
        server.wait_for_state("iris", "v3", "READY")
        server.wait_for_state("iris", "v1", "UNLOADED")

        assert {(200, "v1")} == before
        assert {200} == {answer.status_code for answer in answers}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"[" * 200_000, id="nested"),
        pytest.param(b'{"schema_version": 1, "artifact": {"size_bytes": 1e400}}', id="huge"),
        pytest.param(b"\xff", id="no-text"),
    ],
)
def test_a_manifest_that_is_none_fails_its_version_only(repository: Path, content: bytes) -> None:
    with serve(repository) as server:
        directory = repository / "iris" / "v2"
        directory.mkdir()
        (directory / "manifest.json").write_bytes(content)
        shutil.copy(repository / "iris" / "v1" / "model.joblib", directory)

        server.wait_for_state("iris", "v2", "FAILED")

        assert "manifest.json can't be read" in reason(server, "v2")
        assert server.client.get("/livez").status_code == 200


@pytest.mark.parametrize("error", ["SystemExit(3)", "StopIteration()", "OSError(2, 'x', '/etc/x')"])
def test_whatever_a_model_raises_while_loading_fails_its_version_only(
    repository: Path, error: str
) -> None:
    code = f"def f():\n raise {error}\nf()".encode()
    with serve(repository) as server:
        directory = repository / "iris" / "v2"
        directory.mkdir()
        (directory / "model.pkl").write_bytes(
            b"cbuiltins\nexec\n(V" + code.replace(b"\n", b"\\u000a") + b"\ntR."
        )

        server.wait_for_state("iris", "v2", "FAILED")

        assert "/etc/x" not in reason(server, "v2")
        assert server.client.get("/livez").status_code == 200
        assert server.client.post("/api/v1/predict", json=REQUEST).status_code == 200
