"""The dev loop: a saved file changes the answer; what skaffold installs, it takes away."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from skerry import __version__
from tests.cluster.cluster import ROOT, Cluster, run, wait_until

NAMESPACE = "skerry-dev"
# The claim for a saved file is 5 s; on a busy machine only a hang is told from slowness.
HANGS_AFTER_S = 120
START_TIMEOUT_S = 600
KINDS = "all,configmaps,secrets,persistentvolumeclaims,serviceaccounts,poddisruptionbudgets"


@pytest.fixture(scope="module")
def tree(cluster: Cluster, docker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the sources to change, and no namespace of this name before or after."""
    del docker
    if shutil.which("skaffold") is None:
        pytest.skip("skaffold is not on the PATH")
    if cluster.kind_name is None:
        pytest.skip("the cluster is not kind's, and skaffold would push to a registry")
    if NAMESPACE in cluster.kubectl("get", "namespaces", "--output", "name"):
        pytest.fail(f"the namespace {NAMESPACE} is there already: skaffold delete")
    directory = tmp_path_factory.mktemp("skaffold") / "skerry"
    left_out = shutil.ignore_patterns(".git", ".venv*", ".*_cache", "__pycache__")
    shutil.copytree(ROOT, directory, ignore=left_out)
    yield directory
    cluster.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=120s")


def skaffold(cluster: Cluster, *arguments: str) -> list[str]:
    """Return a skaffold command, to be run in the tree."""
    where = ("--kubeconfig", str(cluster.kubeconfig), "--kube-context", cluster.context)
    return ["skaffold", *arguments, *where]


def left(cluster: Cluster) -> list[str]:
    """Return what is in the namespace, but for what every namespace has."""
    names = cluster.namespace(NAMESPACE).kubectl("get", KINDS, "--output", "name").split()
    own = {"configmap/kube-root-ca.crt", "serviceaccount/default"}
    return sorted(set(names) - own)


@pytest.mark.slow
def test_saved_file_changes_the_answer(cluster: Cluster, tree: Path, tmp_path: Path) -> None:
    log, init = tmp_path / "log", tree / "src" / "skerry" / "__init__.py"
    port = free_port()
    configuration = tree / "skaffold.yaml"
    text = configuration.read_text(encoding="utf-8")
    configuration.write_text(text.replace("localPort: 8080", f"localPort: {port}"))
    with log.open("wb") as output:
        process = subprocess.Popen(
            skaffold(cluster, "dev", "--cleanup"),
            cwd=tree,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "DOCKER_BUILDKIT": "1"},
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(
            lambda: process.poll() is not None or version_of(url) != "",
            "it answers",
            START_TIMEOUT_S,
        )
        assert process.poll() is None, log.read_text(encoding="utf-8")
        took_s, source = [], init.read_text(encoding="utf-8")
        for version in ("9.9.1", "9.9.2"):
            time.sleep(3)
            began_s = time.monotonic()
            init.write_text(source.replace(__version__, version), encoding="utf-8")
            wait_for_version(url, version)
            took_s.append(round(time.monotonic() - began_s, 1))
    except AssertionError as error:
        raise AssertionError(f"{error}\n{log.read_text(encoding='utf-8')[-5000:]}") from error
    finally:
        process.send_signal(signal.SIGINT)
        code = process.wait(120)

    print(f"\nfrom the saved file to the changed answer: {took_s} s")
    assert code == 0
    wait_until(lambda: left(cluster) == [], "nothing left", 120)


@pytest.mark.slow
def test_delete_leaves_nothing_of_run(cluster: Cluster, tree: Path) -> None:
    # Without the chart's own tests, which make test runs anyway.
    command = skaffold(cluster, "run", "--profile", "ci", "--skip-tests")
    printed = run(*command, timeout_s=START_TIMEOUT_S, cwd=tree)
    installed = left(cluster)
    run(*skaffold(cluster, "delete", "--profile", "ci"), cwd=tree)
    wait_until(lambda: left(cluster) == [], "nothing left", 120)

    print(f"\nran: {len(installed)} objects\n{printed[-600:]}")
    assert "deployment.apps/skerry" in installed


def wait_for_version(url: str, version: str) -> None:
    """Wait until the server says that it is this version."""
    wait_until(lambda: version_of(url) == version, f"the answer {version}", HANGS_AFTER_S)


def version_of(url: str) -> str:
    """Return the version that the server says it is, empty where it does not answer."""
    try:
        return str(json.loads(httpx.get(f"{url}/health", timeout=2).text)["version"])
    except (httpx.TransportError, ValueError, KeyError):
        return ""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
