"""A Kubernetes cluster as the tests use it: kubectl, helm, port-forwards, and looks into pods.

Every command names the context that the session began with: nothing another test or program does
to the current context can send one to another cluster.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "skerry"
COMMAND_TIMEOUT_S = 300


class CommandFailed(AssertionError):
    """A command exited with another code than 0; the text has what it wrote."""


def run(
    *command: str,
    text_in: str | None = None,
    timeout_s: float = COMMAND_TIMEOUT_S,
    cwd: Path | None = None,
) -> str:
    """Run a command and return its stdout.

    Raises:
        CommandFailed: its exit code is not 0.
    """
    done = subprocess.run(
        command,
        input=text_in,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        cwd=cwd,
        check=False,
    )
    if done.returncode:
        raise CommandFailed(f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float) -> float:
    """Poll until the condition holds, and return the seconds that took.

    Raises:
        AssertionError: it does not within the time.
    """
    began_s = time.monotonic()
    while not condition():
        if time.monotonic() - began_s > timeout_s:
            raise AssertionError(f"not within {timeout_s} s: {what}")
        time.sleep(0.2)
    return time.monotonic() - began_s


@dataclass(frozen=True, slots=True)
class Cluster:
    """A context of a kubeconfig file."""

    kubeconfig: Path
    context: str

    @property
    def kind_name(self) -> str | None:
        """The name that kind knows it by; None where it is not kind's."""
        is_kind = self.context.startswith("kind-") and shutil.which("kind") is not None
        return self.context.removeprefix("kind-") if is_kind else None

    @property
    def flags(self) -> tuple[str, ...]:
        """What kubectl needs to reach it."""
        return ("--kubeconfig", str(self.kubeconfig), "--context", self.context)

    def namespace(self, name: str) -> Namespace:
        """Return a namespace, which need not exist yet."""
        return Namespace(self, name)

    def kubectl(self, *arguments: str, text_in: str | None = None, timeout_s: float = 300) -> str:
        """Run kubectl and return its stdout."""
        return run("kubectl", *self.flags, *arguments, text_in=text_in, timeout_s=timeout_s)

    def has_api(self, group: str) -> bool:
        """Tell whether the cluster serves a group of resources."""
        return group in self.kubectl("api-versions")


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace, and what is in it."""

    cluster: Cluster
    name: str

    def kubectl(self, *arguments: str, text_in: str | None = None, timeout_s: float = 300) -> str:
        """Run kubectl in the namespace and return its stdout."""
        return self.cluster.kubectl(
            "--namespace", self.name, *arguments, text_in=text_in, timeout_s=timeout_s
        )

    def get(self, *arguments: str) -> dict[str, Any]:
        """Return what ``kubectl get`` gives, as JSON."""
        found: dict[str, Any] = json.loads(self.kubectl("get", *arguments, "--output", "json"))
        return found

    def apply(self, *manifests: Mapping[str, Any]) -> None:
        """Apply manifests."""
        items = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
        self.kubectl("apply", "--filename", "-", text_in=json.dumps(items))

    def helm(self, *arguments: str, values: Mapping[str, Any] | None = None) -> str:
        """Run helm in the namespace; values: given to it as a file."""
        flags = ("--kubeconfig", str(self.cluster.kubeconfig), "--kube-context")
        command = ["helm", *flags, self.cluster.context, "--namespace", self.name, *arguments]
        if values is None:
            return run(*command)
        return run(*command, "--values", "-", text_in=json.dumps(values))

    def ask(self, pod: str, path: str) -> str:
        """Return what a pod answers to a GET, asked by way of the API server.

        Raises:
            CommandFailed: the answer is no success; its text has the body.
        """
        return self.kubectl(
            "get", "--raw", f"/api/v1/namespaces/{self.name}/pods/{pod}:8080/proxy{path}"
        )

    @contextmanager
    def port_forward(self, target: str, port: int | str) -> Iterator[str]:
        """Forward a free port of loopback to a Service or pod; return the base URL."""
        command = ["kubectl", *self.cluster.flags, "--namespace", self.name, "port-forward"]
        process = subprocess.Popen(
            [*command, target, f":{port}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.search(r"127\.0\.0\.1:(\d+)", line)
            assert found, f"kubectl port-forward said: {line}"
            yield f"http://127.0.0.1:{found[1]}"
        finally:
            process.kill()
            process.communicate()


@dataclass(frozen=True, slots=True)
class Release:
    """An installed chart of ours."""

    namespace: Namespace
    name: str

    @property
    def selector(self) -> str:
        """Its pods' labels."""
        labels = {"name": "skerry", "instance": self.name, "component": "server"}
        return ",".join(f"app.kubernetes.io/{key}={value}" for key, value in labels.items())

    def install(self, values: Mapping[str, Any], *, wait: bool = True) -> None:
        """Install it, or bring it to these values."""
        waiting = ("--wait", "--timeout", "180s") if wait else ()
        self.namespace.helm("upgrade", "--install", self.name, str(CHART), *waiting, values=values)

    def uninstall(self) -> None:
        """Take it away, and wait until its pods are gone."""
        self.namespace.helm("uninstall", self.name, "--wait", "--timeout", "180s")
        self.namespace.kubectl(
            "wait", "--for=delete", "pod", "--selector", self.selector, "--timeout=120s"
        )

    def pods(self) -> list[dict[str, Any]]:
        """Return its pods that are not ending."""
        found = self.namespace.get("pods", "--selector", self.selector)["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def identities(self) -> dict[str, int]:
        """Return the restarts of each pod, by UID."""
        return {
            pod["metadata"]["uid"]: sum(
                status["restartCount"] for status in pod["status"].get("containerStatuses", [])
            )
            for pod in self.pods()
        }

    def ready_pods(self) -> list[str]:
        """Return the names of the pods that are ready."""
        return [
            pod["metadata"]["name"]
            for pod in self.pods()
            for condition in pod["status"].get("conditions", [])
            if condition["type"] == "Ready" and condition["status"] == "True"
        ]

    def traffic(self, pod: str, model: str = "iris") -> dict[str, Any]:
        """Return the traffic policy that a pod has in force."""
        answer: dict[str, Any] = json.loads(
            self.namespace.ask(pod, f"/api/v1/models/{model}/traffic")
        )
        return answer

    def expected_generation(self) -> str:
        """Return the generation that the chart's ConfigMap says its policy has."""
        found = self.namespace.get("configmaps", "--selector", self.selector)["items"]
        generations = [item["metadata"]["annotations"].get("skerry/generation") for item in found]
        return next(str(generation) for generation in generations if generation)

    def wait_for_generation(self, generation: str, *, timeout_s: float = 180) -> float:
        """Wait until every pod has this policy, and return the seconds that took."""

        def is_everywhere() -> bool:
            names = [pod["metadata"]["name"] for pod in self.pods()]
            return all(self.traffic(name)["generation"] == generation for name in names)

        return wait_until(is_everywhere, f"generation {generation} in every pod", timeout_s)
