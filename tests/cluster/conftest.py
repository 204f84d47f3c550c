"""The cluster that KUBECONFIG points at, Skerry's image on it, and a namespace of this run.

Without a cluster each test is skipped, saying so; under ``make test-cluster`` it fails. An image
is built here and loaded where the cluster is kind's; SKERRY_TEST_IMAGE names one that any other
cluster can pull.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

import pytest

from tests.cluster.cluster import ROOT, Cluster, Namespace, Release, run, wait_until
from tests.cluster.workbench import Workbench

BUILD_TIMEOUT_S = 900
CLUSTER_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Image:
    """A tag of Skerry's image. next_tag: another image of the same content, to roll out."""

    repository: str
    tag: str
    next_tag: str

    @property
    def reference(self) -> str:
        """Its full name."""
        return f"{self.repository}:{self.tag}"


def _absent(reason: str) -> NoReturn:
    if os.environ.get("SKERRY_TEST_CLUSTER") == "required":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """The current context, in a kubeconfig of its own: who changes the current one, no matter."""
    for program in ("kubectl", "helm"):
        if shutil.which(program) is None:
            _absent(f"{program} is not on the PATH")
    kubeconfig = tmp_path_factory.mktemp("cluster") / "kubeconfig"
    kubeconfig.touch(0o600)
    try:
        kubeconfig.write_text(run("kubectl", "config", "view", "--raw", "--minify", "--flatten"))
        context = run("kubectl", "--kubeconfig", str(kubeconfig), "config", "current-context")
        found = Cluster(kubeconfig, context.strip())
        # One that was resumed just now needs a moment.
        wait_until(lambda: answers(found), "its API server answers", CLUSTER_TIMEOUT_S)
    except (AssertionError, subprocess.TimeoutExpired) as error:
        _absent(f"no cluster answers: {error}")
    print(f"\ncluster: context {found.context}")
    return found


def answers(cluster: Cluster) -> bool:
    """Tell whether the API server is ready."""
    try:
        return cluster.kubectl("get", "--raw", "/readyz", "--request-timeout=5s") == "ok"
    except AssertionError:
        return False


@pytest.fixture(scope="session")
def docker() -> str:
    """The engine that builds images."""
    try:
        run("docker", "info")
    except (AssertionError, OSError) as error:
        _absent(f"no container engine answers: {error}")
    return "docker"


@pytest.fixture(scope="session")
def built_image(docker: str) -> Iterator[Image]:
    """The image, built from this tree; the second has another label."""
    tag = f"test-{secrets.token_hex(4)}"
    image = Image("skerry", tag, f"{tag}-next")
    for name in (image.tag, image.next_tag):
        build = (docker, "build", "--quiet", "--build-arg", f"VERSION={name}")
        run(*build, "--tag", f"skerry:{name}", str(ROOT), timeout_s=BUILD_TIMEOUT_S)
    yield image
    run("docker", "rmi", f"skerry:{image.tag}", f"skerry:{image.next_tag}")


@pytest.fixture(scope="session")
def image(request: pytest.FixtureRequest, cluster: Cluster) -> Iterator[Image]:
    """The image as the cluster's nodes can run it."""
    if given := os.environ.get("SKERRY_TEST_IMAGE"):
        repository, _, tag = given.rpartition(":")
        yield Image(repository, tag, os.environ.get("SKERRY_TEST_NEXT_TAG", tag))
        return
    if cluster.kind_name is None:
        _absent("the cluster is not kind's: name an image that it can pull in SKERRY_TEST_IMAGE")
    built: Image = request.getfixturevalue("built_image")
    references = [f"{built.repository}:{tag}" for tag in (built.tag, built.next_tag)]
    run("kind", "load", "docker-image", "--name", str(cluster.kind_name), *references)
    yield built
    node = f"{cluster.kind_name}-control-plane"
    for reference in references:
        remove = ("ctr", "--namespace", "k8s.io", "images", "rm")
        run("docker", "exec", node, *remove, f"docker.io/library/{reference}")


@pytest.fixture(scope="session")
def namespace(cluster: Cluster) -> Iterator[Namespace]:
    """A namespace that enforces the restricted Pod Security Standard; gone afterwards."""
    name = f"skerry-test-{secrets.token_hex(3)}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    manifest = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": labels},
    }
    found = cluster.namespace(name)
    found.apply(manifest)
    yield found
    cluster.kubectl("delete", "namespace", name, "--timeout=120s")


@pytest.fixture(scope="session")
def workbench(namespace: Namespace, image: Image) -> Workbench:
    """An idle pod on the repository, which holds iris v1 and v2."""
    bench = Workbench(namespace)
    bench.start(image.reference)
    for version in ("v1", "v2"):
        bench.trained(version)
    return bench


@pytest.fixture
def release(
    request: pytest.FixtureRequest, namespace: Namespace, workbench: Workbench
) -> Iterator[Release]:
    """A release that is not installed yet, and is gone after the test."""
    del workbench  # the repository that it serves is made by it
    name = request.node.originalname.removeprefix("test_").replace("_", "-")[:20].strip("-")
    found = Release(namespace, f"skerry-{name}")
    yield found
    found.uninstall()
