"""A pod of the default chart has what it needs and nothing more."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.cluster.cluster import CommandFailed, Namespace, Release
from tests.cluster.conftest import Image
from tests.cluster.values import chart_values
from tests.cluster.workbench import Workbench

LOOK_INSIDE = """
import json, os, pathlib
status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
written = {}
for directory in ("/", "/opt/skerry", "/models", "/etc/skerry/traffic", "/tmp"):
    try:
        file = pathlib.Path(directory, "probe")
        file.write_text("x")
        file.unlink()
        written[directory] = True
    except OSError:
        written[directory] = False
print(json.dumps({
    "user": os.getuid(),
    "group": os.getgid(),
    "capabilities": [int(status[name], 16) for name in ("CapEff", "CapPrm", "CapBnd")],
    "no_new_privileges": int(status["NoNewPrivs"]),
    "seccomp": int(status["Seccomp"]),
    "token": os.path.exists("/var/run/secrets/kubernetes.io/serviceaccount/token"),
    "links": sorted(name for name in os.environ if name.endswith("_SERVICE_HOST")),
    "written": written,
}))
"""


@pytest.fixture(scope="module")
def pod(namespace: Namespace, workbench: Workbench, image: Image) -> Iterator[str]:
    """A pod of the default chart."""
    del workbench
    release = Release(namespace, "skerry-secure")
    release.install(chart_values(image, ["v1"], {"stable": "v1"}, replicaCount=1))
    (name,) = release.ready_pods()
    yield name
    release.uninstall()


def test_namespace_refuses_what_is_not_restricted(namespace: Namespace, image: Image) -> None:
    with pytest.raises(CommandFailed) as refusal:
        namespace.kubectl("run", "root", f"--image={image.reference}")

    assert 'violates PodSecurity "restricted' in str(refusal.value)


def test_pod_runs_with_nothing_to_spare(namespace: Namespace, pod: str) -> None:
    inside = json.loads(namespace.kubectl("exec", pod, "--", "python", "-c", LOOK_INSIDE))

    print(f"\n{inside}")
    assert (10001, 10001) == (inside["user"], inside["group"])
    assert [0, 0, 0] == inside["capabilities"]
    assert (1, 2) == (inside["no_new_privileges"], inside["seccomp"])
    assert (False, ["KUBERNETES_SERVICE_HOST"]) == (inside["token"], inside["links"])
    assert {"/tmp"} == {path for path, can in inside["written"].items() if can}


def test_pod_mounts_no_token(namespace: Namespace, pod: str) -> None:
    spec = namespace.get("pod", pod)["spec"]

    assert spec["automountServiceAccountToken"] is False
    assert not [volume for volume in spec["volumes"] if "projected" in volume]
