"""A pod of Skerry's image beside the releases: it sends load and writes versions."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cluster.cluster import Namespace

LOAD_CLIENT = Path(__file__).with_name("load_client.py")
SLOW_MODELS = Path(__file__).with_name("slow_models.py")
POD = "workbench"
CLAIM = "models"
RESTRICTED_POD = {
    "runAsNonRoot": True,
    "runAsUser": 10001,
    "runAsGroup": 10001,
    "fsGroup": 10001,
    "seccompProfile": {"type": "RuntimeDefault"},
}
RESTRICTED_CONTAINER = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


@dataclass
class Load:
    """What a load client saw; empty until it has ended."""

    result: dict[str, Any] = field(default_factory=dict)

    def summary(self) -> str:
        """Return it in a line."""
        shown = {k: v for k, v in self.result.items() if k != "failures"}
        return json.dumps(shown)


@dataclass(frozen=True, slots=True)
class Workbench:
    """The pod, which mounts the claim on the repository at /models."""

    namespace: Namespace

    def start(self, image: str) -> None:
        """Make the claim and the pod, and wait until it runs."""
        scripts = {
            file.name: file.read_text(encoding="utf-8") for file in (LOAD_CLIENT, SLOW_MODELS)
        }
        self.namespace.apply(claim(CLAIM), config_map("scripts", scripts), _pod(image))
        self.namespace.kubectl("wait", "--for=condition=Ready", f"pod/{POD}", "--timeout=180s")

    def run(self, *command: str, timeout_s: float = 120) -> str:
        """Run a command in the pod and return its stdout."""
        return self.namespace.kubectl("exec", POD, "--", *command, timeout_s=timeout_s)

    def python(self, code: str) -> str:
        """Run a few lines of Python in the pod and return what they print."""
        return self.run("python", "-c", code)

    @contextmanager
    def load(self, url: str, *, rate: float = 50.0) -> Iterator[Load]:
        """Ask without a pause while the body of the ``with`` runs; its result is there after it."""
        load, stop = Load(), "/tmp/stop"
        self.run("rm", "-f", stop)
        client = ("python", "/scripts/load_client.py", url, "--stop", stop, "--rate", str(rate))
        namespace = self.namespace
        command = ["kubectl", *namespace.cluster.flags, "--namespace", namespace.name]
        process = subprocess.Popen(
            [*command, "exec", POD, "--", *client],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield load
        finally:
            self.run("touch", stop)
            output, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        load.result.update(json.loads(output))

    def trained(self, version: str) -> None:
        """Have a version of the example model in the repository."""
        train = "/opt/skerry/examples/train_iris.py"
        self.run("python", train, version, "--to", "/models")


def claim(name: str) -> dict[str, Any]:
    """Return a claim of the cluster's default StorageClass."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "100Mi"}},
        },
    }


def config_map(name: str, files: Mapping[str, str]) -> dict[str, Any]:
    """Return a ConfigMap of files."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name},
        "data": dict(files),
    }


def _pod(image: str) -> dict[str, Any]:
    container = {
        "name": POD,
        "image": image,
        # Until it is deleted: a shell that waits for a signal ends at once when one comes.
        "command": ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 3600 & wait; done"],
        "securityContext": RESTRICTED_CONTAINER,
        "volumeMounts": [
            {"name": "models", "mountPath": "/models"},
            {"name": "scripts", "mountPath": "/scripts"},
            {"name": "tmp", "mountPath": "/tmp"},
        ],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": POD},
        "spec": {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": RESTRICTED_POD,
            "containers": [container],
            "volumes": [
                {"name": "models", "persistentVolumeClaim": {"claimName": CLAIM}},
                {"name": "scripts", "configMap": {"name": "scripts"}},
                {"name": "tmp", "emptyDir": {}},
            ],
        },
    }
