"""``skerry package``: from a model file to a version directory."""

from __future__ import annotations

import hashlib
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skerry.cli import skerry
from skerry.controlplane.version_writer import PackageError, write_version
from skerry.core.manifest import Manifest
from skerry.core.plan import Parity
from skerry.core.row_values import to_rows
from skerry.core.signature import DType
from skerry.runtimes.base import Known, LoadOptions
from skerry.runtimes.registry import runtime_for
from tests.integration.models import constant_model, iris_model

PEOPLE = pd.DataFrame(
    {
        "age": [20.0, 30.0, np.nan, 50.0, 60.0, 70.0] * 5,
        "city": ["Oslo", "Bergen", "Oslo", "Bodø", "Bergen", "Oslo"] * 5,
        "buys": ["no", "no", "yes", "yes", "yes", "no"] * 5,
    }
)


def people_model() -> Any:
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), ["age"]),
        (OneHotEncoder(handle_unknown="ignore"), ["city"]),
    )
    return make_pipeline(columns, LogisticRegression()).fit(PEOPLE[["age", "city"]], PEOPLE["buys"])


def package(file: Path, repository: Path, *options: str) -> Result:
    arguments = ["package", str(file), "--model", "iris", "--version", "v2", "--to"]
    return CliRunner().invoke(skerry, [*arguments, str(repository), *options])


def written(repository: Path) -> Manifest:
    return Manifest.from_json((repository / "iris" / "v2" / "manifest.json").read_bytes())


@pytest.fixture
def iris_file(tmp_path: Path) -> Path:
    file = tmp_path / "flowers.joblib"
    joblib.dump(iris_model(), file)
    return file


def test_writes_artifact_and_manifest(tmp_path: Path, iris_file: Path) -> None:
    repository = tmp_path / "models"

    result = package(iris_file, repository)

    assert (result.exit_code, result.stderr) == (0, "")
    version = repository / "iris" / "v2"
    assert sorted(os.listdir(version)) == ["manifest.json", "model.joblib"]
    assert (version / "model.joblib").read_bytes() == iris_file.read_bytes()
    manifest = written(repository)
    content = iris_file.read_bytes()
    assert manifest.artifact.digest == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert manifest.artifact.size_bytes == len(content)
    assert (manifest.model, manifest.version) == ("iris", "v2")
    assert manifest.signature.outputs[0].classes == (0, 1, 2)
    assert [f.name for f in manifest.signature.features] == ["x0", "x1", "x2", "x3"]
    assert {"python", "scikit-learn", "numpy"} <= manifest.packages.keys()
    assert len(manifest.samples) == 20
    assert manifest.training is None
    assert str(version) in result.stdout
    assert manifest.artifact.digest in result.stdout


def test_measures_with_the_threads_that_serve_has(
    tmp_path: Path, iris_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "3")

    package(iris_file, tmp_path / "models")

    assert ("1", "3") == (os.environ["OMP_NUM_THREADS"], os.environ["MKL_NUM_THREADS"])


def test_samples_are_what_scikit_learn_answers(tmp_path: Path, iris_file: Path) -> None:
    package(iris_file, tmp_path / "models")

    samples = written(tmp_path / "models").samples
    rows = np.array([sample.features for sample in samples])
    assert [s.prediction for s in samples] == iris_model().predict(rows).tolist()
    expected = iris_model().predict_proba(rows)
    np.testing.assert_allclose(
        np.array([s.probabilities for s in samples]), expected, rtol=0, atol=1e-12
    )
    np.testing.assert_allclose(
        np.array([s.confidence for s in samples]), expected.max(axis=1), rtol=0, atol=1e-12
    )


def test_data_give_ranges_samples_and_training(tmp_path: Path) -> None:
    table, classes = load_iris(return_X_y=True, as_frame=True)
    table.columns = ["a", "b", "c", "d"]
    model = RandomForestClassifier(n_estimators=5, random_state=0).fit(table, classes)
    joblib.dump(model, tmp_path / "model.joblib")
    table.assign(species=classes).to_csv(tmp_path / "iris.csv", index=False)

    result = package(
        tmp_path / "model.joblib", tmp_path / "models", "--data", str(tmp_path / "iris.csv")
    )

    assert result.exit_code == 0
    assert "species" in result.stderr
    manifest = written(tmp_path / "models")
    ranges = {f.name: f.range for f in manifest.signature.features}
    assert ranges == {c: (table[c].min(), table[c].max()) for c in table.columns}
    known = {tuple(row) for row in table.to_numpy().tolist()}
    assert {tuple(sample.features) for sample in manifest.samples} <= known
    assert manifest.training is not None
    assert manifest.training["rows"] == 150
    assert sum(manifest.training["features"]["a"]["counts"]) == 150


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_mixed_types_and_missing_values(tmp_path: Path, suffix: str) -> None:
    joblib.dump(people_model(), tmp_path / "people.joblib")
    data = tmp_path / f"people.{suffix}"
    if suffix == "csv":
        PEOPLE.to_csv(data, index=False)
    else:
        pytest.importorskip("pyarrow", reason="needs the extra parquet")
        PEOPLE.to_parquet(data)

    result = package(tmp_path / "people.joblib", tmp_path / "models", "--data", str(data))

    assert result.exit_code == 0, result.output
    manifest = written(tmp_path / "models")
    age, city = manifest.signature.features
    assert (age.name, age.dtype, age.nullable, age.range) == ("age", DType.FLOAT64, True, (20, 70))
    assert (city.name, city.dtype) == ("city", DType.STRING)
    assert set(city.categories or ()) == {"Oslo", "Bergen", "Bodø"}
    assert manifest.signature.outputs[0].classes == ("no", "yes")
    assert any(sample.features[0] is None for sample in manifest.samples)
    frame = pd.DataFrame([s.features for s in manifest.samples], columns=["age", "city"])
    frame["age"] = frame["age"].astype(float)
    assert [s.prediction for s in manifest.samples] == people_model().predict(frame).tolist()


