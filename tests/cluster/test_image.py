"""The container image: what is in it, what is not, and what it can do."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cluster.cluster import CommandFailed, run, wait_until
from tests.cluster.conftest import Image

MAX_UNPACKED_BYTES = 450_000_000
ROW = {"features": [5.1, 3.5, 1.4, 0.2]}

# A pickle names classes by module; any public module of these may be named.
IMPORT_ALL = """
import importlib, pkgutil, warnings
warnings.simplefilter("ignore")
failed, count = [], 0
for root in ("sklearn", "numpy", "scipy", "pandas", "joblib", "treelite", "skerry"):
    package = importlib.import_module(root)
    for found in pkgutil.walk_packages(package.__path__, root + "."):
        if "._" in found.name:
            continue
        count += 1
        try:
            importlib.import_module(found.name)
        except ImportError as error:
            failed.append(f"{found.name}: {error}")
print(count, *failed, sep="\\n")
"""


@pytest.fixture(scope="module")
def config(built_image: Image) -> dict[str, Any]:
    """What the engine knows of the image."""
    found: dict[str, Any] = json.loads(run("docker", "image", "inspect", built_image.reference))[0]
    return found


@pytest.fixture(scope="module")
def models(built_image: Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that the image itself has trained and packaged iris v1 into."""
    directory = tmp_path_factory.mktemp("models")
    directory.chmod(0o777)
    printed = in_image(
        built_image,
        "/opt/skerry/examples/train_iris.py",
        "v1",
        "--to",
        "/models",
        options=("--volume", f"{directory}:/models", "--read-only", "--tmpfs", "/tmp"),
    )
    assert "iris v1: classification, sklearn.pipeline.Pipeline" in printed
    return directory


def in_image(image: Image, *arguments: str, options: tuple[str, ...] = ()) -> str:
    """Run the image's Python and return what it prints."""
    command = ("docker", "run", "--rm", "--network", "none", "--entrypoint", "python", *options)
    return run(*command, image.reference, *arguments)


def shell(image: Image, script: str) -> str:
    """Run a script in the image as root and return what it prints."""
    command = ("docker", "run", "--rm", "--network", "none", "--user", "0", "--entrypoint", "sh")
    return run(*command, image.reference, "-c", script)


def test_is_small(config: dict[str, Any]) -> None:
    print(f"\nunpacked: {config['Size'] / 1e6:.0f} MB")

    assert config["Size"] <= MAX_UNPACKED_BYTES


def test_runs_as_a_numeric_user_in_exec_form(config: dict[str, Any]) -> None:
    inside = config["Config"]

    assert inside["User"] == "10001:10001"
    assert (["skerry"], ["serve"]) == (inside["Entrypoint"], inside["Cmd"])
    assert "SKERRY_HOST=0.0.0.0" in inside["Env"]


def test_labels_tell_what_it_is(config: dict[str, Any], built_image: Image) -> None:
    labels = {
        name.removeprefix("org.opencontainers.image."): value
        for name, value in config["Config"]["Labels"].items()
    }

    assert {"title", "description", "licenses", "version", "revision"} <= set(labels)
    assert labels["version"] == built_image.tag


def test_holds_no_compiler_cache_or_tests(built_image: Image) -> None:
    script = """
    for program in cc gcc g++ clang rustc go; do command -v $program; done
    ls -d /root/.cache /build 2>/dev/null
    find /opt/skerry -type d '(' -name test -o -name tests ')'
    true
    """

    assert shell(built_image, script) == ""


def test_every_module_is_compiled(built_image: Image) -> None:
    script = """
    cd /opt/skerry/lib/python3*/site-packages
    find . -name '*.py' ! -path '*/__pycache__/*' | while read -r file; do
        base=$(basename "$file" .py)
        ls "$(dirname "$file")/__pycache__/$base".cpython-*.pyc >/dev/null 2>&1 || echo "$file"
    done
    """

    assert shell(built_image, script) == ""


