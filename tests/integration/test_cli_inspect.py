"""``skerry inspect``: files and a running server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import pytest
from click.testing import CliRunner, Result

from skerry.cli import skerry
from skerry.controlplane.version_writer import write_version
from tests.integration.models import constant_model, iris_model, put, settle
from tests.integration.server import RunningServer, serve


def inspect(*arguments: str | Path) -> Result:
    return CliRunner().invoke(skerry, ["inspect", *map(str, arguments)])


def inspect_json(*arguments: str | Path) -> Any:
    return json.loads(inspect(*arguments, "--json").stdout)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository: iris v9 and v10 with manifests, plain v1 without one."""
    directory = tmp_path_factory.mktemp("repository")
    file = directory / "model.joblib"
    joblib.dump(iris_model(), file)
    for version in ("v9", "v10"):
        write_version(file, directory / "models", "iris", version)
    put(directory / "models", "plain", "v1", constant_model(1))
    settle(directory / "models")
    return directory / "models"


@pytest.fixture(scope="module")
def server(repository: Path) -> Iterator[RunningServer]:
    """A server of that repository."""
    with serve(repository, env={"SKERRY_DEFAULT_MODEL": "iris"}) as running:
        running.wait_for_state("iris", "v9", "READY")
        running.wait_for_state("plain", "v1", "READY")
        yield running


def test_shows_a_version_with_its_features(repository: Path) -> None:
    result = inspect(repository / "iris" / "v10")

    assert result.exit_code == 0
    for expected in ("iris v10", "sound", "digest", "classification", "x3", "float64"):
        assert expected in result.stdout
    assert "LogisticRegression" in result.stdout


def test_checks_the_digest_and_unpickles_nothing(repository: Path) -> None:
    data = inspect_json(repository / "iris" / "v10")

    assert data["checks"] == ["digest"]
    assert data["problem"] is None
    assert data["samples"] == 20
    assert [f["name"] for f in data["signature"]["features"]] == ["x0", "x1", "x2", "x3"]


def test_verify_loads_and_asks_the_samples(repository: Path) -> None:
    data = inspect_json(repository / "iris" / "v10", "--verify")

    assert data["checks"] == ["digest", "load", "samples"]


def test_a_file_without_manifest_is_loaded(tmp_path: Path) -> None:
    joblib.dump(iris_model(), tmp_path / "flowers.joblib")

    data = inspect_json(tmp_path / "flowers.joblib")

    assert data["checks"] == ["load"]
    assert data["artifact"]["file"] == "flowers.joblib"
    assert data["signature"]["outputs"][0]["classes"] == [0, 1, 2]
    assert inspect(tmp_path / "flowers.joblib").exit_code == 0


def test_lists_a_repository_in_natural_order(repository: Path) -> None:
    data = inspect_json(repository)

    assert [(v["model"], v["version"]) for v in data["versions"]] == [
        ("iris", "v9"),
        ("iris", "v10"),
        ("plain", "v1"),
    ]
    assert [v["checks"] for v in data["versions"]] == [["digest"], ["digest"], []]


def test_lists_a_model(repository: Path) -> None:
    data = inspect_json(repository / "iris")

    assert [v["version"] for v in data["versions"]] == ["v9", "v10"]


def test_narrows_down(repository: Path) -> None:
    assert inspect_json(repository, "--model", "iris", "--version", "v9")["version"] == "v9"
    result = inspect(repository, "--version", "v3")
    assert result.exit_code == 2
    assert "there are iris v9, iris v10, plain v1" in result.stderr


def test_a_changed_artifact_is_broken_and_is_not_unpickled(tmp_path: Path) -> None:
    joblib.dump(iris_model(), tmp_path / "model.joblib")
    written = write_version(tmp_path / "model.joblib", tmp_path / "models", "iris", "v1")
    (written.path / "model.joblib").write_bytes(b"cos\nabort\n(tR.")

    result = inspect(written.path, "--verify")

    assert result.exit_code == 1
    assert "broken" in result.stdout
    assert "the manifest says" in " ".join(result.stdout.split())
    assert inspect(tmp_path / "models").exit_code == 1
    assert inspect_json(written.path)["problem"].startswith("the manifest says model.joblib with")


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"", "it ends early"), (b"nonsense", "it is damaged")],
)
def test_says_why_a_file_is_broken(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "model.pkl").write_bytes(content)

    result = inspect(tmp_path / "model.pkl")

    assert result.exit_code == 1
    assert expected in result.stdout


def test_a_directory_without_models_is_wrong_usage(tmp_path: Path) -> None:
    result = inspect(tmp_path)

    assert result.exit_code == 2
    assert "holds no model" in result.stderr


def test_hides_nothing_in_markup_or_control_codes(tmp_path: Path) -> None:
    from sklearn.dummy import DummyClassifier

    model = DummyClassifier().fit([[1], [2]], ["[red]a[/red]", "b\x1b[31m"])
    joblib.dump(model, tmp_path / "model.joblib")

    shown = inspect(tmp_path / "model.joblib").stdout

    assert "[red]a[/red]" in shown
    assert "\x1b[31m" not in shown


def test_lists_what_a_server_serves(server: RunningServer) -> None:
    result = inspect(server.url)

    assert result.exit_code == 0
    assert "READY" in result.stdout
    for name in ("iris", "plain", "v9", "v10"):
        assert name in result.stdout
    assert [m["name"] for m in inspect_json(server.url)["models"]] == ["iris", "plain"]


def test_shows_a_version_of_a_server(server: RunningServer) -> None:
    result = inspect(server.url, "--version", "v10")

    assert result.exit_code == 0
    assert "iris v10" in result.stdout
    assert "x3" in result.stdout
    assert "stable" in result.stdout


def test_a_model_that_is_not_there_is_shown_as_the_server_says(server: RunningServer) -> None:
    result = inspect(server.url, "--model", "wine")

    assert result.exit_code == 1
    assert result.stderr.startswith("skerry: 404 model-not-found: ")


def test_verify_is_for_paths(server: RunningServer) -> None:
    assert inspect(server.url, "--verify").exit_code == 2


def test_nobody_listens() -> None:
    result = inspect("http://127.0.0.1:1")

    assert result.exit_code == 3
    assert result.stderr.startswith("skerry: http://127.0.0.1:1 can't be reached: ")
    assert len(result.stderr.splitlines()) == 1