def test_what_it_wrote_loads_and_reproduces_its_samples(tmp_path: Path) -> None:
    joblib.dump(people_model(), tmp_path / "people.joblib")
    PEOPLE.to_csv(tmp_path / "people.csv", index=False)
    package(tmp_path / "people.joblib", tmp_path / "models", "--data", str(tmp_path / "people.csv"))

    manifest = written(tmp_path / "models")
    runtime = runtime_for(manifest.artifact.format)
    options = LoadOptions(parity=Parity.NATIVE)
    with (tmp_path / "models" / "iris" / "v2" / manifest.artifact.file).open("rb") as file:
        model = runtime.read(file, manifest.artifact.format, options)
    servable = runtime.prepare(model, Known(manifest.signature), options)
    rows = to_rows(manifest.signature, [sample.features for sample in manifest.samples])
    assert servable.predict(rows).labels.tolist() == [s.prediction for s in manifest.samples]


def test_keeps_format_and_compression(tmp_path: Path) -> None:
    joblib.dump(iris_model(), tmp_path / "iris.model.pkl.gz", compress=("gzip", 3))

    result = package(tmp_path / "iris.model.pkl.gz", tmp_path / "models")

    assert result.exit_code == 0, result.output
    artifact = written(tmp_path / "models").artifact
    assert (artifact.file, artifact.format) == ("model.pkl.gz", "pickle")


def test_skops_file(tmp_path: Path) -> None:
    skops = pytest.importorskip("skops.io", reason="needs the extra skops")
    skops.dump(iris_model(), tmp_path / "iris.skops")

    result = package(tmp_path / "iris.skops", tmp_path / "models")

    assert result.exit_code == 0, result.output
    assert written(tmp_path / "models").artifact.format == "skops"


def test_a_version_is_immutable(tmp_path: Path, iris_file: Path) -> None:
    package(iris_file, tmp_path / "models")
    manifest = (tmp_path / "models" / "iris" / "v2" / "manifest.json").read_bytes()
    joblib.dump(constant_model(1), iris_file)

    result = package(iris_file, tmp_path / "models")

    assert result.exit_code == 1
    assert result.stderr == (
        "skerry: iris v2 is there already, and a version is immutable: choose another name\n"
    )
    assert (tmp_path / "models" / "iris" / "v2" / "manifest.json").read_bytes() == manifest


def test_others_may_read_what_it_wrote(tmp_path: Path, iris_file: Path) -> None:
    mask = os.umask(0o022)
    try:
        package(iris_file, tmp_path / "models")
    finally:
        os.umask(mask)

    version = tmp_path / "models" / "iris" / "v2"
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in version.iterdir()}
    assert modes == {"model.joblib": 0o644, "manifest.json": 0o644}
    assert stat.S_IMODE(version.stat().st_mode) == 0o755


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("model.txt", b"", "model.txt: expected a file that ends in one of .joblib, .pkl"),
        ("model.joblib", b"", "it ends early"),
        ("model.joblib", b"nonsense", "it is damaged, or not a pickle"),
        ("model.onnx", b"nonsense", "ONNX Runtime refuses it"),
    ],
)
def test_leaves_nothing_behind_where_it_fails(
    tmp_path: Path, name: str, content: bytes, expected: str
) -> None:
    (tmp_path / name).write_bytes(content)

    result = package(tmp_path / name, tmp_path / "models")

    assert result.exit_code == 1
    assert expected in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert [path for path in (tmp_path / "models").rglob("*") if path.name != "iris"] == []


@pytest.mark.parametrize(
    ("header", "expected"),
    [("a,b\n1,2\n", "age"), ("age\n1\n", "city")],
)
def test_data_must_have_the_features(tmp_path: Path, header: str, expected: str) -> None:
    joblib.dump(people_model(), tmp_path / "people.joblib")
    (tmp_path / "data.csv").write_text(header, encoding="utf-8")

    result = package(
        tmp_path / "people.joblib", tmp_path / "models", "--data", str(tmp_path / "data.csv")
    )

    assert result.exit_code == 1
    assert expected in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_repository_that_is_a_file_is_wrong_usage(tmp_path: Path, iris_file: Path) -> None:
    (tmp_path / "models").write_text("", encoding="utf-8")

    result = package(iris_file, tmp_path / "models")

    assert result.exit_code == 2
    assert "is a file" in result.stderr


def test_of_several_at_once_one_wins(tmp_path: Path, iris_file: Path) -> None:
    def write(_: int) -> bool:
        try:
            write_version(iris_file, tmp_path / "models", "iris", "v2")
        except PackageError as error:
            return "is there already" not in str(error)
        return True

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(write, range(8)))

    assert outcomes.count(True) == 1
    assert os.listdir(tmp_path / "models" / "iris") == ["v2"]
    assert written(tmp_path / "models").version == "v2"