def test_every_public_module_can_be_imported(built_image: Image) -> None:
    count, *failed = in_image(built_image, "-c", IMPORT_ALL).split("\n")[:-1]

    # Optional parts want packages that are not here; what was stripped is ours to answer for.
    ours = [line for line in failed if ".tests" in line or "skerry" in line]
    print(f"\n{count} modules, {len(failed)} that want another package")
    assert (ours, int(count) > 500) == ([], True)


def test_serves_a_mounted_repository_read_only_and_ends_in_peace(
    built_image: Image, models: Path
) -> None:
    options = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
    mounts = ("--volume", f"{models}:/models:ro", "--publish", "127.0.0.1::8080")
    container = run("docker", "run", "--detach", *options, *mounts, built_image.reference).strip()
    try:
        port = run("docker", "port", container, "8080/tcp").strip().rpartition(":")[2]
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: is_ready(url), f"{url}/readyz is 200", 60)
        answer = httpx.post(f"{url}/api/v1/predict", json=ROW, timeout=30)
        run("docker", "stop", "--time", "30", container)
        code = run("docker", "inspect", "--format", "{{.State.ExitCode}}", container).strip()
    finally:
        log = run("docker", "logs", container)
        run("docker", "rm", "--force", container)

    assert (200, "v1") == (answer.status_code, answer.json()["model_version"])
    assert (code, '"event":"stopped"' in log.replace(" ", "")) == ("0", True)


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def test_example_says_that_a_version_is_there(built_image: Image, models: Path) -> None:
    train = ("/opt/skerry/examples/train_iris.py", "v1", "--to", "/models")

    printed = in_image(built_image, *train, options=("--volume", f"{models}:/models"))

    assert printed == "iris v1 is there already\n"


def test_packages_a_model(built_image: Image, models: Path) -> None:
    package = ("-m", "skerry", "package", "/models/iris/v1/model.joblib", "--model", "copy")

    in_image(
        built_image,
        *package,
        *("--version", "v1", "--to", "/models"),
        options=("--volume", f"{models}:/models"),
    )

    assert (models / "copy" / "v1" / "manifest.json").is_file()


def test_pip_in_an_image_made_from_it_installs_beside_skerry(
    built_image: Image, tmp_path: Path
) -> None:
    # As docs/repository.md shows it for models with classes of one's own.
    write_wheel(tmp_path / "my_models-1.0-py3-none-any.whl")
    (tmp_path / "Dockerfile").write_text(
        f"FROM {built_image.reference}\n"
        "COPY my_models-1.0-py3-none-any.whl /tmp/\n"
        "USER root\n"
        "RUN pip install --no-deps --no-index /tmp/my_models-1.0-py3-none-any.whl\n"
        "USER 10001:10001\n",
        encoding="utf-8",
    )
    derived = run("docker", "build", "--quiet", str(tmp_path), timeout_s=300).strip()
    try:
        own = Image("sha256", derived.removeprefix("sha256:"), "")

        assert in_image(own, "-c", "import my_models, sklearn; print(my_models.NAME)") == "mine\n"
    finally:
        run("docker", "rmi", derived)


def write_wheel(file: Path) -> None:
    info = "my_models-1.0.dist-info"
    with zipfile.ZipFile(file, "w") as wheel:
        wheel.writestr("my_models/__init__.py", 'NAME = "mine"\n')
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: my_models\nVersion: 1.0\n")
        tags = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        wheel.writestr(f"{info}/WHEEL", tags)
        wheel.writestr(f"{info}/RECORD", "")


def test_a_wrong_setting_is_said_in_one_line(built_image: Image) -> None:
    with pytest.raises(CommandFailed) as error:
        run("docker", "run", "--rm", "--env", "SKERRY_PROT=80", built_image.reference)

    assert "SKERRY_PROT: there is no such setting" in str(error.value)
